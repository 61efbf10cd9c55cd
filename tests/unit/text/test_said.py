"""Times in prose: found where they say enough to be read or asked about, and nothing else is taken
for one.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.said import MOST, find_times

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "It began at 2026-11-20 15:00 EST and went on.",
            [("2026-11-20 15:00 EST", "2026-11-20T20:00")],
        ),
        ("Since 3pm EST nothing works", [("3pm EST", "2026-11-21T20:00")]),
        ("again on 03/04 14:00, then quiet", [("03/04 14:00", None)]),
        ("down since Nov 20 15:00 PST.", [("Nov 20 15:00 PST", "2026-11-20T23:00")]),
        (
            "on 20 November 2026 at 3:04 pm CET we saw",
            [("20 November 2026 at 3:04 pm CET", "2026-11-20T14:04")],
        ),
        ("yesterday at 10:30 UTC", [("yesterday at 10:30 UTC", "2026-11-21T10:30")]),
        ("14:00 UTC on 20 November 2026", [("14:00 UTC on 20 November 2026", "2026-11-20T14:00")]),
        ("at 09:15 +0530 today", [("09:15 +0530 today", "2026-11-22T03:45")]),
        (
            "from 10:00 UTC to 11:00 UTC",
            [("10:00 UTC", "2026-11-21T10:00"), ("11:00 UTC", "2026-11-21T11:00")],
        ),
        ("at 10:30 it was slow", []),
        ("version 2.10.3 of 14 apps, port 5432:5432, ratio 16:9", []),
        ("build 2026.11.20 took 15:00 minutes", []),
        ("ruby 3/4 of the time", []),
        ("the H12s at 2026-11-20T15:00:00.123+00:00 heroku[router]: at=error", []),
        ("call +1 555 010 1234 or 10.0.0.1:8080", []),
        ("MONDAY MEETING AT LAST", []),
    ],
)
def test_times_in_prose(text: str, found: list[tuple[str, str | None]]) -> None:
    read = [
        (one.original, one.utc.isoformat()[:16] if one.utc else None)
        for one in find_times(text, AT)
    ]
    assert read == found
    assert all(one.utc or one.ambiguous_because for one in find_times(text, AT))


@given(st.text(max_size=400))
def test_any_text_may_come(text: str) -> None:
    assert len(find_times(text + " 3pm EST " + text, AT)) <= MOST
