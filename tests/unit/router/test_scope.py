"""What support covers: the three exclusions with what nearly is one, what the requester is told,
and that they can insist.
"""

from __future__ import annotations

from typing import Any

import pytest

from services.router.team.scope import EXCLUSIONS, scope_of
from shared.events import InsistScope, Kind, Priority, Scope, Solve
from tests.unit.router.building import Ticket, open_ticket, policy, request

DEBUG = "Can you find the bug in my function? It returns a wrong value, also on my laptop."
REWRITE = "Could your team rewrite our application code so that it runs on the platform?"
PATCH = "Please patch the paperclip gem for us, upstream is unmaintained."

SCOPES: list[tuple[str, dict[str, Any], str]] = [
    ("one's own code", {"body": DEBUG}, "general_debugging"),
    (
        "asked for in the subject",
        {"subject": "Please debug my code", "body": "NoMethodError: undefined method"},
        "general_debugging",
    ),
    ("work done for them", {"body": REWRITE}, "rewriting_for_compatibility"),
    (
        "the same as a question",
        {"kind": Kind.QUESTION, "body": REWRITE},
        "rewriting_for_compatibility",
    ),
    ("other people's software", {"body": PATCH}, "patching_third_party"),
    ("urgent is always looked at", {"body": DEBUG, "priority": Priority.URGENT}, ""),
    ("architecture is for architects", {"kind": Kind.ARCHITECTURE, "body": REWRITE}, ""),
    ("a provider judges for itself", {"addon": "redisco", "body": DEBUG}, ""),
    ("an error code of the platform", {"body": f"{DEBUG} The log says code=H10."}, ""),
    ("a build that fails", {"body": f"{PATCH} Until then: push rejected, failed to compile."}, ""),
    ("something went down", {"body": f"{REWRITE} The app is down since noon."}, ""),
    (
        "how to do it oneself",
        {"kind": Kind.QUESTION, "body": "How do I port my application to the platform?"},
        "",
    ),
    (
        "code that runs elsewhere",
        {"body": "My code works on my laptop, here it does not start."},
        "",
    ),
    (
        "software of the platform",
        {"body": "Will you patch the OpenSSL package on the stack image? There is a CVE."},
        "",
    ),
    (
        "a general question",
        {"kind": Kind.QUESTION, "body": "Which library do you recommend for background jobs?"},
        "",
    ),
    ("moving an app to a team", {"body": "Please change our app to another team."}, ""),
    ("an app's settings", {"body": "Could you please update our app's stack and plan?"}, ""),
]


@pytest.mark.parametrize(
    ("fields", "rule"), [row[1:] for row in SCOPES], ids=[row[0] for row in SCOPES]
)
def test_scope(fields: dict[str, Any], rule: str) -> None:
    verdict = scope_of(open_ticket(**fields))
    assert (verdict.rule, verdict.scope) == (rule, Scope.NOT_COVERED if rule else Scope.COVERED)
    assert bool(verdict.reason) == bool(rule)
    assert verdict.trail and all(line.because for line in verdict.trail)
    assert [
        line.rule for line in verdict.trail if line.matched and line.rule != "always_covered"
    ] == ([rule] if rule else [])


def test_every_exclusion_has_a_row_above() -> None:
    assert {rule.__name__ for rule, _ in EXCLUSIONS} == {rule for *_, rule in SCOPES if rule}


def told(ticket: Ticket) -> Any:
    return next((fact for fact in ticket.log if fact.type == "ScopeDecided"), None)


def test_not_covered_is_answered_with_the_reason_and_pointers_and_stays_open() -> None:
    ticket = Ticket(open_ticket("free", body=DEBUG))
    fact = told(ticket)
    assert ticket.log[0].scope is fact.scope is Scope.NOT_COVERED  # type: ignore[attr-defined]
    assert (
        "general debugging" in fact.reason
        and fact.pointers == policy().pointers
        and fact.trail[-1].matched
    )
    assert ticket.row and (ticket.row.status, ticket.row.queue, ticket.row.scope) == (
        "new",
        "platform",
        Scope.NOT_COVERED,
    )


def test_what_is_covered_is_not_commented_on_but_its_rules_are_in_the_trail() -> None:
    ticket = Ticket(open_ticket())
    assert told(ticket) is None
    routed: Any = ticket.log[2]
    assert {rule.__name__ for rule, _ in EXCLUSIONS} < {line.rule for line in routed.trail}


def test_the_requester_can_insist_once_and_a_person_looks() -> None:
    ticket = Ticket(open_ticket("free", body=DEBUG))
    (fact,) = ticket.take(request(InsistScope, "free", information="It fails here only.", id="r1"))
    assert (fact.type, fact.scope, fact.rule, fact.information) == (
        "ScopeDecided",
        Scope.COVERED,
        "insisted",
        "It fails here only.",
    )
    assert ticket.row and ticket.row.scope is Scope.COVERED
    assert (
        ticket.take(request(InsistScope, "free", information="Really.", id="r2"))[0].code
        == "scope-covered"
    )


def test_insisting_on_what_is_covered_or_solved_is_refused() -> None:
    assert (
        Ticket(open_ticket()).take(request(InsistScope, "premier", information="x"))[0].code
        == "scope-covered"
    )
    ticket = Ticket(open_ticket("free", body=DEBUG))
    ticket.take(request(Solve, "agent", resolution="See the pointers."))
    assert ticket.take(request(InsistScope, "free", information="x"))[0].code == "not-in-this-state"


KINDS: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "no architects on this plan: pointers",
        "premium",
        {"body": "Which region suits us?"},
        "platform",
        "architecture_for_plans",
    ),
    ("architects answer", "premier", {"body": "Which region suits us?"}, "csa", ""),
    (
        "broken is not theirs",
        "premier",
        {"body": "H10 on every request since noon."},
        "platform",
        "break_fix_sent_as_architecture",
    ),
    (
        "nor a free account's",
        "free",
        {"body": "H10 on every request since noon."},
        "platform",
        "break_fix_sent_as_architecture",
    ),
    ("the add-on's provider answers", "free", {"addon": "redisco"}, "provider:redisco", ""),
]


@pytest.mark.parametrize(
    ("who", "fields", "queue", "rule"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
def test_the_requester_is_told_what_becomes_of_an_architecture_question(
    who: str, fields: dict[str, Any], queue: str, rule: str
) -> None:
    ticket = Ticket(open_ticket(who, kind=Kind.ARCHITECTURE, subject="Our regions", **fields))
    fact = told(ticket)
    assert ticket.row and (ticket.row.queue, ticket.row.kind) == (queue, Kind.ARCHITECTURE), (
        "the kind stays what the customer chose"
    )
    assert (fact.rule if fact else "") == rule
    if fact:
        assert fact.reason and fact.scope is Scope.COVERED
        assert bool(fact.pointers) == (rule == "architecture_for_plans")
