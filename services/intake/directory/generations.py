"""Which making of an account a document belongs to, and what ends with an account. Pure.

An address can come back: its account is removed, and later somebody else gets the address. So an
account says since when it is there, and its tokens and its password say which making of it they are
of (`shared.people.identity.is_of`). Intake writes both; what a caller sends there does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.people.folding import fold_address
from shared.people.sign_in import INVITATIONS, SECOND_STEPS, invitation_id
from shared.people.subscriptions import KIND as SUBSCRIPTIONS
from shared.people.subscriptions import subscription_id

Document = Mapping[str, Any]
Documents = Callable[[str, str], Document | None]
"""The directory: kind and id → document."""

_KEPT = ("since", "links_since", "time_zone", "date_style")
"""Fields of an account that its owner's doings change, never an admin's document."""


def with_generation(
    kind: str, doc_id: str, document: Document, documents: Documents, now: datetime
) -> dict[str, Any]:
    """The document with what says which making of the account it is (of). Not yet checked.

    `documents` are those that will stand: the ones of the same load included. An account that was
    here before `since` was known stays without; it has never been removed.
    """
    if kind == "accounts":
        standing = documents("accounts", doc_id)
        known = {"since": _text(now)} if standing is None else standing
        # What a caller sends for these fields does not count: they are intake's to write.
        plain = {name: held for name, held in document.items() if name not in _KEPT}
        return plain | {name: known[name] for name in _KEPT if known.get(name) is not None}
    if kind in ("tokens", "credentials"):
        email = doc_id if kind == "credentials" else fold_address(str(document.get("email", "")))
        # Tokens and passwords say which making of the account they are of.
        plain = {name: held for name, held in document.items() if name != "account_since"}
        if (since := since_of(documents("accounts", email), now)) is not None:
            plain["account_since"] = since
        return plain
    return dict(document)


def since_of(account: Document | None, now: datetime) -> str | None:
    """What a document of the account says that it is of. An account that is not known yet is taken
    for one that is on its way.
    """
    if account is None:
        # On its way: the account comes in the same load, at this very time.
        return _text(now)
    return None if account.get("since") is None else str(account["since"])


def ends_with(email: str, tokens: Iterable[str], documents: Documents) -> list[tuple[str, str]]:
    """Kind and id of all that ends with the account. `tokens`: the ids of all tokens."""
    theirs = [
        token
        for token in tokens
        if (found := documents("tokens", token)) is not None
        and fold_address(str(found.get("email", ""))) == email
    ]
    wanted = [
        ("credentials", email),
        (SECOND_STEPS, email),
        (INVITATIONS, invitation_id(email)),
        (SUBSCRIPTIONS, subscription_id(email)),
        *(("tokens", token) for token in sorted(theirs)),
    ]
    return [(kind, doc_id) for kind, doc_id in wanted if documents(kind, doc_id) is not None]


def _text(at: datetime) -> str:
    return at.isoformat()
