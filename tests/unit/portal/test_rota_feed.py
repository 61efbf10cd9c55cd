"""The calendar feed, read by a calendar library of its own parsing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar
from pydantic import SecretStr

from services.portal.pages_rota import may_read_feed, moment
from services.portal.rota import calendar_of
from shared import links
from shared.errors import Refused
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


class Directory:
    def __init__(self, roles: list[str] | None) -> None:
        self.roles = roles

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        return (
            {"email": doc_id, "roles": self.roles} if self.roles is not None and (kind, doc_id) == ("accounts", "lee@example.com") else None
        )


@pytest.mark.parametrize(("roles", "is_read"), [(["on-call"], True), (["agent"], True), ([], False), (["requester"], False), (None, False)])
def test_a_feed_ends_with_the_work_of_whoever_it_was_made_for(roles: list[str] | None, is_read: bool) -> None:
    secret, now = SecretStr("a secret of this test"), datetime(2026, 6, 1, tzinfo=UTC)
    token = links.sign(secret.get_secret_value().encode(), links.CALENDAR, "support", "Lee@example.com", now + timedelta(days=400))
    assert may_read_feed(secret, Directory(roles), token, "support", now) is is_read
    assert not may_read_feed(secret, Directory(roles), token, "ops", now)
    assert not may_read_feed(None, Directory(roles), token, "support", now)


@pytest.mark.parametrize("text", ["9999-12-31T23:59", "0001-01-01T00:00+14:00", "soon", ""])
def test_a_time_that_is_none_of_ours_is_a_mistake(text: str) -> None:
    with pytest.raises(Refused) as refused:
        moment(text)
    assert refused.value.status == 422
