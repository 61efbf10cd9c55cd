"""The calendar feed, read by a calendar library of its own parsing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from icalendar import Calendar
from pydantic import SecretStr

from services.portal.on_call.calendar_feed import Edition, calendar_of, uid_of
from services.portal.on_call.pages import FEED_LASTS, may_read_feed, moment
from services.portal.on_call.reads import RotaReads
from shared.errors import Refused
from shared.policy import OnCallPolicy
from shared.policy.on_call.coverage import Shift, whole_shifts
from shared.signed import links
from shared.text.characters import one_line

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EDITION = Edition(7, NOW - timedelta(days=3))


def test_a_calendar_has_one_event_a_shift_whose_name_stays_when_the_person_changes() -> None:
    def fed(person: str | None) -> Calendar:
        planned = [
            Shift(person, NOW, NOW + timedelta(days=7)),
            Shift("bob", NOW + timedelta(days=7), NOW + timedelta(days=14)),
        ]
        return Calendar.from_ical(calendar_of("support", planned, EDITION))

    before, after = fed("ann"), fed(None)
    events = before.walk("VEVENT")
    assert [
        (str(event["summary"]), event.decoded("dtstart"), event.decoded("dtend"))
        for event in events
    ] == [
        ("ann on call: support", NOW, NOW + timedelta(days=7)),
        ("bob on call: support", NOW + timedelta(days=7), NOW + timedelta(days=14)),
    ]
    assert [str(event["uid"]) for event in events] == [
        str(event["uid"]) for event in after.walk("VEVENT")
    ]
    assert str(after.walk("VEVENT")[0]["summary"]) == "Nobody on call: support"
    assert str(before["x-wr-calname"]) == "On call: support"


class Directory:
    def __init__(self, roles: list[str] | None) -> None:
        self.roles = roles

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        return (
            {"email": doc_id, "roles": self.roles}
            if self.roles is not None and (kind, doc_id) == ("accounts", "lee@example.com")
            else None
        )


@pytest.mark.parametrize(
    ("roles", "is_read"),
    [(["on-call"], True), (["agent"], True), ([], False), (["requester"], False), (None, False)],
)
def test_a_feed_ends_with_the_work_of_whoever_it_was_made_for(
    roles: list[str] | None, is_read: bool
) -> None:
    secret, now = SecretStr("a secret of this test"), datetime(2026, 6, 1, tzinfo=UTC)
    token = links.sign(
        secret.get_secret_value().encode(),
        links.CALENDAR,
        "support",
        "Lee@example.com",
        now + timedelta(days=400),
    )
    assert may_read_feed(secret, Directory(roles), token, "support", now) is is_read
    assert not may_read_feed(secret, Directory(roles), token, "ops", now)
    assert not may_read_feed(None, Directory(roles), token, "support", now)


@pytest.mark.parametrize("text", ["9999-12-31T23:59", "0001-01-01T00:00+14:00", "soon", ""])
def test_a_time_that_is_none_of_ours_is_a_mistake(text: str) -> None:
    with pytest.raises(Refused) as refused:
        moment(text)
    assert refused.value.status == 422


POLICY = OnCallPolicy.model_validate(
    {
        "people": {
            name: {"email": f"{name}@example.com", "methods": []} for name in ("ann", "bob")
        },
        "schedules": {
            "support": {
                "zone": "America/New_York",
                "layers": [
                    {
                        "name": "all",
                        "rotation": {
                            "people": ["ann", "bob"],
                            "starts_at": "2026-01-05T09:00:00-05:00",
                            "every": "P7D",
                        },
                    }
                ],
            },
            "alone": {
                "zone": "UTC",
                "layers": [
                    {
                        "name": "all",
                        "rotation": {
                            "people": ["ann"],
                            "starts_at": "2026-01-05T09:00:00Z",
                            "every": "P7D",
                        },
                    }
                ],
            },
        },
        "escalation": {},
    }
)


@given(hours=st.integers(0, 24 * 40), schedule=st.sampled_from(["support", "alone"]))
def test_a_shift_has_one_name_whenever_its_calendar_is_fetched(hours: int, schedule: str) -> None:
    """The feed's window moves on with the time; what it cuts off is no part of a shift's name."""

    def named(at: datetime) -> dict[str, datetime]:
        found = whole_shifts(POLICY, schedule, at - timedelta(days=14), at + timedelta(days=90))
        return {uid_of(schedule, shift): shift.since for shift in found}

    first, later = named(NOW), named(NOW + timedelta(hours=hours))
    both = first.keys() & later.keys()
    assert len(first) - len(both) <= hours // (24 * 7) + 1
    if schedule == "support":
        assert all(first[name] == later[name] for name in both)
        assert all(
            since.astimezone(ZoneInfo("America/New_York")).hour == 9 for since in first.values()
        )
    else:
        assert first.keys() == later.keys() == {"alone-always@signalbox"}


def test_a_calendar_fetched_twice_is_the_same_bytes() -> None:
    planned = [Shift("ann", NOW, NOW + timedelta(days=7))]
    assert calendar_of("support", planned, EDITION) == calendar_of("support", planned, EDITION)
    (event,) = Calendar.from_ical(calendar_of("support", planned, EDITION)).walk("VEVENT")
    assert (event["sequence"], event.decoded("dtstamp")) == (7, EDITION.published_at)


_ANY = st.text(st.characters(codec=None, categories=None), max_size=300)
"""Every code point, lone surrogates too."""


@given(schedule=_ANY, person=_ANY)
@example("a\rb\nc\x85d\u2028e", "x" * 300)
@example('Wochenende; \\, "süd"', "日本語" * 60)
@example("\x1b[31m\ufffe\ud800\x00", "BEGIN:VEVENT\r\nEND:VCALENDAR")
def test_a_calendar_is_valid_whatever_its_names_are(schedule: str, person: str) -> None:
    raw = calendar_of(schedule, [Shift(person, NOW, NOW + timedelta(days=7))], EDITION)
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines), "RFC 5545, 3.1: lines are folded by octets"
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", raw)
    assert b"\r" not in raw.replace(b"\r\n", b"") and b"\n" not in raw.replace(b"\r\n", b"")
    read = Calendar.from_ical(raw)
    (event,) = read.walk("VEVENT")
    who = f"{person} on call" if person else "Nobody on call"
    assert str(event["summary"]) == one_line(f"{who}: {schedule}")
    assert str(read["x-wr-calname"]) == one_line(f"On call: {schedule}")
    assert re.fullmatch(r"[A-Za-z0-9._-]+@signalbox", str(event["uid"]))
    assert read.to_ical() == raw


async def test_both_feeds_keep_their_uids_while_time_goes_on() -> None:
    """A shift that is under way is one event, whenever a calendar program looks."""
    rota = RotaReads(None, lambda: POLICY, lambda: EDITION)  # type: ignore[arg-type]

    async def uids(at: datetime, of_person: bool) -> set[str]:
        raw = await (
            rota.calendar_of_person("ann", at) if of_person else rota.calendar("support", at)
        )
        assert raw is not None
        return {str(event["uid"]) for event in Calendar.from_ical(raw).walk("VEVENT")}

    for of_person in (False, True):
        first = await uids(NOW, of_person)
        for hours in range(1, 48, 5):
            later = await uids(NOW + timedelta(hours=hours), of_person)
            assert len(first - later) <= 1 and len(later - first) <= 1
            assert len(first & later) >= len(first) - 1


class Accounts:
    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        known = (kind, doc_id) == ("accounts", "lee@example.com")
        return {"email": doc_id, "roles": ["agent"], **self.fields} if known else None


@pytest.mark.parametrize(
    ("made_under", "stands", "is_read"),
    [
        (None, None, True),
        (None, "2026-06-01T00:00:00Z", False),
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", True),
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00.000001Z", False),
        ("2026-06-01T00:00:00Z", None, False),
    ],
)
def test_renewing_ends_every_address_made_before(
    made_under: str | None, stands: str | None, is_read: bool
) -> None:
    secret, now = SecretStr("a secret of this test"), datetime(2026, 6, 1, tzinfo=UTC)
    page = links.calendar_of("support", made_under)
    token = links.sign(
        secret.get_secret_value().encode(),
        links.CALENDAR,
        page,
        "lee@example.com",
        now + FEED_LASTS,
    )
    account = Accounts(links_since=stands) if stands else Accounts()
    assert may_read_feed(secret, account, token, "support", now) is is_read


@pytest.mark.parametrize(("since", "is_read"), [("2026-05-01", True), ("2026-06-03", False)])
def test_whoever_gets_the_address_later_gets_no_feed_of_before(since: str, is_read: bool) -> None:
    secret, now = SecretStr("a secret of this test"), datetime(2026, 6, 1, tzinfo=UTC)
    token = links.sign(
        secret.get_secret_value().encode(),
        links.CALENDAR,
        "support",
        "lee@example.com",
        now + FEED_LASTS,
    )
    account = Accounts(since=f"{since}T00:00:00+00:00")
    assert may_read_feed(secret, account, token, "support", now) is is_read


@given(st.text(max_size=60))
def test_no_token_is_read_that_we_did_not_sign(token: str) -> None:
    secret = SecretStr("a secret of this test")
    assert not may_read_feed(secret, Accounts(), token, "support", NOW)
