"""Who asks: bearer tokens of machines and internal tokens the portal mints for its signed-in browsers.

A machine's token is looked up by its SHA-256 (directory kind `tokens`), so the directory never holds one. An internal token
is `sbx.<payload>.<hmac>`: base64url JSON `{email, via, exp}` under HMAC-SHA256 with the installation's secret. Both end at
the account document, read at every request: a role that was taken away is gone at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import orjson

from shared.errors import Refused
from shared.events import Actor, Role, Via

_PREFIX = "sbx."
_ROLES = {role.value: role for role in Role}
_LONGEST = 4096

Need = Literal["read", "write", "mail", "admin"]
"""What a token must be good for: reading; writing on tickets and pages; handing in mail; reference data, policy and imports.

It limits a token, and gives nothing that the roles of its account do not: a token document without `scopes` is good for all.
"""


class Lookup(Protocol):
    """The directory, as a replica keeps it."""

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and by what: `token` is the id of a machine's token, None for a session; `scopes` None is no limit."""

    actor: Actor
    token: str | None = None
    scopes: frozenset[str] | None = None
    until: datetime | None = None

    def is_good_for(self, need: Need) -> bool:
        return self.scopes is None or need in self.scopes


def token_id(token: str) -> str:
    """The id a machine's token has in directory kind `tokens`."""
    return hashlib.sha256(token.encode()).hexdigest()


def mint(email: str, via: Via, secret: str, now: datetime, ttl: timedelta = timedelta(seconds=60)) -> str:
    """A bearer by which the portal speaks for `email` to intake until `now + ttl`."""
    payload = _encode(orjson.dumps({"email": email.lower(), "via": via, "exp": int((now + ttl).timestamp())}))
    return f"{_PREFIX}{payload}.{_seal(payload, secret)}"


def authenticate(bearer: str, lookup: Lookup, secret: str | None, now: datetime, *, need: Need = "read") -> Actor:
    """Who the bearer (without the word `Bearer`) speaks for, with the roles the directory gives them now.

    Raises Refused `unauthenticated` (401) where it is unknown, expired or forged or its account is gone, and
    `insufficient-scope` (403) where the token is not good for `need`.
    """
    return recognise(bearer, lookup, secret, now, need=need).actor


def recognise(bearer: str, lookup: Lookup, secret: str | None, now: datetime, *, need: Need = "read") -> Caller:
    """`authenticate`, with what the bearer is besides: which token, and what it is limited to. Raises the same."""
    if not bearer or len(bearer) > _LONGEST:
        raise _unknown("Send `Authorization: Bearer <token>`.")
    known, scopes, until = None, None, None
    if bearer.startswith(_PREFIX):
        email, via = _opened(bearer, secret, now)
    else:
        known = token_id(bearer)
        document = lookup.get("tokens", known)
        if document is None:
            raise _unknown("This token is not known; it may have been revoked.")
        if ends := document.get("expires_at"):
            until = datetime.fromisoformat(str(ends))
            if now >= until:
                raise _unknown("This token has expired.")
        if (limited := document.get("scopes")) is not None:
            scopes = frozenset(limited)
            if need not in scopes:
                raise Refused("insufficient-scope", f"This token is not good for {need}.", status=403)
        email, via = str(document["email"]), Via.API
    account = lookup.get("accounts", email.lower())
    if account is None:
        raise _unknown("The account of this token is not registered.")
    return Caller(actor_of(account, via), known, scopes, until)


def actor_of(account: Mapping[str, Any], via: Via) -> Actor:
    """The actor an account document describes; a role this version does not know counts for nothing."""
    roles = tuple(_ROLES[name] for name in account.get("roles") or () if name in _ROLES)
    return Actor(
        email=str(account["email"]).lower(),
        name=str(account.get("name") or ""),
        roles=roles or (Role.REQUESTER,),
        provider=account.get("provider"),
        via=via,
    )


def bearer_of(authorization: str | None) -> str:
    """What stands after `Bearer` in an Authorization header; empty where there is none. Raises Refused for other schemes."""
    if not authorization:
        return ""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise _unknown("Only bearer tokens are taken.")
    return token.strip()


def _opened(bearer: str, secret: str | None, now: datetime) -> tuple[str, Via]:
    payload, _, seal = bearer[len(_PREFIX) :].partition(".")
    if secret is None or not hmac.compare_digest(seal.encode(), _seal(payload, secret).encode()):
        raise _unknown("This token is not ours.")
    try:
        found = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        email, via, until = str(found["email"]), Via(found["via"]), float(found["exp"])
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _unknown("This token does not parse.") from error
    if now.timestamp() >= until:
        raise _unknown("This token has expired.")
    return email, via


def _seal(payload: str, secret: str) -> str:
    return _encode(hmac.digest(secret.encode(), b"signalbox.identity\0" + payload.encode(), "sha256"))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unknown(detail: str) -> Refused:
    return Refused("unauthenticated", detail, status=401)
