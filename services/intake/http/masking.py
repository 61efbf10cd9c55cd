"""Secrets in a form are masked before anybody but the door has seen it; what was masked is told to
whoever wrote it. Pure.

The door took the digest of the body before, so a repeat of the same body is still the same request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import BaseModel

from shared.text.redact import MaskedSecret, hint_for, redact, scan_together

# A new field of a form with a name or an id in it belongs here, or a look-alike secret is masked in
# it.
NOT_TEXT = frozenset(
    {
        "app",
        "addon",
        "provider",
        "queue",
        "attachments",
        "token",
        "share_token",
        "email",
        "requester",
        "audience",
        "kind",
        "priority",
        "incident_id",
        "components",
        "corrects",
        "follow_up_of",
        "follows",
        "into",
        "purpose",
    }
)
"""Names and ids: looked up, never shown as they came; and proofs, which are never written down."""

M = TypeVar("M", bound=BaseModel)
Mask = Callable[[str], str]


def mask_form(form: M) -> tuple[M, tuple[MaskedSecret, ...]]:
    """The form with every secret in its texts masked, and what was found, in the order of the
    fields.
    """
    # One scan for all: each costs as much as 2,000 characters, and the texts of a form are short.
    texts = list(_texts_of(form))
    scan = scan_together(texts)

    def mask(text: str) -> str:
        redacted = redact(text, scan)
        found.extend(redacted.found)
        # The same object where nothing was found, so `_form` can tell by `is` what changed.
        return redacted.text if redacted.found else text

    found: list[MaskedSecret] = []
    return _form(form, mask), tuple(found)


def _texts_of(value: object) -> Iterator[str]:
    # `str` itself only: enum members are words of ours, never a customer's text.
    if type(value) is str:
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name not in NOT_TEXT:
                yield from _texts_of(getattr(value, name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _texts_of(part)


def masking_notes(found: Iterable[MaskedSecret]) -> list[str]:
    """A sentence for each kind: what was masked, and what its owner should do, because it has
    travelled here all the same.
    """
    counted = Counter(found)
    return [
        f"We masked {f'{count} secrets' if count > 1 else 'a secret'} in your text ({one.kind}) "
        "and kept no copy. "
        "It was sent over the network and may be in your own logs: "
        f"{one.hint[:1].lower()}{one.hint[1:]}."
        for one, count in counted.items()
    ]


def masking_notes_of_file(name: str, kinds: Iterable[str]) -> list[str]:
    """The same about a file: one sentence for all that was in it; none where nothing was."""
    counted = Counter(kinds)
    if not counted:
        return []
    what = ", ".join(
        f"{kind} ({count} times)" if count > 1 else kind for kind, count in counted.items()
    )
    hints = "; ".join(
        dict.fromkeys(f"{hint[:1].lower()}{hint[1:]}" for hint in map(hint_for, counted))
    )
    return [
        f"We masked secrets in the file {name} ({what}) before it was stored, and kept no copy as "
        "it was. "
        f"It was sent over the network and may be in your own logs: {hints}."
    ]


def _form(form: M, mask: Mask) -> M:
    changed: dict[str, object] = {}
    for name in type(form).model_fields:
        if name not in NOT_TEXT:
            before = getattr(form, name)
            after = _value(before, mask)
            if after is not before:
                changed[name] = after
    # No copy where nothing changed: nearly every form has no secret in it.
    return form.model_copy(update=changed) if changed else form


def _value(value: object, mask: Mask) -> object:
    if type(value) is str:
        return mask(value)
    if isinstance(value, BaseModel):
        return _form(value, mask)
    if isinstance(value, tuple):
        # The tuple itself where nothing in it changed, for the same `is` test.
        parts = tuple(_value(part, mask) for part in value)
        return (
            parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
        )
    return value
