"""Times as written → UTC, or the question to ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.times import IN_THE_FUTURE, exact_times, read_time, span_of

AT = datetime(2027, 3, 2, 16, 30, tzinfo=UTC)
"""A Tuesday, in winter."""

SURE = [
    ("2015-01-01 12:00:00 UTC", "2015-01-01T12:00"),
    ("2027-03-02T07:55:00Z", "2027-03-02T07:55"),
    ("2027-03-02T07:55:00.123Z", "2027-03-02T07:55:00.123"),
    ("2027-03-02T07:55:00-08:00", "2027-03-02T15:55"),
    ("2027-03-02T21:25+0530", "2027-03-02T15:55"),
    ("2027-03-02 16:55 +01", "2027-03-02T15:55"),
    ("20270302T155500Z", "2027-03-02T15:55"),
    ("2027-03-02 07:55 PST", "2027-03-02T15:55"),
    ("2027-03-02 07:55 PT", "2027-03-02T15:55"),
    ("2027-03-02 07:55 Pacific", "2027-03-02T15:55"),
    ("March 2, 2027 7:55 AM Pacific Time", "2027-03-02T15:55"),
    ("Mar 2 7:55am PST", "2027-03-02T15:55"),
    ("7:55am PST on Mar 2nd", "2027-03-02T15:55"),
    ("2 March 2027, 16:55 CET", "2027-03-02T15:55"),
    ("2nd of March 2027 at 10:55 EST", "2027-03-02T15:55"),
    ("02.03.2027 16:55 MEZ", "2027-03-02T15:55"),
    ("2.3.2027 16.55 Uhr MEZ", "2027-03-02T15:55"),
    ("02.03. 16:55 CET", "2027-03-02T15:55"),
    ("2027/03/02 15:55 UTC", "2027-03-02T15:55"),
    ("3/14/2026 9:00 PDT", "2026-03-14T16:00"),
    ("14/3/2026 9:00 UTC", "2026-03-14T09:00"),
    ("02/02/2027 09:00 UTC", "2027-02-02T09:00"),
    ("31 Dec 23:00 UTC", "2026-12-31T23:00"),
    ("Feb 29 2024 10:00 GMT", "2024-02-29T10:00"),
    ("Tue, 02 Mar 2027 15:55:01 GMT", "2027-03-02T15:55:01"),
    ("Tue Mar  2 15:55:01 UTC 2027", "2027-03-02T15:55:01"),
    ("02/Mar/2027:07:55:01 -0800", "2027-03-02T15:55:01"),
    ("1772438101", "2026-03-02T07:55:01"),
    ("1772438101123", "2026-03-02T07:55:01.123"),
    ("1772438101.5", "2026-03-02T07:55:01.5"),
    ("today 15:55 UTC", "2027-03-02T15:55"),
    ("yesterday 15:55 UTC", "2027-03-01T15:55"),
    ("yesterday at 3:55 pm GMT", "2027-03-01T15:55"),
    ("Monday 09:00 UTC", "2027-03-01T09:00"),
    ("2 hours ago", "2027-03-02T14:30"),
    ("about half an hour ago", "2027-03-02T16:00"),
    ("20 min ago", "2027-03-02T16:10"),
    ("an hour ago", "2027-03-02T15:30"),
    ("2027-03-02 15:55 Zulu", "2027-03-02T15:55"),
    ("2027-03-02 1555Z", "2027-03-02T15:55"),
    ("2027-03-02 16:55 Europe/Berlin", "2027-03-02T15:55"),
    ("2027-03-02 21:25 UTC+5:30", "2027-03-02T15:55"),
    ("2027-03-02 07:55 UTC-8", "2027-03-02T15:55"),
    ("2027-03-02 17:55 GMT+2", "2027-03-02T15:55"),
    ("2027-03-03 00:55 JST", "2027-03-02T15:55"),
    ("2027-03-03 02:55 AEDT", "2027-03-02T15:55"),
    ("2026-07-01 07:55 PDT", "2026-07-01T14:55"),
    ("2026-07-01 07:55 PT", "2026-07-01T14:55"),
    ("Mar 2 2027 noon UTC", "2027-03-02T12:00"),
    ("2027-03-02 12am UTC", "2027-03-02T00:00"),
    ("2027-03-02 15h55 UTC", "2027-03-02T15:55"),
    ("2027-03-02 15:55–16:10 UTC", "2027-03-02T15:55"),
    ("Since 2027-03-02 07:55 PST, right after our deploy", "2027-03-02T15:55"),
    ("2027-03-02 at about 15:55 UTC", "2027-03-02T15:55"),
    ("2027-03-02 7:55am pst", "2027-03-02T15:55"),
]

ASKED = [
    ("03/04 14:00", "can be"),
    ("03/04 14:00 UTC", "can be 4 March or 3 April"),
    ("03/04/2026 14:00 UTC", "can be"),
    ("03/04/27 14:00 UTC", "apart"),
    ("2027-03-02 14:05 IST", "India"),
    ("2027-03-02 14:05 CST", "Chicago"),
    ("2027-03-02 14:05 BST", "Britain"),
    ("2027-03-02 07:55", "no time zone"),
    ("07:55", "no time zone"),
    ("today 7:55 am", "no time zone"),
    ("yesterday evening", "no time of day"),
    ("this morning", "no time of day"),
    ("last night 11 pm PST", "midnight"),
    ("2027-03-02", "no time of day"),
    ("Mar 2", "no time of day"),
    ("2 days ago", "no time of day"),
    ("a few minutes ago", "neither"),
    ("since the deploy", "no time in it"),
    ("", "no time in it"),
    ("2026-07-01 07:55 PST", "is not what clocks in Los Angeles show"),
    ("2026-07-01 07:55 CET", "is not what clocks in Berlin show"),
    ("2026-11-01 01:30 PT", "twice"),
    ("2026-03-08 02:30 PT", "jumped over"),
    ("2027-02-30 10:00 PST", "no such day"),
    ("2027-03-02 07:55 PST or 10:55 CET", "several time zones"),
    ("32/45 07:55 UTC", "no such day"),
    ("07:55 UTC on the 2", "how to read its date"),
]

PROPOSED = [
    ("15:55 UTC", "2027-03-02T15:55", "no day"),
    ("07:55 PST", "2027-03-02T15:55", "no day"),
    ("18:00 UTC", "2027-03-01T18:00", "no day"),
    ("2 marzo 2027 15:55 UTC", "2027-03-02T15:55", "as well as we could"),
    ("2. Mai 2026 15:55 UTC", "2026-05-02T15:55", "as well as we could"),
    ("le 2 février 2027 à 15:55 UTC", "2027-02-02T15:55", "as well as we could"),
    ("2027-03-02 17:30 UTC", "2027-03-02T17:30", "later than"),
    ("2028-01-01T00:00:00Z", "2028-01-01T00:00", "later than"),
]


@pytest.mark.parametrize(("written", "utc"), SURE)
def test_a_plain_time_is_read(written: str, utc: str) -> None:
    read = read_time(written, AT)
    assert read == (written.replace("  ", " "), datetime.fromisoformat(utc).replace(tzinfo=UTC), "")


@pytest.mark.parametrize(("written", "asked"), ASKED)
def test_what_can_mean_two_things_is_asked_back(written: str, asked: str) -> None:
    read = read_time(written, AT)
    assert read.utc is None
    assert asked in read.ambiguous_because


@pytest.mark.parametrize(("written", "utc", "why"), PROPOSED)
def test_a_guess_is_said_to_be_one(written: str, utc: str, why: str) -> None:
    read = read_time(written, AT)
    assert read.utc == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert why in read.ambiguous_because


def test_the_zone_of_the_account_is_a_proposal() -> None:
    read = read_time("2027-03-02 16:55", AT, ZoneInfo("Europe/Berlin"))
    assert read.utc == datetime(2027, 3, 2, 15, 55, tzinfo=UTC)
    assert "Europe/Berlin" in read.ambiguous_because
    assert read_time("2027-03-02 16:55 JST", AT, ZoneInfo("Europe/Berlin")).utc == datetime(
        2027, 3, 2, 7, 55, tzinfo=UTC
    )


LOGS = [
    (
        "2027-03-02T07:55:01.123456+00:00 heroku[router]: at=error code=H12",
        "2027-03-02T07:55:01.123456",
    ),
    ("<134>1 2027-03-02T07:55:01+00:00 host app web.1 - - message", "2027-03-02T07:55:01"),
    ('10.0.0.1 - - [02/Mar/2027:07:55:01 +0100] "GET / HTTP/1.1" 503 0', "2027-03-02T06:55:01"),
    ('Started GET "/" for 10.0.0.1 at 2027-03-02 07:55:01 -0800', "2027-03-02T15:55:01"),
    ("2027-03-02 07:55:01.123 UTC [42] ERROR: deadlock detected", "2027-03-02T07:55:01.123"),
    ("ts=1772438101 level=error", "2026-03-02T07:55:01"),
    ('{"timestamp": 1772438101123, "msg": "x"}', "2026-03-02T07:55:01.123"),
    ("1772438101.25 [notice] x", "2026-03-02T07:55:01.25"),
    ("Date: Tue, 02 Mar 2027 07:55:01 GMT", "2027-03-02T07:55:01"),
    ("2027-03-02T23:59:60Z leap", "2027-03-03T00:00:00"),
]


@pytest.mark.parametrize(("line", "utc"), LOGS)
def test_the_times_of_logs_are_read_exactly(line: str, utc: str) -> None:
    (read,) = exact_times(line)
    assert read.utc == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert read.original in line


NOT_EXACT = [
    "Mar  2 07:55:01 host app: x",
    "[Tue Mar 02 07:55:01.12 2027] [error]",
    "2027/03/02 07:55:01 [error]",
    "request 1772438101 took 30000ms",
    "2027-13-40T99:99:99Z",
    "2027-03-02T07:55:01+99:00",
    "v1.2.3",
]


@pytest.mark.parametrize("line", NOT_EXACT)
def test_a_log_without_zone_or_with_other_numbers_says_nothing_exact(line: str) -> None:
    assert not list(exact_times(line))


def test_the_span_of_a_log() -> None:
    log = "\n".join(line for line, _ in LOGS[:5])
    first, last = span_of(log) or pytest.fail("no span")
    assert (first.utc, last.utc) == (
        datetime(2027, 3, 2, 6, 55, 1, tzinfo=UTC),
        datetime(2027, 3, 2, 15, 55, 1, tzinfo=UTC),
    )
    assert span_of("nothing here") is None


@given(st.text(max_size=400))
def test_any_text_is_read_or_asked_about(text: str) -> None:
    read = read_time(text, AT)
    assert read.utc is not None or read.ambiguous_because


@given(
    st.lists(st.sampled_from([t for t, *_ in SURE + ASKED + PROPOSED]), min_size=1, max_size=4).map(
        " ".join
    )
)
def test_any_mixture_is_read_or_asked_about(text: str) -> None:
    read = read_time(text, AT)
    assert read.utc is not None or read.ambiguous_because


@given(st.datetimes(datetime(2000, 1, 1), datetime(2027, 3, 1)), st.integers(-11 * 4, 13 * 4))
def test_iso_is_read_exactly_in_any_zone(moment: datetime, quarters: int) -> None:
    zone = timedelta(minutes=15 * quarters)
    sign, away = ("+", zone) if zone >= timedelta(0) else ("-", -zone)
    written = f"{(moment + zone).isoformat()}{sign}{away.seconds // 3600:02}:{away.seconds % 3600 // 60:02}"
    assert read_time(written, AT) == (written, moment.replace(tzinfo=UTC), "")


def test_what_lies_ahead_is_asked_about() -> None:
    assert read_time((AT + timedelta(minutes=9)).isoformat(), AT).ambiguous_because == ""
    assert (
        read_time((AT + timedelta(minutes=11)).isoformat(), AT).ambiguous_because == IN_THE_FUTURE
    )
