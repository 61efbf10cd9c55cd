"""What a policy document may say: one table for YAML and JSON, for scalars, bounds, addresses and
nights; and what is accepted decides as it says.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from cli.documents.policy_file import DEFAULT, check
from deploy.demo.directory import policies
from services.intake.policies.check import check_policy
from shared.errors import Refused
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.policy.addresses import mistake_of, mistake_of_secret
from shared.policy.on_call.coverage import shifts
from shared.policy.on_call.document import Channel
from shared.policy.on_call.rota import person_on
from shared.policy.working_time import WorkingTime
from shared.policy.writing.documents import examine

pytestmark = pytest.mark.costly

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DESK_TEXT = DEFAULT.read_text()
SINK = "http://127.0.0.1:8025"
ON_CALL_TEXT = (DEFAULT.parent / "on-call.yaml").read_text().replace("${SINK}", SINK)


def with_value(name: str, path: str, value: Any) -> dict[str, Any]:
    """The shipped document with one value changed; `...` removes it."""
    document = copy.deepcopy(policies(SINK)[name])
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    at: Any = document
    for part in way:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return document


TURN = "schedules/ops/rotation"
WEEK = "calendars/business/week/mon"
PHONE = "people/ops/methods/0"
REFUSED: list[tuple[str, str, Any, str]] = [
    # A time of day is text, without a zone.
    (DESK, f"{WEEK}/0/opens", 600, "time of day"),
    (DESK, f"{WEEK}/0/opens", 9.5, "time of day"),
    (DESK, f"{WEEK}/0/opens", "9:00", "time of day"),
    (DESK, f"{WEEK}/0/opens", "09:00Z", "time of day"),
    (DESK, f"{WEEK}/0/opens", "09:00+01:00", "time of day"),
    (DESK, f"{WEEK}/0/opens", "24:00", "time of day"),
    (DESK, f"{WEEK}/0/opens", "32400", "time of day"),
    (DESK, f"{WEEK}/0/closes", True, "time of day"),
    (DESK, f"{WEEK}/0/closes", None, "time of day"),
    # A span has a number and a unit.
    (DESK, "targets/0/within", 1800, "span"),
    (DESK, "targets/0/within", "1800", "span"),
    (DESK, "targets/0/within", "00:30", "span"),
    (DESK, "targets/0/within", "PT30M", "span"),
    (DESK, "targets/0/within", "30 m", "span"),
    (DESK, "targets/0/within", "1_0m", "span"),
    (DESK, "targets/0/within", "-5m", "span"),
    (DESK, "targets/0/within", "٣m", "span"),
    (DESK, "targets/0/within", "0m", "greater than"),
    (DESK, "reopen_window", 604800, "span"),
    (ON_CALL, f"{TURN}/every", 604800, "span"),
    (ON_CALL, "escalation/ops/steps/0/wait", 5, "span"),
    (ON_CALL, "escalation/ops/ack_timeout", 0, "span"),
    (ON_CALL, "send_timeout", 10.0, "span"),
    # An instant has its offset, a day is a day.
    (ON_CALL, f"{TURN}/starts_at", 1736172000, "instant"),
    (ON_CALL, f"{TURN}/starts_at", "1736172000", "instant"),
    (ON_CALL, f"{TURN}/starts_at", "2025-01-06", "instant"),
    (ON_CALL, f"{TURN}/starts_at", "2025-01-06T09:00:00", "instant"),
    (ON_CALL, f"{TURN}/starts_at", "0001-01-01T00:00:00Z", "year"),
    (ON_CALL, f"{TURN}/starts_at", "9999-12-31T23:59:59Z", "year"),
    (DESK, "calendars/business/extra_holidays", [20261224], "string"),
    (DESK, "calendars/business/extra_holidays", ["20261224"], "day"),
    (DESK, "calendars/business/extra_holidays", ["2026-W52-4"], "day"),
    (DESK, "calendars/business/special", {"24.12.2026": "closed"}, "day"),
    (DESK, "calendars/business/special", {"2026-12-24": "9-13"}, "hours"),
    (DESK, "calendars/business/special", {"2026-12-24": False}, "string"),
    (DESK, "calendars/business/special", {"2026-12-24": "09:00-13:00, 12:00-14:00"}, "overlap"),
    # Numbers, words and truths are what they are.
    (DESK, "calendars/always/always", 1, "boolean"),
    (DESK, "calendars/always/always", "true", "boolean"),
    (DESK, "warn_at", ["50"], "integer"),
    (DESK, "warn_at", [50.0], "integer"),
    (DESK, "warn_at", [True], "integer"),
    (DESK, "calendars/business/zone", 5, "string"),
    (DESK, "calendars/business/zone", "EST5EDT4", "IANA"),
    (DESK, "calendars/business/holidays", False, "string"),
    (DESK, "pages", "premier", "array"),
    (DESK, "default_priority", 1, "'low'"),
    (ON_CALL, f"{PHONE}/verified", "yes", "boolean"),
    (ON_CALL, f"{PHONE}/address", 15550100, "string"),
    (ON_CALL, "escalation/ops/repeat", "1", "integer"),
    # Bounds.
    (DESK, "targets/0/within", "9999999d", "too long"),
    (DESK, "targets/14/within", "300d", "not reached"),
    (DESK, "provider_answer/within", "5000d", "too long"),
    (DESK, "warn_at", list(range(1, 40)), "at most"),
    (
        DESK,
        f"{WEEK}",
        [{"opens": "09:00", "closes": "17:00"}, {"opens": "16:00", "closes": "18:00"}],
        "overlap",
    ),
    (DESK, f"{WEEK}", [{"opens": "22:00", "closes": "10:00"}], "tue: windows overlap"),
    (ON_CALL, f"{TURN}/every", "1s", "15 minutes"),
    (ON_CALL, f"{TURN}/every", "14m", "15 minutes"),
    (ON_CALL, f"{TURN}/every", "999999999d", "too long"),
    (ON_CALL, f"{TURN}/months", -1, "greater than"),
    (ON_CALL, f"{TURN}/people", [], "at least 1"),
    (ON_CALL, "escalation/ops/steps", [], "at least 1"),
    (ON_CALL, "escalation/ops/steps", [{"person": "lead", "wait": "5m"}] * 21, "at most"),
    (ON_CALL, "escalation/ops/steps/0/wait", "2d", "too long"),
    (ON_CALL, "escalation/ops/repeat", 11, "less than"),
    (ON_CALL, "escalation", {}, "nobody can be paged"),
    (ON_CALL, "schedules/ops", {"zone": "UTC"}, "either one rotation"),
    (
        ON_CALL,
        "people",
        {**policies(SINK)[ON_CALL]["people"], "": {"email": "x@example.com"}},
        "name",
    ),
    (ON_CALL, "send_timeout", "1h", "too long"),
    # Addresses fit their channel, and stand for nothing.
    (ON_CALL, f"{PHONE}/address", "(hidden)", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "<your url>", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "changeme", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "Example", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "${SINK}/x", "placeholder"),
    (ON_CALL, f"{PHONE}/address", "ftp://x.example", "URL"),
    (ON_CALL, f"{PHONE}/address", "http://", "URL"),
    (
        ON_CALL,
        PHONE,
        {"name": "p", "channel": "sms", "address": "015550100", "verified": True},
        "number",
    ),
    (
        ON_CALL,
        PHONE,
        {"name": "p", "channel": "email", "address": "ops", "verified": True},
        "e-mail",
    ),
    (
        ON_CALL,
        PHONE,
        {"name": "p", "channel": "pagerduty", "address": "abc", "verified": True},
        "routing key",
    ),
    (
        ON_CALL,
        PHONE,
        {"name": "p", "channel": "apprise", "address": "nosuch://x", "verified": True},
        "Apprise",
    ),
    (ON_CALL, "people/ops/email", "ops", "e-mail"),
    (ON_CALL, "people/ops/email", "(hidden)", "e-mail"),
]


@pytest.mark.parametrize(
    ("name", "path", "value", "words"), REFUSED, ids=[f"{r[1]}={r[2]!r:.30}" for r in REFUSED]
)
def test_it_is_refused_by_json_and_by_yaml(name: str, path: str, value: Any, words: str) -> None:
    document = with_value(name, path, value)
    with pytest.raises(Refused) as refused:
        check_policy(name, document, NOW)
    assert any(words in str(error["detail"]) for error in refused.value.extra["errors"])  # type: ignore[attr-defined]
    found = check(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(), name, now=NOW)
    assert found.policy is None
    assert found.mistakes[0].line > 1


UNQUOTED: list[tuple[str, str, str, str, str]] = [
    (
        DESK_TEXT,
        'mon: [{opens: "09:00", closes: "21:00"}]',
        "mon: [{opens: 10:00, closes: 18:00}]",
        "mon",
        "10:00",
    ),
    (DESK_TEXT, "within: 30m", "within: 30", "within", ""),
    (
        ON_CALL_TEXT,
        '"2025-01-06T09:00:00-05:00"',
        "2025-01-06T09:00:00-05:00",
        "starts_at",
        "09:00",
    ),
    (ON_CALL_TEXT, '"2025-01-06T09:00:00-05:00"', "2025-01-06", "starts_at", ""),
    (ON_CALL_TEXT, "verified: true", "verified: yes", "verified", ""),
    (DESK_TEXT, "always: {always: true}", "always: {always: on}", "always", ""),
    (DESK_TEXT, "warn_at: [50, 75, 90]", "warn_at: [0o62, 75, 90]", "warn_at", ""),
    (DESK_TEXT, "warn_at: [50, 75, 90]", "warn_at: [5_0, 75, 90]", "warn_at", ""),
    (ON_CALL_TEXT, "repeat: 1", "repeat: 1e0", "repeat", ""),
]


@pytest.mark.parametrize(("text", "old", "new", "at", "read_as"), UNQUOTED)
def test_yaml_is_read_as_written_or_refused_with_its_line(
    text: str, old: str, new: str, at: str, read_as: str
) -> None:
    assert old in text
    changed = text.replace(old, new, 1)
    found = check(changed, now=NOW)
    if read_as:
        assert found.mistakes == ()
        assert read_as in str(found.document)
        return
    line = next(n for n, line in enumerate(changed.splitlines(), 1) if new in line)
    assert (found.mistakes[0].line, at in found.mistakes[0].path) == (line, True)


def test_unquoted_office_hours_are_office_hours() -> None:
    """Case 01: 10:00 to 18:00 Eastern, four hours from 08:30 are due at 14:00."""
    text = DESK_TEXT.replace('opens: "09:00", closes: "21:00"', "opens: 10:00, closes: 18:00")
    policy = check(text, now=NOW).policy
    assert isinstance(policy, DeskPolicy)
    began = datetime.fromisoformat("2026-12-01T08:30-05:00")
    due = WorkingTime(policy.calendars["business"]).due_at(began, timedelta(hours=4))
    assert due == datetime.fromisoformat("2026-12-01T14:00-05:00")


def layered(*layers: dict[str, Any], zone: str = "America/New_York") -> OnCallPolicy:
    document = with_value(ON_CALL, "schedules/support-primary", {"zone": zone, "layers": [*layers]})
    found = check_policy(ON_CALL, document, NOW)
    assert isinstance(found.policy, OnCallPolicy)
    return found.policy


def layer(name: str, person: str, **week: tuple[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "rotation": {"people": [person], "starts_at": "2025-01-06T09:00:00-05:00"},
    }
    if week:
        made["week"] = {d: [{"opens": o, "closes": c}] for d, (o, c) in week.items()}
    return made


NIGHT = ("22:00", "06:00")
NIGHTS = [
    ("2027-02-01T21:59:59-05:00", "primary"),
    ("2027-02-01T22:00:00-05:00", "secondary"),
    ("2027-02-01T23:30:00-05:00", "secondary"),
    ("2027-02-02T00:00:00-05:00", "secondary"),
    ("2027-02-02T03:00:00-05:00", "secondary"),
    ("2027-02-02T06:00:00-05:00", "primary"),
    ("2027-02-03T05:59:00-05:00", "secondary"),
    ("2027-02-03T23:00:00-05:00", "primary"),
    ("2027-02-01T03:00:00-05:00", "lead"),
    ("2027-01-31T23:00:00-05:00", "lead"),
]


@pytest.mark.parametrize(("at", "who"), NIGHTS)
def test_a_window_of_the_night_closes_the_next_day(at: str, who: str) -> None:
    """Case 07; Sunday's night goes on into Monday."""
    policy = layered(
        layer("day", "primary"),
        layer("night", "secondary", mon=NIGHT, tue=NIGHT),
        layer("weekend", "lead", sun=("20:00", "04:00")),
    )
    moment = datetime.fromisoformat(at)
    assert person_on(policy, "support-primary", moment) == who
    planned = shifts(policy, "support-primary", moment - timedelta(days=9), moment + timedelta(1))
    assert [one.person for one in planned if one.since <= moment < one.until] == [who]


def test_a_whole_day_from_nine_to_nine() -> None:
    policy = layered(layer("all", "primary"), layer("sat", "lead", sat=("09:00", "09:00")))
    found = shifts(policy, "support-primary", NOW, NOW + timedelta(days=7))
    (sat,) = [one for one in found if one.person == "lead"]
    assert sat.until - sat.since == timedelta(days=1)


def test_an_escalation_that_reaches_nobody_is_refused_and_a_gap_is_told() -> None:
    document = with_value(ON_CALL, "schedules/ops/overrides", [])
    for person in document["people"].values():
        for method in person["methods"]:
            method["verified"] = False
    with pytest.raises(Refused, match="can reach nobody"):
        check_policy(ON_CALL, document, NOW)
    document["people"]["lead"]["methods"][0]["verified"] = True
    assert check_policy(ON_CALL, document, NOW).is_usable, "the fallback can be reached"
    gaps = with_value(
        ON_CALL,
        "schedules/ops",
        {"zone": "UTC", "layers": [layer("office", "ops", mon=("09:00", "17:00"))]},
    )
    assert {one.kind for one in check_policy(ON_CALL, gaps, NOW).warnings} >= {"uncovered"}


def test_a_rota_that_changes_too_often_to_be_worked_out_is_refused() -> None:
    stand_ins = [
        {
            "person": "ops",
            "since": f"2026-12-01T00:{n // 60:02}:{n % 60:02}Z",
            "until": "2027-12-01T00:00:00Z",
        }
        for n in range(1000)
    ]
    document = with_value(
        ON_CALL,
        "schedules/ops",
        {
            "zone": "UTC",
            "rotation": {
                "people": ["ops", "lead"],
                "starts_at": "2025-01-06T09:00:00Z",
                "every": "15m",
            },
            "overrides": stand_ins,
        },
    )
    found = examine(ON_CALL, document, NOW)
    assert "changes too often" in found.mistakes[0][1]


SECRETS = [
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjQ1", True),
    ("whsec_" + "A" * 43 + "=", False),
    ("whsec_(hidden)", False),
    ("(hidden)", False),
    ("whsec_", False),
    ("whsec_c2hvcnQ=", False),
    ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjQ1", False),
]


@pytest.mark.parametrize(("secret", "can_sign"), SECRETS)
def test_a_signing_secret_has_a_key(secret: str, can_sign: bool) -> None:
    assert (mistake_of_secret(secret) is None) == can_sign


ADDRESSES = [
    (Channel.EMAIL, "ops@example.com", True),
    (Channel.EMAIL, "ops@bücher.example", True),
    (Channel.EMAIL, "ops@example..com", False),
    (Channel.EMAIL, "a@b@c.example", False),
    (Channel.SMS, "+15550100", True),
    (Channel.VOICE, "+1 555 0100", False),
    (Channel.SMS, "+05550100", False),
    (Channel.WEBHOOK, "https://hooks.example:8443/x?y=1", True),
    (Channel.WEBHOOK, "https://hooks.example:99999/x", False),
    (Channel.WEBHOOK, "https://[::1", False),
    (Channel.WEBHOOK, "javascript:alert(1)", False),
    (Channel.PAGERDUTY, "0123456789abcdef0123456789abcdef", True),
    (Channel.PAGERDUTY, "xxxxxxxx", False),
    (Channel.APPRISE, "ntfy://topic", True),
]


@pytest.mark.parametrize(("channel", "address", "fits"), ADDRESSES)
def test_an_address_fits_its_channel(channel: Channel, address: str, fits: bool) -> None:
    assert (mistake_of(channel, address) is None) == fits
