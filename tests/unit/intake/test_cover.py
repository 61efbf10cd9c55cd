"""Cover for a shift: who may ask whom for what, who may answer, and what the next version of the
on-call document then says.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.forms import fill
from services.intake.policies.check import check_policy
from services.intake.policies.cover import MOST_OVER, AskForm, with_answer, with_ask
from shared.errors import Refused
from shared.events import Actor, Role
from shared.policy import OnCallPolicy
from shared.policy.on_call.cover import AskState, AskStep, state_of
from shared.policy.on_call.coverage import shifts
from shared.policy.on_call.rota import person_on

NOW = datetime.fromisoformat("2025-06-02T12:00:00Z")
"""A Monday; `ann` is on call until the 9th, then `bea`, then `cy`."""
SINCE, UNTIL = "2025-06-03T12:00:00Z", "2025-06-03T18:00:00Z"
PHONE = [
    {"name": "phone", "channel": "webhook", "address": "https://pager.example/x", "verified": True}
]
TURNS = {"people": ["ann", "bea", "cy"], "starts_at": "2025-06-02T00:00:00Z", "every": "7d"}
DOCUMENT: dict[str, Any] = {
    "people": {
        name: {"email": f"{name}@example.com", "methods": PHONE}
        for name in ("ann", "bea", "cy", "dan")
    },
    "schedules": {
        "first": {"zone": "UTC", "rotation": TURNS},
        "alone": {"zone": "UTC", "rotation": TURNS | {"people": ["ann"]}},
    },
    "escalation": {"support": {"steps": [{"schedule": "first", "wait": "5m"}], "fallback": "dan"}},
}
NAMES = {"ann": "Ann Lee", "bea": "Bea"}


def actor(name: str, *roles: Role) -> Actor:
    return Actor(email=f"{name}@example.com", roles=roles or (Role.ON_CALL,))


def asking(**given: str) -> AskForm:
    return fill(AskForm, {"since": SINCE, "until": UNTIL, **given})


def ask(
    document: dict[str, Any], form: AskForm, who: Actor, schedule: str = "first", at: datetime = NOW
) -> dict[str, Any]:
    return with_ask(document, schedule, form, f"ask_{at.timestamp():.0f}", who, at, NAMES)


def answer(
    document: dict[str, Any], step: AskStep, who: Actor, after: timedelta = timedelta(minutes=5)
) -> dict[str, Any]:
    (ask_id,) = [one["id"] for one in document["schedules"]["first"]["asks"][-1:]]
    return with_answer(document, "first", ask_id, step, who, NOW + after, NAMES)


def policy_of(document: dict[str, Any]) -> OnCallPolicy:
    """As it is checked before it is published."""
    found = check_policy("on-call", document, NOW).policy
    assert isinstance(found, OnCallPolicy)
    return found


def asked(**given: str) -> dict[str, Any]:
    return ask(DOCUMENT, asking(**given), actor("ann"))


@pytest.mark.parametrize(
    ("form", "who", "schedule", "code", "says"),
    [
        (asking(), actor("bea"), "first", "invalid", "not on call for all of that time"),
        (
            asking(until="2025-06-09T00:00:01Z"),
            actor("ann"),
            "first",
            "invalid",
            "not on call for all",
        ),
        (asking(since="2025-06-02T12:00:00Z"), actor("ann"), "first", "invalid", "a time to come"),
        (asking(until=SINCE), actor("ann"), "first", "invalid", "end after it begins"),
        (asking(until="2025-09-01T00:00:00Z"), actor("ann"), "alone", "invalid", "60 days"),
        (asking(), actor("ann"), "alone", "invalid", "Nobody else takes turns"),
        (asking(of="dan"), actor("ann"), "first", "invalid", "dan takes no turns"),
        (asking(of="ann"), actor("ann"), "first", "invalid", "somebody else"),
        (asking(), actor("eve"), "first", "forbidden", "people of the rota"),
        (asking(), actor("ann", Role.AGENT), "first", "forbidden", "people of the rota"),
        (asking(), actor("ann"), "third", "no-such-schedule", "first"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    form: AskForm, who: Actor, schedule: str, code: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        ask(DOCUMENT, form, who, schedule)
    assert refused.value.code == code
    assert says in refused.value.detail


def test_an_ask_changes_nothing_of_who_is_on_call() -> None:
    before, after = policy_of(DOCUMENT), policy_of(asked(of="bea", word="The dentist."))
    ahead = (NOW, NOW + timedelta(days=30))
    assert shifts(after, "first", *ahead) == shifts(before, "first", *ahead)
    (found,) = after.schedules["first"].asks
    assert (found.by, found.of, found.word, found.asked_at) == ("ann", "bea", "The dentist.", NOW)
    assert "asks" not in DOCUMENT["schedules"]["first"], "the version before stays as it was"


def test_the_same_time_is_asked_for_once() -> None:
    with pytest.raises(Refused) as refused:
        ask(asked(), asking(since="2025-06-03T17:00:00Z"), actor("ann"))
    assert (refused.value.code, refused.value.status) == ("already-asked", 409)
    later = asking(since=UNTIL, until="2025-06-03T20:00:00Z")
    both = ask(asked(), later, actor("ann"), at=NOW + timedelta(minutes=1))
    assert len(both["schedules"]["first"]["asks"]) == 2


def test_who_accepts_is_on_call_for_that_time_alone() -> None:
    accepted = policy_of(answer(asked(), AskStep.ACCEPT, actor("bea")))
    at = [datetime.fromisoformat(text) for text in (SINCE, UNTIL)]
    assert [person_on(accepted, "first", one) for one in at] == ["bea", "ann"]
    assert person_on(accepted, "first", at[0] - timedelta(seconds=1)) == "ann"
    (found,) = accepted.schedules["first"].asks
    assert (found.end, found.ended_by) == ("accepted", "bea")
    assert found.ended_at == NOW + timedelta(minutes=5)


A_DAY = timedelta(days=1)
ANN, BEA, CY, DAN = (actor(name) for name in ("ann", "bea", "cy", "dan"))


@pytest.mark.parametrize(
    ("before", "step", "who", "after", "code", "says"),
    [
        ([], AskStep.ACCEPT, BEA, A_DAY - timedelta(seconds=1), "", ""),
        ([], AskStep.ACCEPT, BEA, A_DAY, "ask-over", "Its time has begun. Ann Lee stays"),
        ([], AskStep.ACCEPT, ANN, timedelta(0), "forbidden", "not asked"),
        ([], AskStep.ACCEPT, DAN, timedelta(0), "forbidden", "not asked"),
        ([], AskStep.WITHDRAW, BEA, timedelta(0), "forbidden", "Whoever asked"),
        ([], AskStep.WITHDRAW, ANN, timedelta(0), "", ""),
        ([(AskStep.ACCEPT, BEA)], AskStep.ACCEPT, CY, timedelta(0), "ask-over", "Bea took it"),
        ([(AskStep.ACCEPT, BEA)], AskStep.WITHDRAW, ANN, timedelta(0), "ask-over", "Bea took it"),
        ([(AskStep.WITHDRAW, ANN)], AskStep.ACCEPT, CY, timedelta(0), "ask-over", "Ann Lee with"),
        ([(AskStep.DECLINE, BEA)], AskStep.ACCEPT, CY, timedelta(0), "", ""),
        ([(AskStep.DECLINE, BEA)], AskStep.ACCEPT, BEA, timedelta(0), "", ""),
        ([(AskStep.DECLINE, BEA)], AskStep.DECLINE, BEA, timedelta(0), "already-so", "already"),
        (
            [(AskStep.DECLINE, BEA), (AskStep.DECLINE, CY)],
            AskStep.ACCEPT,
            CY,
            timedelta(0),
            "ask-over",
            "Everybody who was asked declined",
        ),
    ],
)
def test_who_may_answer_and_until_when(
    before: list[tuple[AskStep, Actor]],
    step: AskStep,
    who: Actor,
    after: timedelta,
    code: str,
    says: str,
) -> None:
    document = asked()
    for done, by in before:
        document = answer(document, done, by, timedelta(0))
    if not code:
        assert answer(document, step, who, after) != document
        return
    with pytest.raises(Refused) as refused:
        answer(document, step, who, after)
    assert refused.value.code == code
    assert says in refused.value.detail


def test_only_the_one_who_is_named_may_answer() -> None:
    document = asked(of="bea")
    with pytest.raises(Refused) as refused:
        answer(document, AskStep.ACCEPT, CY)
    assert refused.value.status == 403
    declined = answer(document, AskStep.DECLINE, BEA)
    assert declined["schedules"]["first"]["asks"][0]["end"] == "declined"


def test_an_agent_who_stands_in_the_document_gets_no_right_by_it() -> None:
    with pytest.raises(Refused) as refused:
        answer(asked(), AskStep.ACCEPT, actor("bea", Role.AGENT))
    assert refused.value.code == "forbidden"


def test_an_ask_is_moot_where_somebody_else_was_put_in_meanwhile() -> None:
    document = asked()
    stand_in = {"person": "dan", "since": "2025-06-03T13:00:00Z", "until": "2025-06-03T14:00:00Z"}
    document["schedules"]["first"]["overrides"] = [stand_in]
    policy = OnCallPolicy.model_validate(document)
    assert state_of(policy, "first", policy.schedules["first"].asks[0], NOW) is AskState.MOOT
    with pytest.raises(Refused) as refused:
        answer(document, AskStep.ACCEPT, BEA)
    assert "The rota has changed" in refused.value.detail


def test_what_is_over_for_long_is_left_to_the_versions_before() -> None:
    document = copy.deepcopy(asked())
    waiting = document["schedules"]["first"]["asks"][0]
    over = [
        {**waiting, "id": f"ask_old{n}", "end": "withdrawn", "ended_by": "ann", "ended_at": SINCE}
        for n in range(MOST_OVER + 3)
    ]
    document["schedules"]["first"]["asks"] = [*over, waiting]
    later = asking(since=UNTIL, until="2025-06-03T20:00:00Z")
    kept = [one["id"] for one in ask(document, later, ANN)["schedules"]["first"]["asks"]]
    assert kept[0] == "ask_old3"
    assert waiting["id"] in kept
    assert len(kept) == MOST_OVER + 2
