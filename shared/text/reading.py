"""The times of a new ticket, as they are recorded with its request and shown in UTC beside what was
written. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from shared.events import TimeRead, UrgentDetails
from shared.text.ansi import readable
from shared.text.said import find_times
from shared.text.times import TimeReading, read_time, span_of

SAID = "said"
"""The field of a time said in the body's prose."""

# Characters of what was written, as it is shown in the text of a page.
_LONGEST = 120
# Bounds the time; what customers say about the beginning stands near the top.
_MOST_OF_A_BODY = 20_000
_ALREADY_UTC = ("Z", "UTC", "GMT", "+00:00", "+0000")


def times_of(
    urgent: UrgentDetails | None, body: str, at: datetime, zone: tzinfo | None = None
) -> tuple[TimeRead, ...]:
    """`began_at` as read, or what to ask; the span of the logs; without `began_at`, that of the
    body's exact times and each one said in its prose (field `said`), where they are not in UTC
    already."""
    found: list[TimeRead] = []
    body = readable(body)
    began = (urgent.began_at if urgent else None) or ""
    if began.strip():
        found.append(_make_time_read("began_at", read_time(began, at, zone)))
    if urgent and urgent.logs:
        found += _span("logs", readable(urgent.logs))
    # A time of the form is the customer's own answer: the text is not searched for another one.
    if not began.strip():
        found += [
            read
            for read in _span("body", body[:_MOST_OF_A_BODY])
            # A time in UTC already needs no second form beside it.
            if not read.original.endswith(_ALREADY_UTC)
        ]
        found += [
            _make_time_read(SAID, read)
            for read in find_times(body, at, zone)
            if not read.original.endswith(_ALREADY_UTC)
        ]
    return tuple(found)


def began_in_words(times: Sequence[TimeRead]) -> str:
    """`2027-03-02 15:55 UTC (written: 2027-03-02 07:55 PST)`, for a page's text; empty where nobody
    said.
    """
    began = next((read for read in times if read.field == "began_at"), None)
    if began is None:
        return ""
    written = began.original if len(began.original) <= _LONGEST else began.original[:_LONGEST] + "…"
    if began.utc is None:
        return f"{written} (not clear in UTC)"
    return f"{began.utc.astimezone(UTC):%Y-%m-%d %H:%M} UTC (written: {written})"


def _span(field: str, text: str) -> list[TimeRead]:
    span = span_of(text)
    if span is None:
        return []
    # One where the first and the last are the same.
    return [_make_time_read(field, read) for read in dict.fromkeys(span)]


def _make_time_read(field: str, read: TimeReading) -> TimeRead:
    return TimeRead(
        field=field, original=read.original, utc=read.utc, ambiguous_because=read.ambiguous_because
    )
