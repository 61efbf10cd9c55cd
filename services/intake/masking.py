"""Secrets in a form are masked before anybody but the door has seen it; what was masked is told to whoever wrote it. Pure.

The door took the digest of the body before, so a repeat of the same body is still the same request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel

from shared.text.redact import Masked, hint_for, redact

NOT_TEXT = frozenset({
    "app", "addon", "provider", "queue", "attachments", "token", "share_token", "email", "audience", "kind", "priority", "incident_id",
    "components", "corrects", "follow_up_of", "purpose",
})  # fmt: skip
"""Names and ids: looked up, never shown as they came; and proofs, which are never written down."""

M = TypeVar("M", bound=BaseModel)


def masked(form: M) -> tuple[M, tuple[Masked, ...]]:
    """The form with every secret in its texts masked, and what was found, in the order of the fields."""
    found: list[Masked] = []
    return _form(form, found), tuple(found)


def said(found: Iterable[Masked]) -> list[str]:
    """A sentence for each kind: what was masked, and what its owner should do, because it has travelled here all the same."""
    counted = Counter(found)
    return [
        f"We masked {f'{count} secrets' if count > 1 else 'a secret'} in your text ({one.kind}) and kept no copy. "
        f"It was sent over the network and may be in your own logs: {one.hint[:1].lower()}{one.hint[1:]}."
        for one, count in counted.items()
    ]


def said_of_file(name: str, kinds: Iterable[str]) -> list[str]:
    """The same about a file: one sentence for all that was in it; none where nothing was."""
    counted = Counter(kinds)
    if not counted:
        return []
    what = ", ".join(f"{kind} ({count} times)" if count > 1 else kind for kind, count in counted.items())
    hints = "; ".join(dict.fromkeys(f"{hint[:1].lower()}{hint[1:]}" for hint in map(hint_for, counted)))
    return [
        f"We masked secrets in the file {name} ({what}) before it was stored, and kept no copy as it was. "
        f"It was sent over the network and may be in your own logs: {hints}."
    ]


def _form(form: M, found: list[Masked]) -> M:
    changed: dict[str, object] = {}
    for name in type(form).model_fields:
        if name not in NOT_TEXT:
            before = getattr(form, name)
            after = _value(before, found)
            if after is not before:
                changed[name] = after
    return form.model_copy(update=changed) if changed else form


def _value(value: object, found: list[Masked]) -> object:
    if type(value) is str:
        redacted = redact(value)
        found += redacted.found
        return redacted.text if redacted.found else value
    if isinstance(value, BaseModel):
        return _form(value, found)
    if isinstance(value, tuple):
        parts = tuple(_value(part, found) for part in value)
        return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
    return value
