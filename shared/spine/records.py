"""Whether a record of a reference topic can be read at all. One bad record never ends a reader: it
is skipped, and what was known before stays. Pure.

The same check for every follower, so that all of them keep the same documents. It looks at what
readers rely on and no further: fields of a newer Signalbox are not their business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from shared.errors import Poisonous
from shared.events import Plan, PolicyPublished, Role, Stage

_KINDS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("email",),
    "apps": (),
    "providers": (),
    "teams": (),
    "tokens": ("email",),
    "credentials": ("password_hash",),
    "subscriptions": (),
    "password-resets": ("email",),
    "invitations": ("email",),
    "second-steps": ("secret",),
    "saved-views": ("name", "place"),
}
"""Kind → the fields without which it means nothing, as text."""

# Fields by their shape, the same in every kind: lists of texts, words, texts, instants.
_LISTS = frozenset(
    {"roles", "collaborators", "addons", "aliases", "hosts", "users", "members", "scopes"}
)
_WORDS: Mapping[str, frozenset[str]] = {
    "plan": frozenset(Plan),
    "stage": frozenset(Stage),
    "roles": frozenset(Role),
}
_TEXTS = frozenset(
    {
        *("email", "name", "provider", "owner", "slug", "agent_email", "support_email"),
        *("webhook_url", "webhook_secret", "webhook_secret_previous", "status_url"),
        *("password_hash", "hint", "parent", "target", "what", "kind", "plan", "stage"),
    }
)
_TIMES = frozenset(
    {"created_at", "expires_at", "since", "links_since", "account_since", "deactivated_at"}
)


def check_directory(key: str, value: bytes) -> None:
    """A record of `directory`; no value removes its key. Raises Poisonous."""
    if not value:
        return
    found = _object(value)
    # A record is a DirectoryRecorded or a bare document.
    document = found.get("document", found)
    # Removed by a record that says so.
    if document is None:
        return
    if not isinstance(document, dict):
        raise Poisonous("its document is no object")
    kind = key.partition(":")[0]
    for field in _KINDS.get(kind, ()):
        if not isinstance(document.get(field), str):
            raise Poisonous(f"{field} is not there, or no text")
    # Kinds of a newer Signalbox are kept as they are.
    if kind in _KINDS:
        for field, held in document.items():
            _check_field(field, held)


def check_policies(key: str, value: bytes) -> None:
    """A record of `policies`. Whether its document can be used is the reader's to see. Raises
    Poisonous.
    """
    if not value:
        return
    _object(value)
    try:
        found = PolicyPublished.read(value)
    except ValidationError as error:
        raise Poisonous(f"it is no published policy: {error.error_count()} mistakes") from error
    if found.key != key:
        raise Poisonous(f"it says that it is {found.key!r}")


READABLE: Mapping[str, Callable[[str, bytes], None]] = {
    "directory": check_directory,
    "policies": check_policies,
}
"""Topic → what its records are checked with."""


def _object(value: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Poisonous(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Poisonous("it is no JSON object")
    return found


def _check_field(field: str, held: Any) -> None:
    if held is None:
        return
    if field in _LISTS:
        if not isinstance(held, list) or not all(isinstance(each, str) for each in held):
            raise Poisonous(f"{field} is no list of texts")
    elif field in _TEXTS | _TIMES and not isinstance(held, str):
        raise Poisonous(f"{field} is no text")
    # A word that is not known would be read as something else.
    if field in _WORDS and not _WORDS[field].issuperset(held if field == "roles" else [held]):
        raise Poisonous(f"{field} has a word that is not known here")
    if field in _TIMES:
        try:
            datetime.fromisoformat(held)
        except ValueError as error:
            raise Poisonous(f"{field} is no instant") from error
