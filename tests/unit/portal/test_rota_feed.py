"""The calendar feed, read by a calendar library of its own parsing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from icalendar import Calendar

from services.portal.rota import calendar_of
from shared.policy.coverage import Shift

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_calendar_has_one_event_a_shift_whose_name_stays_when_the_person_changes() -> None:
    def fed(person: str | None) -> Calendar:
        planned = [Shift(person, NOW, NOW + timedelta(days=7)), Shift("bob", NOW + timedelta(days=7), NOW + timedelta(days=14))]
        return Calendar.from_ical(calendar_of("support", planned, NOW))

    before, after = fed("ann"), fed(None)
    events = before.walk("VEVENT")
    assert [(str(event["summary"]), event.decoded("dtstart"), event.decoded("dtend")) for event in events] == [
        ("ann on call: support", NOW, NOW + timedelta(days=7)),
        ("bob on call: support", NOW + timedelta(days=7), NOW + timedelta(days=14)),
    ]
    assert [str(event["uid"]) for event in events] == [str(event["uid"]) for event in after.walk("VEVENT")]
    assert str(after.walk("VEVENT")[0]["summary"]) == "Nobody on call: support"
    assert str(before["x-wr-calname"]) == "On call: support"
