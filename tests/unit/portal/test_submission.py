"""From a form to a document, from a problem to its field, and what is offered to whom."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.homes import DeskTab
from services.portal.tickets.forms import (
    action_document,
    actions_for,
    audiences_for,
    in_words,
    problems_by_field,
    real_action,
    ticket_document,
)
from services.portal.web.words import notes_of, outcome_of, tabs_of_homes, tabs_of_own, teams_of
from shared.events import Actor, Role
from shared.policy import BrandPolicy

KNOWN = frozenset(
    {"subject", "body", "app", "addon", "priority", "urgent.logs", "urgent.third_party_services"}
)


def test_empty_fields_are_left_out() -> None:
    assert ticket_document({"subject": "S", "body": "B", "app": "", "kind": "question"}) == {
        "subject": "S",
        "body": "B",
        "kind": "question",
    }


def test_the_urgent_guide_goes_along_with_an_urgent_ticket_only() -> None:
    fields = {
        "subject": "S",
        "body": "B",
        "urgent.logs": "L",
        "urgent.access_granted": "yes",
        "urgent.third_party_services": "Stripe, , S3",
    }

    assert "urgent" not in ticket_document({**fields, "priority": "high"})
    assert ticket_document({**fields, "priority": "urgent"})["urgent"] == {
        "logs": "L",
        "access_granted": True,
        "third_party_services": ["Stripe", "S3"],
    }


def test_staff_give_nobody_access_for_somebody() -> None:
    fields = {"subject": "S", "body": "B", "priority": "urgent", "urgent.access_granted": "yes"}
    document = ticket_document({**fields, "requester": "ann@example.com"})
    assert (document["requester"], document["urgent"]) == ("ann@example.com", {})


@pytest.mark.parametrize(
    ("action", "fields", "document"),
    [
        ("replies", {"body": "Hi"}, {"body": "Hi", "audience": "everyone"}),
        ("assign", {"to": "provider:redisco"}, {"provider": "redisco"}),
        ("assign", {"to": "queue:csa"}, {"queue": "csa"}),
        ("assign", {"provider": "mailgrid"}, {"provider": "mailgrid"}),
        ("assign", {"to": "__class__:x"}, {}),
        ("review", {"priority": "high", "reason": "R"}, {"priority": "high", "reason": "R"}),
        ("solve", {"resolution": "R"}, {"resolution": "R"}),
        ("hand-back", {"reason": "R"}, {"reason": "R"}),
        ("link", {"incident_id": "inc_a"}, {"incident_id": "inc_a"}),
        ("unlink", {"incident_id": "inc_a"}, {"incident_id": "inc_a"}),
        ("unheard-of", {"reason": "R"}, {}),
    ],
)
def test_actions(action: str, fields: dict[str, str], document: dict[str, str]) -> None:
    assert action_document(action, fields) == document


@pytest.mark.parametrize(
    ("problem", "found"),
    [
        ({"errors": [{"pointer": "#/subject", "detail": "too short"}]}, {"subject": "Too short."}),
        (
            {"errors": [{"pointer": "#/urgent/third_party_services/0", "detail": "x"}]},
            {"urgent.third_party_services": "X."},
        ),
        ({"errors": [{"pointer": "#/nowhere", "detail": "x"}]}, {"form": "X."}),
        (
            {"type": "/problems/not-a-collaborator", "detail": "You are not."},
            {"app": "You are not."},
        ),
        ({"type": "/problems/else", "detail": "No."}, {"form": "No."}),
        (
            {
                "type": "/problems/no-time",
                "detail": "x",
                "errors": [{"pointer": "#/starts_at", "detail": "needed, or not known"}],
            },
            {"form": "Say when it begins."},
        ),
        ({}, {"form": "It was not accepted."}),
    ],
)
def test_problems_stand_at_their_fields(problem: dict[str, Any], found: dict[str, str]) -> None:
    assert problems_by_field(problem, KNOWN) == found


ANN = Actor(email="ann@example.com")
REVIEWER = Actor(email="reviewer@example.com", roles=(Role.REVIEWER,))
AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
OPEN = {"state": "open", "changed_by": "other@example.com"}
BEN = "ben@example.com"
ASKED = {"email": BEN, "until": "2026-01-01T00:00:00Z"}
OFFERED: list[tuple[str, str, Actor, dict[str, Any], list[str]]] = [
    (
        "staff",
        "open",
        AGENT,
        {},
        ["assign", "review", "take", "hand-over", "tag", "merge", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        AGENT,
        {"provider": "redisco"},
        ["assign", "review", "take", "hand-over", "tag", "merge", "take-back", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        AGENT,
        {"owner": AGENT.email},
        ["assign", "review", "hand-over", "release", "tag", "merge", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        AGENT,
        {"owner": ANN.email},
        ["assign", "review", "take", "hand-over", "release", "tag", "merge", "solve", "ask"],
    ),
    ("staff", "solved", AGENT, {"provider": "redisco"}, ["tag", "merge", "reopen", "ask"]),
    ("provider", "open", AGENT, {"provider": "redisco"}, ["hand-back", "solve"]),
    ("customer", "pending", ANN, {}, ["solve", "share", "ask", "access"]),
    ("customer", "pending", Actor(email="colleague@example.com"), {}, ["solve", "share", "ask"]),
    (
        "customer",
        "open",
        ANN,
        {"appeal": {"state": "possible", "changed_by": "system"}},
        ["appeal", "solve", "share", "ask", "access"],
    ),
    ("customer", "open", ANN, {"appeal": OPEN}, ["solve", "share", "ask", "access"]),
    (
        "staff",
        "open",
        REVIEWER,
        {"appeal": OPEN},
        ["assign", "take", "hand-over", "tag", "merge", "decide-appeal", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        AGENT,
        {"appeal": OPEN},
        ["assign", "take", "hand-over", "tag", "merge", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        REVIEWER,
        {"appeal": {**OPEN, "changed_by": REVIEWER.email}},
        ["assign", "take", "hand-over", "tag", "merge", "solve", "ask"],
    ),
    (
        "staff",
        "open",
        REVIEWER,
        {"appeal": {**OPEN, "state": "decided"}},
        ["assign", "take", "hand-over", "tag", "merge", "solve", "ask"],
    ),
    (
        "customer",
        "solved",
        ANN,
        {"rateable": True, "shared_until": "2026-01-01T00:00:00Z"},
        ["reopen", "rate", "share", "unshare", "ask"],
    ),
    (
        "customer",
        "solved",
        Actor(email="colleague@example.com"),
        {"rateable": True},
        ["reopen", "share", "ask"],
    ),
    ("customer", "solved", ANN, {}, ["reopen", "share", "ask"]),
    ("customer", "closed", ANN, {}, []),
    ("customer", "closed", ANN, {"participants": [BEN]}, ["remove"]),
    ("customer", "closed", Actor(email="BEN@example.com"), {"participants": [BEN]}, ["remove"]),
    ("customer", "closed", Actor(email="cy@example.com"), {"participants": [BEN]}, []),
    ("staff", "solved", AGENT, {"asked": [ASKED]}, ["tag", "merge", "reopen", "ask", "remove"]),
    ("provider", "solved", AGENT, {"participants": [BEN]}, ["reopen"]),
]


@pytest.mark.parametrize(("standing", "status", "actor", "more", "offered"), OFFERED)
def test_only_what_is_possible_is_offered(
    standing: str, status: str, actor: Actor, more: dict[str, Any], offered: list[str]
) -> None:
    ticket = {
        "standing": standing,
        "status": status,
        "provider": None,
        "requester": ANN.email,
        "appeal": None,
        "rateable": False,
        "shared_until": None,
        "participants": [],
        **more,
    }
    assert actions_for(ticket, actor) == offered


def test_the_documents_of_the_flow() -> None:
    assert action_document("appeal", {"information": "x"}) == {"information": "x"}
    assert action_document("decide-appeal", {"priority": "high", "reason": "r"}) == {
        "priority": "high",
        "reason": "r",
    }
    assert action_document("rate", {"score": "4", "comment": "c"}) == {"score": 4, "comment": "c"}
    assert action_document("rate", {"score": "many"}) == {"score": 0, "comment": ""}, (
        "intake says what a score is"
    )
    assert action_document("access", {"granted": "yes"}) == {"granted": True}
    assert action_document("share", {"idempotency_key": "k"}) == {}


@pytest.mark.parametrize(
    ("standing", "provider", "audiences"),
    [
        ("staff", "redisco", ["everyone", "provider", "staff"]),
        ("staff", None, ["everyone", "staff"]),
        ("provider", "redisco", ["everyone", "provider"]),
        ("customer", "redisco", ["everyone"]),
    ],
)
def test_audiences(standing: str, provider: str | None, audiences: list[str]) -> None:
    assert [
        name
        for name, _ in audiences_for(
            {"standing": standing, "provider": provider}, "Redisco", "Acme"
        )
    ] == audiences


COUNTS = {
    "total": 5,
    "live": 3,
    "statuses": {"new": 3, "solved": 1, "closed": 1},
    "queues": {"platform": 2, "provider:redisco": 1},
}


def test_tabs_count() -> None:
    assert [(tab["label"], tab["n"], tab["current"]) for tab in tabs_of_own(COUNTS, "solved")] == [
        ("Open", 3, False),
        ("Solved", 2, True),
        ("All", 5, False),
    ]


def test_the_homes_keep_the_filters_and_quarantine_is_counted_to_a_bound() -> None:
    counts = {**dict.fromkeys(DeskTab, 0), DeskTab.NEEDS_US: 7, DeskTab.APPEALS: 2}
    tabs = tabs_of_homes(counts, 1000, {"queue": "csa", "q": "H12", "cursor": "x"}, "appeals")

    assert [(tab["key"], tab["n"]) for tab in tabs if tab["n"] != "0"] == [
        ("needs-us", "7"),
        ("appeals", "2"),
        ("quarantine", "1000+"),
        ("all", None),
    ]
    assert tabs[0]["href"] == "/queue?home=needs-us&queue=csa"
    assert [tab["key"] for tab in tabs if tab["current"]] == ["appeals"]


def test_teams_are_ours_and_then_the_providers() -> None:
    brand = BrandPolicy(desk="Acme Support", architects="Architects")
    teams = teams_of({"provider:redisco", "provider:mailgrid", "csa"}, str.title, brand)
    assert [label for _, label in teams] == ["Acme Support", "Architects", "Mailgrid", "Redisco"]


def test_outcomes() -> None:
    refused = {"state": "refused", "type": "Solve", "reason": "It is solved already."}

    assert (outcome_of(None, "req_x", "tkt_x") or {})["tone"] == "warn"
    assert (outcome_of(refused, "req_x", "tkt_x") or {})["text"] == "It is solved already."
    assert (outcome_of({"state": "done", "type": "AddReply"}, "req_x", "tkt_x") or {})[
        "clears"
    ] == "reply-tkt_x"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, []),
        ({"masked": "0", "missing": "x"}, []),
        ({"masked": "-1", "missing": "٣"}, []),
        ({"masked": "9999"}, []),
        ({"masked": "1"}, ["a secret in your text"]),
        ({"masked": "2", "missing": "8"}, ["2 secrets", "8 of the 9"]),
        ({"missing": "1"}, ["ticket is still missing"]),
    ],
)
def test_what_intake_said_of_a_new_ticket(query: dict[str, str], says: list[str]) -> None:
    notes = notes_of(query)
    assert len(notes) == len(says)
    assert all(words in note for words, note in zip(says, notes, strict=True))


def test_whoever_hands_over_chooses_a_colleague_or_a_team() -> None:
    colleague = {"to": "agent2@example.com", "reason": "You know it."}
    assert real_action("hand-over", colleague) == "hand-over"
    assert action_document("hand-over", colleague) == colleague
    team = {"to": "queue:csa", "reason": ""}
    assert real_action("hand-over", team) == "assign"
    assert action_document("assign", team) == {"queue": "csa"}
    assert action_document("take", {"instead_of": "a@example.com"}) == {
        "instead_of": "a@example.com"
    }
    assert action_document("release", {}) == {"reason": ""}


def test_tags_are_added_with_commas_and_taken_off_one_by_one() -> None:
    assert action_document("tag", {"add": "Needs Info, billing"}) == {
        "add": ["Needs Info", "billing"],
        "remove": [],
    }
    assert action_document("merge", {"into": "tkt_b", "x": "y"}) == {"into": "tkt_b"}
    assert action_document("tag", {"remove": "billing"}) == {"add": [], "remove": ["billing"]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "No."),
        ({"detail": "it is over"}, "It is over."),
        (
            {
                "detail": "#/body: x",
                "errors": [{"pointer": "#/body", "detail": "Please fill this in."}],
            },
            "Please fill this in.",
        ),
    ],
)
def test_what_is_shown_alone_has_no_pointers(document: dict[str, Any], words: str) -> None:
    assert in_words(document, "No.") == words
