"""Who changed what of the directory and of the policies, as the log says it. Pure.

What a document was before is known from the view of it. The log keeps the latest record of each
document of the directory for good and earlier ones for a while, so views that are made anew may
begin with a document's latest change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.portal.projector.tickets import iso
from shared import events as e

Doc = dict[str, Any]

KINDS = (
    "accounts",
    "apps",
    "providers",
    "teams",
    "invitations",
    "tokens",
    "credentials",
    "second-steps",
    "policies",
)
"""Kinds of what is told here. Subscriptions and links for a new password are their owners' own."""
# An entry says that these changed, and never what they were or are.
_SECRET = frozenset({"webhook_secret", "webhook_secret_previous", "password_hash"})
# Marks that the system sets by itself; nobody changed them.
_LEFT_OUT = frozenset({"since", "account_since", "origin"})
HIDDEN = "(hidden)"


def needs_before(event: e.DirectoryRecorded) -> bool:
    """Whether the view of the document says what it was."""
    return event.kind in ("accounts", "apps", "providers", "teams")


def entry_of(event: e.DirectoryRecorded | e.PolicyPublished, before: Doc | None) -> Doc | None:
    """The entry of an event; None for what is not told. `before`: the document as it was."""
    if isinstance(event, e.PolicyPublished):
        return {
            **_head(event, "policies", event.key),
            "change": "published",
            "version": event.version,
            "note": event.note,
            "fields": [],
        }
    if event.kind not in KINDS:
        return None
    after = event.document
    entry = _head(event, event.kind, event.doc_id)
    # The id of a token or an invitation says nothing to people: the entry names the person.
    if event.kind == "tokens":
        held = after or {}
        entry["of"] = held.get("email")
        entry["note"] = " ".join(filter(None, (held.get("name"), held.get("hint"))))
    elif event.kind == "invitations":
        entry["of"] = (after or {}).get("email")
    # Without a view of what it was, "written" is all that can be said of the change.
    known = needs_before(event)
    if after is None:
        change = "removed"
    elif known:
        change = "created" if before is None else "changed"
    else:
        change = "written"
    fields = (
        list(find_differences(before or {}, after or {})) if known and after is not None else []
    )
    return {**entry, "change": change, "fields": fields}


def find_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Doc]:
    """`{field, before, after}` of what differs, secrets hidden."""
    for name in sorted({*before, *after} - _LEFT_OUT):
        if before.get(name) != after.get(name):
            yield {
                "field": name,
                "before": _open(name, before.get(name)),
                "after": _open(name, after.get(name)),
            }


def _open(name: str, value: Any) -> Any:
    return HIDDEN if name in _SECRET and value is not None else value


def _head(event: e.DirectoryRecorded | e.PolicyPublished, kind: str, doc_id: str) -> Doc:
    return {
        "_id": event.id,
        "at": iso(event.at),
        "by": event.actor.email if event.actor else None,
        "via": event.actor.via.value if event.actor else None,
        "kind": kind,
        "doc_id": doc_id,
        "about": f"{kind}:{doc_id}",
    }
