"""Who asks: bearer tokens of machines and internal tokens the portal mints for its signed-in
browsers.

A machine's token is looked up by its SHA-256 (directory kind `tokens`), so the directory never
holds one. An internal token is `sbx.<payload>.<hmac>`: base64url JSON `{email, via, exp}` under
HMAC-SHA256 with the installation's secret. Both end at the account document, read at every request:
a role that was taken away is gone at once. A token that another one made ends with that one, and
what is of an earlier account of the same address opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import orjson

from shared.errors import Refused
from shared.events import Actor, Role, Via
from shared.people.folding import fold_address

_PREFIX = "sbx."
_ROLES = {role.value: role for role in Role}
# Characters. Bounds the work that a stranger's header can cause.
_LONGEST = 4096
MOST_PARENTS = 5
"""A token made by a token made by …: so far and no further."""

Need = Literal["read", "write", "mail", "admin"]
"""What a token must be good for: reading; writing on tickets and pages; handing in mail; reference
data, policy and imports.

It limits a token, and gives nothing that the roles of its account do not: a token document without
`scopes` is good for all.
"""


class Lookup(Protocol):
    """The directory, as a replica keeps it."""

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and by what: `token` is the id of a machine's token, None for a session; `scopes`
    None is no limit.
    """

    actor: Actor
    token: str | None = None
    scopes: frozenset[str] | None = None
    until: datetime | None = None

    def is_good_for(self, need: Need) -> bool:
        return self.scopes is None or need in self.scopes


def token_id(token: str) -> str:
    """The id a machine's token has in directory kind `tokens`."""
    return hashlib.sha256(token.encode()).hexdigest()


def mint(
    email: str, via: Via, secret: str, now: datetime, ttl: timedelta = timedelta(seconds=60)
) -> str:
    """A bearer by which the portal speaks for `email` to intake until `now + ttl`."""
    payload = _encode(
        orjson.dumps(
            {"email": fold_address(email), "via": via, "exp": int((now + ttl).timestamp())}
        )
    )
    return f"{_PREFIX}{payload}.{_seal(payload, secret)}"


def authenticate(
    bearer: str, lookup: Lookup, secret: str | None, now: datetime, *, need: Need = "read"
) -> Actor:
    """Who the bearer (without the word `Bearer`) speaks for, with the roles the directory gives
    them now.

    Raises Refused `unauthenticated` (401) where it is unknown, expired or forged or its account is
    gone, and `insufficient-scope` (403) where the token is not good for `need`.
    """
    return recognise(bearer, lookup, secret, now, need=need).actor


def recognise(
    bearer: str, lookup: Lookup, secret: str | None, now: datetime, *, need: Need = "read"
) -> Caller:
    """`authenticate`, with what the bearer is besides: which token, and what it is limited to.
    Raises the same.
    """
    # Before anything is hashed or looked up.
    if not bearer or len(bearer) > _LONGEST:
        raise _unknown("Send `Authorization: Bearer <token>`.")
    known, scopes, until = None, None, None
    if bearer.startswith(_PREFIX):
        email, via = _unseal_session(bearer, secret, now)
    else:
        # Cheap checks first. Every message says what its owner can do, and none says whether an
        # address exists.
        known = token_id(bearer)
        document = lookup.get("tokens", known)
        if document is None:
            raise _unknown("This token is not known; it may have been revoked.")
        if ends := document.get("expires_at"):
            until = datetime.fromisoformat(str(ends))
        if is_over(document, now):
            raise _unknown("This token has expired.")
        # A token of an earlier account of the same address must open nothing.
        if not is_of(document, lookup.get("accounts", fold_address(str(document["email"])))):
            raise _unknown("The account of this token is not registered.")
        _check_parents(document, lookup, now)
        # No `scopes` in the document: good for all, as it was before scopes came.
        if (limited := document.get("scopes")) is not None:
            scopes = frozenset(limited)
            if need not in scopes:
                raise Refused(
                    "insufficient-scope", f"This token is not good for {need}.", status=403
                )
        email, via = str(document["email"]), Via.API
    # Read again for both kinds of bearer: roles are those of now.
    account = lookup.get("accounts", fold_address(email))
    if account is None:
        raise _unknown("The account of this token is not registered.")
    if not is_active(account):
        raise _unknown("This account is deactivated.")
    return Caller(actor_of(account, via), known, scopes, until)


def is_over(token: Mapping[str, Any], now: datetime) -> bool:
    """Whether a token's document says that it has expired."""
    ends = token.get("expires_at")
    return bool(ends) and now >= datetime.fromisoformat(str(ends))


def is_active(account: Mapping[str, Any] | None) -> bool:
    """Whether there is an account that may do anything: a deactivated one is kept and opens
    nothing.
    """
    return account is not None and account.get("deactivated_at") is None


def is_of(document: Mapping[str, Any], account: Mapping[str, Any] | None) -> bool:
    """Whether a token, a password or a session is of this account, and not of an earlier one that
    had the same address, or was deactivated. An account without `since` is older than that field.
    """
    if account is None or not is_active(account):
        return False
    # A document without `account_since` is older than the account's `since`: it was another
    # account's.
    since, of = account.get("since"), document.get("account_since")
    if since is None:
        return True
    return of is not None and datetime.fromisoformat(str(of)) >= datetime.fromisoformat(str(since))


def parents_of(token: Mapping[str, Any], lookup: Lookup) -> Iterator[Mapping[str, Any] | None]:
    """The token that made it, the one that made that, …; None for one that is gone, and then no
    more. Never more than one beyond MOST_PARENTS.
    """
    # One more than is allowed, so that the caller sees a chain that is too long.
    for _ in range(MOST_PARENTS + 1):
        if token.get("parent") is None:
            return
        found = lookup.get("tokens", str(token["parent"]))
        yield found
        if found is None:
            return
        token = found


def _check_parents(token: Mapping[str, Any], lookup: Lookup, now: datetime) -> None:
    """Raises Refused where a token it comes from was revoked, has expired or lost its account."""
    for number, parent in enumerate(parents_of(token, lookup)):
        if (
            parent is None
            # Too long a chain is refused as well: nobody makes one by accident.
            or number >= MOST_PARENTS
            or is_over(parent, now)
            or not is_of(parent, lookup.get("accounts", fold_address(str(parent.get("email", "")))))
        ):
            raise _unknown("The token that made this one is no longer good.")


def actor_of(account: Mapping[str, Any], via: Via) -> Actor:
    """The actor an account document describes; a role this version does not know counts for
    nothing.
    """
    # A newer installation may have written a role that this version does not know.
    roles = tuple(_ROLES[name] for name in account.get("roles") or () if name in _ROLES)
    return Actor(
        email=fold_address(str(account["email"])),
        name=str(account.get("name") or ""),
        # Nobody has no role: an account without one is a requester.
        roles=roles or (Role.REQUESTER,),
        provider=account.get("provider"),
        via=via,
    )


def bearer_of(authorization: str | None) -> str:
    """What stands after `Bearer` in an Authorization header; empty where there is none. Raises
    Refused for other schemes.
    """
    if not authorization:
        return ""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise _unknown("Only bearer tokens are taken.")
    return token.strip()


def _unseal_session(bearer: str, secret: str | None, now: datetime) -> tuple[str, Via]:
    payload, _, seal = bearer[len(_PREFIX) :].partition(".")
    # The seal first: nothing of a forged token is parsed.
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
    return _encode(
        hmac.digest(secret.encode(), b"signalbox.identity\0" + payload.encode(), "sha256")
    )


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unknown(detail: str) -> Refused:
    return Refused("unauthenticated", detail, status=401)
