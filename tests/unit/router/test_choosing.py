"""Whom a new ticket is given to: who is at work, who fits, who has the fewest, whose turn it is."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.router.ticket.choosing import choose
from services.router.ticket.opening import make_opening
from shared.events import Load, Priority
from shared.policy import Assign, Assignee, DeskPolicy, Ownership
from tests.unit.router.building import AT, open_ticket, policy

NIGHT = datetime.fromisoformat("2025-07-09T03:00:00+00:00")
ADA = Assignee(email="Ada@example.com", name="Ada", hours="business")
ABEL = Assignee(email="abel@example.com", hours="business", skills=frozenset({"kind:question"}))
OWL = Assignee(email="owl@example.com", hours="always", skills=frozenset({"plan:premier"}))
CARL = Assignee(email="carl@example.com", hours="always", teams=("csa",))


def rules(assign: Assign, *people: Assignee) -> DeskPolicy:
    return policy().model_copy(update={"ownership": Ownership(assign=assign, people=people)})


def chosen(rule: DeskPolicy, queue: str = "platform", **fields: Any) -> str | None:
    """The address; `-` where nobody is at work, None where nobody is asked for."""
    choice = choose(open_ticket(**fields), queue, Priority.NORMAL, rule)
    if choice is None:
        return None
    return choice.person.email if choice.person else "-"


def with_loads(**tickets: int) -> dict[str, Any]:
    admission = open_ticket().admission
    loads = tuple(Load(email=f"{name}@example.com", tickets=n) for name, n in tickets.items())
    return {"admission": admission.model_copy(update={"loads": loads})}


TABLE: list[tuple[str, DeskPolicy, str, dict[str, Any], str | None]] = [
    ("off", rules(Assign.OFF, ADA), "platform", {}, None),
    ("nobody is in the team", rules(Assign.IN_TURN, ADA), "csa", {}, None),
    ("a provider has it", rules(Assign.IN_TURN, ADA), "provider:redisco", {}, None),
    ("it was imported", rules(Assign.IN_TURN, ADA), "platform", {"imported": "zendesk"}, None),
    ("the only one", rules(Assign.IN_TURN, ADA, CARL), "platform", {}, ADA.email),
    ("nobody is at work", rules(Assign.IN_TURN, ADA), "platform", {"at": NIGHT}, "-"),
    ("who is at work", rules(Assign.IN_TURN, ADA, OWL), "platform", {"at": NIGHT}, OWL.email),
    ("who fits", rules(Assign.IN_TURN, ADA, ABEL, OWL), "platform", {}, OWL.email),
    ("nobody fits", rules(Assign.IN_TURN, ADA), "platform", {"kind": "question"}, ADA.email),
    ("the team of architects", rules(Assign.IN_TURN, ADA, CARL), "csa", {}, CARL.email),
]


@pytest.mark.parametrize(
    ("case", "rule", "queue", "fields", "who"), TABLE, ids=[r[0] for r in TABLE]
)
def test_whom_it_is_given_to(
    case: str, rule: DeskPolicy, queue: str, fields: dict[str, Any], who: str | None
) -> None:
    assert chosen(rule, queue, **fields) == who


def test_whoever_has_the_fewest_and_where_nobody_can_say_whose_turn_it_is() -> None:
    two = rules(Assign.LEAST_LOADED, ADA, Assignee(email="abel@example.com", hours="always"))
    asked = open_ticket()
    for counted, who in (
        ({"ada": 4, "abel": 2}, "abel@example.com"),
        ({"ada": 1, "abel": 2}, ADA.email),
    ):
        known = asked.model_copy(update=with_loads(**counted))
        choice = choose(known, "platform", Priority.NORMAL, two)
        assert choice is not None and choice.person is not None
        assert choice.person.email == who
        assert [tried.rule for tried in choice.trail] == ["at_work", "has_the_fewest_tickets"]
    assert chosen(two) == chosen(rules(Assign.IN_TURN, *two.ownership.people))


def test_turns_are_shared_evenly_and_the_same_ticket_goes_to_the_same_person() -> None:
    three = rules(
        Assign.IN_TURN,
        ADA,
        *(Assignee(email=f"p{n}@example.com", hours="always") for n in range(2)),
    )
    got = Counter(chosen(three, key=f"tkt_{n}") for n in range(900))
    assert all(240 < n < 360 for n in got.values()), got
    assert {chosen(three, key="tkt_x") for _ in range(5)} == {chosen(three, key="tkt_x")}


def test_the_fact_says_by_which_rule_and_that_the_policy_did_it() -> None:
    fact = make_opening(open_ticket(), rules(Assign.IN_TURN, ADA))[-1]
    assert (fact.owner, fact.owner_name, fact.how, fact.by) == (  # type: ignore[attr-defined]
        "ada@example.com",
        "Ada",
        "assigned",
        "system",
    )
    assert [tried.rule for tried in fact.trail] == ["at_work"]  # type: ignore[attr-defined]
    assert (
        make_opening(open_ticket(at=AT + timedelta(hours=13)), rules(Assign.IN_TURN, ADA))[-1].type
        != "OwnerChanged"
    )


def test_a_calendar_that_is_not_there_is_refused() -> None:
    document = policy().model_dump(mode="json") | {
        "ownership": {"people": [{"email": "a@example.com", "hours": "nights"}]}
    }
    with pytest.raises(ValueError, match="works by the calendar 'nights'"):
        DeskPolicy.model_validate(document)
