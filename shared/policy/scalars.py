"""The plain values of policy documents: spans of time, times of day, days, instants. Pure.

A value must mean what it looks like. YAML 1.1 reads an unquoted 10:00 as the number 600, and a
number of seconds says nothing of its unit. So a document that comes in (`STRICT`) has each of
these as text in one form. A document that is in the log already is read as it was read before,
apart from what no decision could use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationInfo

from shared.instants import of_ours

STRICT: Final[Mapping[str, Any]] = {"strict": True}
"""The validation context of a document that comes in."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Stricter than pydantic, which also takes ISO 8601 and bare numbers.
_SPAN = re.compile(r"[0-9]{1,9}[smhd]")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)


def is_strict(info: ValidationInfo) -> bool:
    """Whether a document comes in, and is not only read again."""
    return bool(info.context and info.context.get("strict"))


def read_span(value: object) -> object:
    """`45s`, `30m`, `4h`, `2d` → timedelta; anything else is left to pydantic. Raises
    ValueError.
    """
    if isinstance(value, str) and value[-1:] in _UNITS and value[:-1].isdigit():
        try:
            # Only `STRICT` bounds the digits, and a timedelta holds 999,999,999 days.
            return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})
        except OverflowError as error:
            raise ValueError("a time longer than any calendar") from error
    return value


def _span(value: object, info: ValidationInfo) -> object:
    if is_strict(info) and not (isinstance(value, str) and _SPAN.fullmatch(value)):
        raise ValueError(
            f"{_show_value(value)} is no span of time: write a number and its unit, "
            'as "45s", "30m", "4h" or "2d"'
        )
    return read_span(value)


def _time_of_day(value: object, info: ValidationInfo) -> object:
    if is_strict(info):
        if not (isinstance(value, str) and _TIME.fullmatch(value)):
            raise ValueError(
                f'{_show_value(value)} is no time of day: write it in quotes, as "09:00", without a zone'
            )
        return time.fromisoformat(value)
    return value


def _without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day has no zone of its own: the document names the zone")
    return value


def _instant(value: object, info: ValidationInfo) -> object:
    if is_strict(info):
        if not (isinstance(value, str) and _INSTANT.fullmatch(value)):
            raise ValueError(
                f"{_show_value(value)} is no instant: write the date, the time and its offset, "
                'as "2025-01-06T09:00:00-05:00"'
            )
        # RFC 3339 allows a small `t` and `z`; `fromisoformat` reads a capital Z alone.
        return datetime.fromisoformat(value.upper())
    return value


def check_day(value: str) -> str:
    """An ISO date. Raises ValueError."""
    if not _DAY.fullmatch(value):
        raise ValueError(f"{_show_value(value)} is no day: write it as 2026-12-24")
    # Refuses 2026-02-30, which the pattern lets through.
    date.fromisoformat(value)
    return value


def _show_value(value: object) -> str:
    return repr(value)[:60]


Span = Annotated[timedelta, BeforeValidator(_span), Field(gt=timedelta(0))]
"""Longer than nothing."""
Delay = Annotated[timedelta, BeforeValidator(_span), Field(ge=timedelta(0))]
"""A span, or `0s`."""
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day), AfterValidator(_without_zone)]
"""Local time of the zone that stands beside it."""
Moment = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(of_ours)]
"""An instant in a year that a calendar reaches."""
Day = Annotated[str, AfterValidator(check_day)]
"""An ISO date, as text."""
