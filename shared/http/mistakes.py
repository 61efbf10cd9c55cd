"""A body that does not fit its model, in words: every mistake with its place as a JSON pointer.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from shared.errors import Refused

MOST_MISTAKES = 100
"""Of one body that are told: who has more begins with those."""


def invalid(errors: Sequence[Mapping[str, Any]]) -> Refused:
    """The refusal to raise. `errors` are pydantic's (`loc`, `msg`), with locations from the body's
    root; the first MOST_MISTAKES are told.
    """
    found = [
        {"pointer": pointer(error["loc"]), "detail": words(error["msg"])}
        for error in errors[:MOST_MISTAKES]
    ]
    said = "; ".join(f"{mistake['pointer']}: {mistake['detail']}" for mistake in found[:3])
    # Three in the sentence are enough for a person; programs read `errors`.
    return Refused("invalid", said + ("; …" if len(found) > 3 else ""), extra={"errors": found})


def pointer(location: Iterable[object]) -> str:
    """A location as a JSON pointer in a URI fragment (RFC 6901 section 6): `#/urgent/logs`."""
    return "#" + "".join(
        # `~` first: the other way round the ~ of ~1 would be escaped again. 100 characters: a key
        # is the sender's own text.
        "/" + str(part)[:100].replace("~", "~0").replace("/", "~1")
        for part in location
    )


def words(message: str) -> str:
    """Pydantic's message without its prefix for our own validators."""
    return message.removeprefix("Value error, ")


def sentence(error: Mapping[str, Any]) -> str:
    """What somebody who filled in a form should do about a mistake. `error` is pydantic's, with its
    `type` and `ctx`; what has no sentence here keeps pydantic's message.
    """
    said = _SENTENCES.get(str(error.get("type", "")))
    if said is None:
        return as_sentence(words(str(error["msg"])))
    return said(dict(error.get("ctx") or {}))


def as_sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


_EMPTY = "Please fill this in."
_TIME = "Please give a date and time with its zone, such as 2026-11-22T10:00:00Z."
_SPAN = "Please give a span of time, such as 5m or 2h."
_NUMBER = "Please give a whole number."


def _too_short(ctx: dict[str, Any]) -> str:
    least = int(ctx.get("min_length", 1))
    return _EMPTY if least <= 1 else f"Please write at least {least} characters."


def _pattern(ctx: dict[str, Any]) -> str:
    pattern = str(ctx.get("pattern", ""))
    # The patterns of our own forms, told by what stands in them. A new kind of pattern needs a line
    # here only where its sentence should say more.
    if pattern == r"[^\s]":
        return _EMPTY
    if "x20" in pattern:
        return "Please leave out spaces."
    if "x1f" in pattern:
        return "Please keep this on one line."
    return "This has characters that cannot stand here."


def _describe_choice(ctx: dict[str, Any]) -> str:
    return f"Please choose {ctx.get('expected', 'one of the list')}.".replace("'", "")


def _entries(ctx: dict[str, Any]) -> str:
    return f"Please give at most {ctx.get('max_length')} of these."


def _few(ctx: dict[str, Any]) -> str:
    return f"Please give at least {ctx.get('min_length', 1)} of these."


def _describe_bound(value: Any) -> str:
    """A bound in words: a span of time as people write it."""
    if not isinstance(value, timedelta):
        return str(value)
    seconds = int(value.total_seconds())
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        # The largest unit that leaves no rest, so 90 minutes are not 1.5 hours.
        if seconds and seconds % size == 0:
            return f"{seconds // size} {word}{'s' if seconds != size else ''}"
    return f"{seconds} seconds"


_SENTENCES: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: _EMPTY,
    "string_too_short": _too_short,
    "string_too_long": lambda c: f"Please shorten this to {int(c['max_length']):,} characters.",
    "string_pattern_mismatch": _pattern,
    "string_type": lambda _: "This must be text.",
    "bool_type": lambda _: "Please say yes or no: true or false.",
    "int_type": lambda _: _NUMBER,
    "int_parsing": lambda _: _NUMBER,
    "greater_than_equal": lambda c: f"Please give {_describe_bound(c['ge'])} or more.",
    "less_than_equal": lambda c: f"Please give {_describe_bound(c['le'])} or less.",
    "greater_than": lambda c: f"Please give more than {_describe_bound(c['gt'])}.",
    "less_than": lambda c: f"Please give less than {_describe_bound(c['lt'])}.",
    "enum": _describe_choice,
    "literal_error": _describe_choice,
    "too_long": _entries,
    "too_short": _few,
    "extra_forbidden": lambda _: "There is no such field here: leave it out.",
    "datetime_type": lambda _: _TIME,
    "datetime_parsing": lambda _: _TIME,
    "datetime_from_date_parsing": lambda _: _TIME,
    "timezone_aware": lambda _: _TIME,
    "time_delta_type": lambda _: _SPAN,
    "time_delta_parsing": lambda _: _SPAN,
    "tuple_type": lambda _: "This must be a list.",
    "list_type": lambda _: "This must be a list.",
    "model_type": lambda _: "This must be an object with fields of its own.",
    "model_attributes_type": lambda _: "This must be an object with fields of its own.",
    "dict_type": lambda _: "This must be an object with fields of its own.",
}
"""Pydantic's kind of mistake → what to do about it."""
