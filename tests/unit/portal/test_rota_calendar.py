"""The rota as a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.on_call.calendar import WEEKS, end_of, first_monday, weeks_of

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 4, 2, tzinfo=UTC)
"""In New York the evening of Tuesday, 3 November; the clocks went back on the 1st."""


def shift(person: str | None, since: str, until: str, stand_in: bool = False) -> dict[str, Any]:
    return {"person": person, "since": since, "until": until, "stand_in": stand_in}


ROTA = [
    {
        "schedule": "support-primary",
        "zone": "America/New_York",
        "shifts": [
            shift("ann", "2026-11-02T05:00:00Z", "2026-11-03T14:00:00Z"),
            shift("bob", "2026-11-03T14:00:00Z", "2026-11-05T14:00:00Z", stand_in=True),
            shift(None, "2026-11-05T14:00:00Z", "2026-11-05T17:30:00Z"),
            shift("ann", "2026-11-05T17:30:00Z", "2026-11-30T05:00:00Z"),
        ],
    }
]


def drawn() -> list[list[dict[str, Any]]]:
    begin = first_monday(NOW, NEW_YORK)
    names = {"ann": "Ann Lee"}
    return weeks_of(ROTA, begin, NOW, NEW_YORK, names=names, mine={"bob"})


def said(day: dict[str, Any]) -> list[str]:
    return [
        f"{line['since']} {line['name'] or 'nobody ' + line['nobody']}".strip()
        for line in day["lines"]
    ]


def test_it_begins_on_this_weeks_monday_by_the_rotas_clock() -> None:
    weeks = drawn()
    assert [len(week) for week in weeks] == [7] * WEEKS
    assert weeks[0][0]["date"] == date(2026, 11, 2)
    assert end_of(first_monday(NOW, NEW_YORK), NEW_YORK) == datetime(2026, 11, 23, tzinfo=NEW_YORK)


def test_today_is_marked_once_and_what_is_over_is_told_apart() -> None:
    days = [day for week in drawn() for day in week]
    assert [day["date"].day for day in days if day["is_today"]] == [3]
    assert [day["date"].day for day in days if day["is_past"]] == [2]


def test_a_day_says_who_and_from_when_and_names_gaps() -> None:
    week = drawn()[0]
    assert [said(day) for day in week[:5]] == [
        ["Ann Lee"],
        ["Ann Lee", "09:00 bob"],
        ["bob"],
        ["bob", "09:00 nobody 3 h 30 min", "12:30 Ann Lee"],
        ["Ann Lee"],
    ]


def test_ones_own_shifts_and_stand_ins_are_told_apart() -> None:
    line = drawn()[0][2]["lines"][0]
    assert (line["mine"], line["stand_in"]) == (True, True)
    assert not drawn()[0][0]["lines"][0]["mine"]
