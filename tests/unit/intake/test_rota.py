"""Who may stand in for whom, and what the next version of the on-call document then says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import yaml

from services.intake.forms import fill
from services.intake.policies.check import check_policy
from services.intake.policies.rota import OverrideForm, SwapForm, note_of, with_stand_in
from shared.errors import Refused
from shared.events import Actor, Role
from shared.policy import OnCallPolicy
from shared.policy.on_call.rota import person_on

NOW = datetime.fromisoformat("2025-06-02T12:00:00Z")
SOON, LATER = "2025-06-03T12:00:00Z", "2025-06-04T12:00:00Z"
PHONE = [
    {"name": "phone", "channel": "webhook", "address": "https://pager.example/x", "verified": True}
]
DOCUMENT: dict[str, Any] = {
    "people": {
        name: {"email": f"{name}@example.com", "methods": PHONE}
        for name in ("primary", "secondary", "lead")
    },
    "schedules": {
        "first": {
            "zone": "UTC",
            "rotation": {"people": ["primary", "secondary"], "starts_at": "2025-06-02T00:00:00Z"},
        },
        "second": {
            "zone": "UTC",
            "rotation": {"people": ["lead"], "starts_at": "2025-06-02T00:00:00Z"},
        },
    },
    "escalation": {"support": {"steps": [{"schedule": "first", "wait": "5m"}], "fallback": "lead"}},
}


def actor(name: str, *roles: Role) -> Actor:
    return Actor(email=f"{name}@example.com", roles=roles or (Role.ON_CALL,))


def override(person: str, since: str = SOON, until: str = LATER) -> OverrideForm:
    return fill(OverrideForm, {"person": person, "since": since, "until": until})


def swap(one: str, other: str) -> SwapForm:
    return fill(SwapForm, {"one": one, "other": other, "since": SOON, "until": LATER})


@pytest.mark.parametrize(
    ("form", "who", "on_then"),
    [
        (override("secondary"), actor("secondary"), "secondary"),
        (override("lead"), actor("ops", Role.OPS), "lead"),
        (swap("primary", "lead"), actor("primary"), "lead"),
        (swap("secondary", "lead"), actor("secondary"), "primary"),
    ],
)
def test_a_stand_in_is_on_call_for_that_time_and_not_after(
    form: OverrideForm | SwapForm, who: Actor, on_then: str
) -> None:
    changed = with_stand_in(DOCUMENT, "first", form, who, NOW)
    policy = check_policy("on-call", changed, NOW).policy
    assert isinstance(policy, OnCallPolicy)
    assert person_on(policy, "first", datetime.fromisoformat(SOON)) == on_then
    assert person_on(policy, "first", datetime.fromisoformat(LATER)) == "primary"
    assert DOCUMENT["schedules"]["first"].keys() == {"zone", "rotation"}, (
        "the version before stays as it was"
    )
    assert form.model_dump(include={"person", "one"}).popitem()[1] in note_of(form, "first")


@pytest.mark.parametrize(
    ("form", "who", "code"),
    [
        (override("lead"), actor("primary"), "forbidden"),
        (override("primary"), Actor(email="primary@example.com", roles=(Role.AGENT,)), "forbidden"),
        (swap("secondary", "lead"), actor("primary"), "forbidden"),
        (swap("lead", "lead"), actor("lead"), "invalid"),
        (override("nobody"), actor("ops", Role.OPS), "invalid"),
        (
            override("primary", "2025-06-01T00:00:00Z", "2025-06-02T11:59:59Z"),
            actor("primary"),
            "invalid",
        ),
        (override("primary", LATER, SOON), actor("primary"), "invalid"),
        (override("primary", SOON, "2025-09-01T00:00:00Z"), actor("primary"), "invalid"),
    ],
)
def test_what_is_not_theirs_to_say_or_makes_no_sense_is_refused(
    form: OverrideForm | SwapForm, who: Actor, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        with_stand_in(DOCUMENT, "first", form, who, NOW)
    assert refused.value.code == code


def test_an_unknown_schedule_is_not_found() -> None:
    with pytest.raises(Refused) as refused:
        with_stand_in(DOCUMENT, "third", override("primary"), actor("primary"), NOW)
    assert refused.value.status == 404


def test_stand_ins_long_over_are_left_to_the_versions_before() -> None:
    old = {"person": "lead", "since": "2025-01-01T00:00:00Z", "until": "2025-01-02T00:00:00Z"}
    recent = {"person": "lead", "since": "2025-05-01T00:00:00Z", "until": "2025-05-02T00:00:00Z"}
    before = yaml.safe_load(yaml.safe_dump(DOCUMENT))
    before["schedules"]["first"]["overrides"] = [old, recent]
    changed = with_stand_in(before, "first", override("secondary"), actor("secondary"), NOW)
    assert [one["person"] for one in changed["schedules"]["first"]["overrides"]] == [
        "lead",
        "secondary",
    ]
