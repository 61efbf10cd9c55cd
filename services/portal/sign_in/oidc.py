"""Signing in by somebody else's OpenID provider: authorization code with PKCE (RFC 7636), state,
nonce, and a checked ID token.

Only who is registered here gets in, and only by an address that the provider says it has verified:
nobody is signed up by it. What is asked of the provider stands under a cookie of the browser that
asked, for ten minutes and once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.portal.sign_in.cookies import BOUND
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.people.folding import fold_address
from shared.storage.store import Store

COOKIE = "signalbox_sign_in"
GOOD_FOR = timedelta(minutes=10)
# A provider changes its keys seldom; an unknown key is looked for at once all the same.
KNOWN_FOR = timedelta(hours=1)
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures with a public key: `none`, and HMAC with the client's secret, would let
others sign.
"""

# How far two clocks may be apart, in seconds.
_LEEWAY_S = 60
# Bytes of an answer that are read: a key set is a few kilobytes.
_MOST = 512 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=8, connect=3)

log = structlog.get_logger()


@dataclass(frozen=True)
class OidcProvider:
    """As configured: `issuer` is its address, exactly as it writes it; without `client_secret` this
    is a public client.
    """

    issuer: str
    client_id: str
    client_secret: str | None
    redirect_uri: str
    groups_claim: str = "groups"
    scope: str = "openid email"


@dataclass(frozen=True)
class OidcIdentity:
    """Whoever came back: the verified address, where they were going, and the groups the provider
    says they are in; None where it says nothing about groups.
    """

    email: str
    back: str
    groups: frozenset[str] | None


@dataclass(frozen=True)
class SignInRedirect:
    """Where to send the browser, with which cookie."""

    location: str
    cookie: str


class SignIn:
    """One per process. `close()` at the end."""

    def __init__(self, provider: OidcProvider, store: Store, clock: Clock) -> None:
        self._provider, self._store, self._clock = provider, store, clock
        self._http: aiohttp.ClientSession | None = None
        self._metadata: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def begin(self, back: str) -> SignInRedirect:
        """The way to the provider; `back` is where to go in the end. Raises Unavailable."""
        metadata = await self._discover()
        # Each has a job of its own: who began it, that it is theirs, the token's, and the code's.
        drawn, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        cookie = BOUND + drawn
        until = self._clock.now() + GOOD_FOR
        # Kept here and not in the cookie: the browser gets nothing but a name.
        await self._store["sign_ins"].insert(
            {
                "_id": _name_of(cookie),
                "state": state,
                "nonce": nonce,
                "verifier": verifier,
                "back": back,
                "expires_at": until,
            }
        )
        asked = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._provider.redirect_uri,
            "scope": self._provider.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        address = str(metadata["authorization_endpoint"])
        return SignInRedirect(
            f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}", cookie
        )

    async def finish(self, cookie: str | None, answer: Mapping[str, str]) -> OidcIdentity:
        """Who came back with `answer` in the query.

        Raises Refused `sign-in-failed` (401), with what is wrong in the log alone, and Unavailable.
        """
        # In this order: the sign-in is used up first, so that nothing can be tried twice.
        row = await self._store["sign_ins"].find_one({"_id": _name_of(cookie)}) if cookie else None
        if (
            row is None
            # Of two answers at once only one removes it.
            or await self._store["sign_ins"].delete({"_id": row["_id"]}) != 1
            or row["expires_at"] <= self._clock.now()
        ):
            raise _make_refusal(
                "no such sign-in was begun in this browser, or it was finished before"
            )
        # In constant time, since the state is a secret.
        if not hmac.compare_digest(row["state"].encode(), answer.get("state", "").encode()):
            raise _make_refusal("the state is another")
        if "error" in answer or "code" not in answer:
            raise _make_refusal(f"the provider says {answer.get('error', 'nothing')[:100]!r}")
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise _make_refusal("the answer is another issuer's")  # RFC 9207
        # Only now is the provider asked: all that could be checked without it is checked.
        tokens = await self._exchange_code(answer["code"], row["verifier"])
        header, claims = await self._claims(str(tokens.get("id_token", "")))
        email = check_claims(
            claims,
            self._provider,
            row["nonce"],
            self._clock.now(),
            header=header,
            access_token=tokens.get("access_token"),
        )
        groups = groups_in(claims, self._provider.groups_claim)
        return OidcIdentity(email, str(row["back"]), groups)

    async def _exchange_code(self, code: str, verifier: str) -> dict[str, Any]:
        metadata = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._provider.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        # A public client has no secret: PKCE alone protects the code.
        if self._provider.client_secret is None:
            form["client_id"] = self._provider.client_id
        elif "client_secret_basic" in metadata.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            # Also the standard's default, where the provider does not say what it takes.
            pair = f"{self._provider.client_id}:{self._provider.client_secret}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form |= {
                "client_id": self._provider.client_id,
                "client_secret": self._provider.client_secret,
            }
        status, found = await self._request_json(
            "POST", str(metadata["token_endpoint"]), headers=headers, data=form
        )
        if status != 200:
            raise _make_refusal(f"the code was not taken: {status} {str(found.get('error'))[:100]}")
        return found

    async def _claims(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of the ID token, if the provider signed it. An unknown key is looked
        for once more: keys change.
        """
        for is_fresh in (False, True):
            keys = await self._load_keys(anew=is_fresh)
            try:
                signed = jws.deserialize_compact(token.encode(), keys, algorithms=ALGORITHMS)
                # Read only behind the signature's check.
                claims = orjson.loads(signed.payload)
            except (JoseError, ValueError) as error:
                # The key may be new: with fresh keys it is refused for good.
                if is_fresh:
                    raise _make_refusal(
                        f"the ID token is not signed by the provider: {type(error).__name__}"
                    ) from error
                continue
            if isinstance(claims, dict):
                return dict(signed.headers()), claims
        raise _make_refusal("the ID token says nothing")

    async def _discover(self) -> dict[str, Any]:
        now = self._clock.now()
        if self._metadata is None or now - self._metadata[0] > KNOWN_FOR:
            address = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
            status, found = await self._request_json("GET", address)
            # A document of another issuer would send people somewhere else (OpenID Connect
            # Discovery 4.3).
            if status != 200 or found.get("issuer") != self._provider.issuer:
                raise Unavailable(
                    "sign-in", f"{address} answered {status}, issuer {found.get('issuer')!r}"
                )
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if not all(_is_safe(str(found.get(name, ""))) for name in needed):
                raise Unavailable(
                    "sign-in", f"{address} names no https address for one of {', '.join(needed)}"
                )
            self._metadata = now, found
        return self._metadata[1]

    async def _load_keys(self, *, anew: bool) -> KeySet:
        now = self._clock.now()
        if anew or self._keys is None or now - self._keys[0] > KNOWN_FOR:
            status, found = await self._request_json(
                "GET", str((await self._discover())["jwks_uri"])
            )
            try:
                self._keys = now, KeySet.import_key_set(found)  # type: ignore[arg-type]
            except (JoseError, KeyError, ValueError, TypeError) as error:
                raise Unavailable(
                    "sign-in", f"the keys cannot be read ({status}): {error!r}"
                ) from error
        return self._keys[1]

    async def _request_json(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=_TIMEOUT)
        sent = {"Accept": "application/json", **(headers or {})}
        try:
            # No redirects: secrets go to the address that was configured, or nowhere.
            async with self._http.request(
                method, address, headers=sent, data=data, allow_redirects=False
            ) as answer:
                raw = await answer.content.read(_MOST)
                found = orjson.loads(raw)
                return answer.status, found if isinstance(found, dict) else {}
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise Unavailable("sign-in", f"{address}: {type(error).__name__}") from error


def check_claims(
    claims: Mapping[str, Any],
    provider: OidcProvider,
    nonce: str,
    now: datetime,
    *,
    header: Mapping[str, Any],
    access_token: object = None,
) -> str:
    """The verified e-mail address in lower case. Raises Refused `sign-in-failed`. OpenID Connect
    Core 3.1.3.7.

    `email_verified` must be true (some providers write the word as a string); where it is missing
    nothing is verified.
    """
    params = {"client_id": provider.client_id, "nonce": nonce}
    if isinstance(access_token, str):
        params["access_token"] = access_token
    # Both are required in the token and have one value that is right.
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    token = CodeIDToken(dict(claims), dict(header), options=options, params=params)
    try:
        token.validate(int(now.timestamp()), _LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _make_refusal(f"the ID token does not hold: {error}") from error
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email:
        raise _make_refusal("the ID token names no e-mail address")
    if claims.get("email_verified") not in (True, "true"):
        raise _make_refusal("the provider has not verified the e-mail address")
    return fold_address(email.strip())


def groups_in(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """The groups that a checked ID token lists. None where it lists none at all: a provider that
    leaves the claim out (too many groups, a scope that is missing) says nothing about them.
    """
    found = claims.get(claim)
    if isinstance(found, str):
        return frozenset({found})
    if not isinstance(found, list):
        return None
    return frozenset(each for each in found if isinstance(each, str))


def _make_refusal(why: str) -> Refused:
    # Only the log says what was wrong: an attacker learns nothing from the page.
    log.info("a sign-in by the provider failed", why=why)
    return Refused(
        "sign-in-failed",
        "Signing in did not work. Try again; if it stays so, ask your administrator.",
        status=401,
    )


def _is_safe(address: str) -> bool:
    """https, or a provider on this very machine (tests)."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https"
        or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))
    )


def _name_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
