"""What the router decides, request by request: accepted with which facts, or refused with which
word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.ticket.domain import DECIDE, decide, fire
from services.router.ticket.row import EXCERPT, due_at
from shared import ids
from shared.asks import BY_TOKEN, MAY
from shared.errors import Unavailable
from shared.events import (
    AcceptSuggestion,
    Acknowledge,
    AddReply,
    AnswerAsk,
    AppealPriority,
    AskParticipant,
    AssignTicket,
    Audience,
    CloseTicket,
    ConfirmSender,
    DecideAppeal,
    DismissSuggestion,
    GrantAccess,
    HandBack,
    HandOverTicket,
    InsistScope,
    JoinTicket,
    Kind,
    LinkIncident,
    MergeTicket,
    NoteMerge,
    Plan,
    Priority,
    RateTicket,
    ReleaseTicket,
    RemoveParticipant,
    Reopen,
    Request,
    ReviewPriority,
    RevokeShare,
    ShareTicket,
    Solve,
    Status,
    TagTicket,
    TakeBack,
    TakeTicket,
    UnlinkIncident,
)
from shared.topics import TICKETS
from tests.unit.router.building import (
    AT,
    STAMP,
    Ticket,
    open_ticket,
    policy_of,
    request,
    with_redisco,
)


def types(facts: list[Any]) -> list[str]:
    return [fact.type for fact in facts]


def refusal(facts: list[Any]) -> str:
    assert types(facts) == ["RequestRefused"]
    assert facts[0].reason.endswith(".")
    return str(facts[0].code)


# --- opening
# ---------------------------------------------------------------------------------------------------------


def test_opening_says_what_when_and_where() -> None:
    facts = Ticket(open_ticket("free", kind=Kind.QUESTION)).log
    opened, priority, routed = facts
    assert types(facts) == ["TicketOpened", "PrioritySet", "TicketRouted"]
    assert (opened.requester, opened.plan, opened.first) == ("free@example.com", Plan.FREE, False)  # type: ignore[attr-defined]
    assert (priority.priority, priority.pages, priority.opened_at) == (Priority.NORMAL, False, AT)  # type: ignore[attr-defined]
    assert routed.queue == "platform"  # type: ignore[attr-defined]
    assert [fact.seq for fact in facts] == [1, 2, 3]
    assert {fact.cause for fact in facts} == {"req_open_tkt_a"}


def test_deciding_again_makes_the_same_ids() -> None:
    assert Ticket(open_ticket(addon="redisco")).log == Ticket(open_ticket(addon="redisco")).log


def test_a_chosen_add_on_gets_the_ticket_with_what_its_notices_need() -> None:
    facts = Ticket(open_ticket(addon="redisco", body="It hangs.")).log
    assert types(facts) == ["TicketOpened", "PrioritySet", "TicketRouted", "TicketAssigned"]
    assigned: Any = facts[-1]
    assert (assigned.provider, assigned.queue, assigned.previous, assigned.body) == (
        "redisco",
        "provider:redisco",
        None,
        "It hangs.",
    )
    assert "was chosen and is attached" in assigned.reason


def test_a_weak_hint_is_a_suggestion() -> None:
    ticket = Ticket(open_ticket(subject="redis is slow"))
    assert types(ticket.log) == ["TicketOpened", "PrioritySet", "TicketRouted", "ProviderSuggested"]
    assert ticket.row and (ticket.row.queue, ticket.row.suggestion) == ("platform", "redisco")


PRIORITIES: list[tuple[str, dict[str, Any], Priority, bool, str]] = [
    ("free", {"priority": Priority.URGENT}, Priority.NORMAL, False, "cannot choose"),
    ("free", {}, Priority.NORMAL, False, ""),
    ("premium", {"priority": Priority.URGENT}, Priority.URGENT, False, ""),
    ("enterprise", {"priority": Priority.URGENT}, Priority.URGENT, False, ""),
    ("legacy", {"priority": Priority.URGENT}, Priority.URGENT, True, ""),
    ("premier", {"priority": Priority.URGENT}, Priority.URGENT, True, ""),
    (
        "premier",
        {"priority": Priority.URGENT, "app": "premier-staging"},
        Priority.HIGH,
        False,
        "production apps only",
    ),
    (
        "premier",
        {"priority": Priority.URGENT, "app": "premier-development"},
        Priority.HIGH,
        False,
        "production apps only",
    ),
    ("premier", {"priority": Priority.URGENT, "app": None}, Priority.URGENT, True, ""),
    ("premier", {"priority": Priority.LOW}, Priority.LOW, False, ""),
]


@pytest.mark.parametrize(("who", "fields", "priority", "pages", "reason"), PRIORITIES)
def test_priority(
    who: str, fields: dict[str, Any], priority: Priority, pages: bool, reason: str
) -> None:
    asked = open_ticket(who, **fields)
    fact: Any = Ticket(asked).log[1]
    assert (fact.priority, fact.pages) == (priority, pages)
    assert reason in fact.reason and bool(fact.reason) == bool(reason)
    assert fact.obligation == (ids.obligation_id("tkt_a", asked.id) if pages else None)
    assert asked.pages is pages, "intake and router say the same"


def test_a_second_opening_is_a_reused_key() -> None:
    ticket = Ticket(open_ticket())
    assert (
        refusal(ticket.take(open_ticket(id="req_other", subject="Another")))
        == "idempotency-key-reused"
    )
    assert ticket.take(open_ticket()) == [], "the same request is the same request"


def test_a_ticket_without_a_subject_is_refused_and_can_be_opened_properly_after() -> None:
    ticket = Ticket()
    assert refusal(ticket.take(open_ticket(id="req_blank", subject="  "))) == "no-subject"
    assert "TicketOpened" in types(ticket.take(open_ticket()))


def test_a_policy_version_not_read_yet_makes_it_wait() -> None:
    def away(stamp: dict[str, int]) -> Any:
        raise Unavailable("policy default", f"version {stamp}")

    with pytest.raises(Unavailable):
        decide(None, open_ticket(), away)


def test_requests_on_pages_are_not_ours() -> None:
    assert decide(None, request(Acknowledge, "primary", key="lane_a.b"), policy_of) == []


# --- who may what
# ----------------------------------------------------------------------------------------------------

FIELDS: dict[type[Request], dict[str, Any]] = {
    AddReply: {"body": "Hello."},
    AssignTicket: {"queue": "platform"},
    HandBack: {"reason": "Not ours."},
    TakeBack: {"reason": "Too slow."},
    TakeTicket: {},
    HandOverTicket: {"to": "agent2@example.com"},
    ReleaseTicket: {},
    TagTicket: {"add": ("needs-info",)},
    MergeTicket: {"into": "tkt_b", "into_status": Status.OPEN},
    NoteMerge: {"merged": "tkt_b"},
    DismissSuggestion: {},
    AcceptSuggestion: {},
    InsistScope: {"information": "It fails on the platform only."},
    ReviewPriority: {"priority": Priority.LOW, "reason": "Not that bad."},
    Solve: {"resolution": "Done."},
    Reopen: {},
    AppealPriority: {"information": "The logs."},
    DecideAppeal: {"priority": Priority.URGENT, "reason": "The logs show it."},
    CloseTicket: {"ended": AT + timedelta(days=7)},
    RateTicket: {"score": 4},
    ShareTicket: {"token_hash": "h1", "expires_at": AT + timedelta(days=30)},
    RevokeShare: {},
    JoinTicket: {"token_hash": "h1"},
    AskParticipant: {"email": "colleague@example.org"},
    AnswerAsk: {"agree": True},
    RemoveParticipant: {"email": "colleague@example.org"},
    GrantAccess: {"granted": True},
    LinkIncident: {"incident_id": "inc_a", "title": "Widespread Application Outage"},
    UnlinkIncident: {"incident_id": "inc_a", "title": "Widespread Application Outage"},
    ConfirmSender: {},
}
PLANS: dict[str, Any] = {
    "subject": "Newsletter to 200,000 readers",
    "body": "It goes out on Thursday at 9. How many dynos should we have up before?",
}
"""Reads like a question for the architects."""
NOT_COVERED = {
    "subject": "Please debug my code",
    "body": "My function gives a wrong total, also on my laptop.",
}
LOWERED = (request(ReviewPriority, "admin", priority=Priority.LOW, reason="A workaround exists."),)
SHARED = (request(ShareTicket, "premier", token_hash="h1", expires_at=AT + timedelta(days=30)),)
SOLVED = (request(Solve, "agent2", resolution="Done."),)
BEFORE: dict[type[Request], tuple[Request, ...]] = {
    Reopen: SOLVED,
    ReleaseTicket: (request(HandOverTicket, "agent", to="agent2@example.com"),),
    CloseTicket: SOLVED,
    RateTicket: SOLVED,
    UnlinkIncident: (
        request(LinkIncident, "agent", incident_id="inc_a", title="Widespread Application Outage"),
    ),
    AppealPriority: LOWERED,
    DecideAppeal: (*LOWERED, request(AppealPriority, "premier", information="The logs.")),
    RevokeShare: SHARED,
    JoinTicket: SHARED,
    AnswerAsk: (request(AskParticipant, "premier", email="free@example.com"),),
    RemoveParticipant: (request(AskParticipant, "premier", email="colleague@example.org"),),
}
"""What must have happened so that a request can succeed."""
WORDS = {(JoinTicket, "premier"): "already-joined", (DecideAppeal, "agent"): "not-allowed"} | {
    (JoinTicket, who): "not-for-you" for who in ("agent", "redisco", "mailgrid")
}
WORDS |= {
    (AnswerAsk, who): "not-asked-to-join"
    for who in ("agent", "redisco", "premier", "mailgrid", "stranger")
}
"""Where something else than the side decides."""
SIDES = {
    "agent": "staff",
    "redisco": "provider",
    "premier": "customer",
    "mailgrid": None,
    "stranger": None,
    "free": None,
}


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("who", SIDES)
def test_the_matrix_of_sides_and_requests(kind: type[Request], who: str) -> None:
    ticket = with_redisco()
    if kind is DismissSuggestion:
        ticket = Ticket(open_ticket(subject="redis is slow"))
    if kind is AcceptSuggestion:
        ticket = Ticket(open_ticket(**PLANS))
    if kind is InsistScope:
        ticket = with_redisco(**NOT_COVERED)
    if kind is ConfirmSender:
        ticket = with_redisco(verified=False)
    for before in BEFORE.get(kind, ()):
        assert "RequestRefused" not in types(ticket.take(before))
    facts = ticket.take(request(kind, who, **FIELDS[kind]))
    if (kind, who) in WORDS:
        assert refusal(facts) == WORDS[kind, who]
    elif kind in (JoinTicket, AnswerAsk):
        assert types(facts) == ["ParticipantJoined"]
    elif SIDES[who] is None or (who == "redisco" and kind in (DismissSuggestion, AcceptSuggestion)):
        assert refusal(facts) == "no-such-ticket", "what may not be seen does not exist"
    elif SIDES[who] in MAY[kind.__name__]:
        assert "RequestRefused" not in types(facts)
    else:
        assert refusal(facts) == "not-allowed"


def test_a_providers_user_follows_their_own_ticket_as_a_customer() -> None:
    ticket = Ticket(open_ticket("redisco", app=None))
    said = ticket.take(request(AddReply, "redisco", body="Still so.", id="r1"))
    assert (types(said), said[0].side) == (["ReplyAdded"], "customer")
    assert (
        refusal(ticket.take(request(HandBack, "redisco", reason="Not ours.", id="h1")))
        == "not-allowed"
    ), "nobody assigned it to them"
    assert (
        refusal(ticket.take(request(AddReply, "mailgrid", body="Me too.", id="r2")))
        == "no-such-ticket"
    )
    assert types(
        ticket.take(request(Solve, "redisco", resolution="It was our firewall.", id="s1"))
    ) == ["TicketSolved"]


def test_every_request_on_tickets_is_in_the_tables() -> None:
    assert {kind.__name__ for kind in DECIDE} == set(MAY)
    assert set(FIELDS) == set(DECIDE)
    assert set(MAY) >= BY_TOKEN


# --- replies
# ---------------------------------------------------------------------------------------------------------

REPLIES: list[tuple[str, dict[str, Any], list[str], Status | str]] = [
    ("agent", {}, ["ReplyAdded"], Status.PENDING),
    ("redisco", {}, ["ReplyAdded"], Status.PENDING),
    ("premier", {}, ["ReplyAdded"], Status.NEW),
    ("agent", {"audience": Audience.STAFF}, ["NoteAdded"], Status.OPEN),
    ("agent", {"audience": Audience.PROVIDER}, ["ReplyAdded"], Status.OPEN),
    ("redisco", {"audience": Audience.PROVIDER}, ["ReplyAdded"], Status.OPEN),
    ("premier", {"automatic": True}, ["ReplyAdded"], Status.NEW),
    ("agent", {"automatic": True}, ["ReplyAdded"], Status.NEW),
    ("redisco", {"audience": Audience.STAFF}, ["RequestRefused"], "audience-not-yours"),
    ("premier", {"audience": Audience.PROVIDER}, ["RequestRefused"], "audience-not-yours"),
    ("premier", {"audience": Audience.STAFF}, ["RequestRefused"], "audience-not-yours"),
]


@pytest.mark.parametrize(("who", "fields", "expected", "then"), REPLIES)
def test_reply(who: str, fields: dict[str, Any], expected: list[str], then: Status | str) -> None:
    ticket = with_redisco()
    facts = ticket.take(request(AddReply, who, body="Hello.", **fields))
    assert types(facts) == expected
    if isinstance(then, Status):
        assert ticket.row and ticket.row.status is then
        assert facts[0].type == "NoteAdded" or facts[0].status == then
    else:
        assert refusal(facts) == then


def test_a_reply_carries_who_may_be_told() -> None:
    fact = with_redisco().take(request(AddReply, "agent", body="Hello."))[0]
    assert (fact.side, fact.participants, fact.provider, fact.subject) == (
        "staff",
        ("premier@example.com",),
        "redisco",
        "The app is slow",
    )


WORK: list[tuple[type[Any], str, dict[str, Any], bool]] = [
    (AddReply, "agent", {"body": "b"}, True),
    (AddReply, "agent", {"body": "b", "audience": Audience.STAFF}, True),
    (AddReply, "agent", {"body": "b", "automatic": True}, False),
    (AddReply, "premier", {"body": "b"}, False),
    (AssignTicket, "agent", {"provider": "redisco", "provider_known": True}, True),
]


@pytest.mark.parametrize(("kind", "who", "fields", "is_work"), WORK)
def test_a_page_hears_of_work_on_its_ticket_by_one_of_ours(
    kind: type[Any], who: str, fields: dict[str, Any], is_work: bool
) -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT))
    assert ticket.row and ticket.row.obligations
    fact = ticket.take(request(kind, who, **fields))[0]
    assert (fact.lane, fact.obligations) == (
        (ticket.row.lane, ticket.row.obligations) if is_work else ("", ())
    )
    calm = Ticket(open_ticket())
    assert calm.take(request(kind, who, **fields))[0].obligations == (), "nobody was woken for it"


def test_a_provider_at_work_and_a_ticket_that_comes_back_are_no_sign_of_ours() -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT))
    ticket.take(request(AssignTicket, "agent", provider="redisco", provider_known=True))
    assert ticket.take(request(AddReply, "redisco", body="b"))[0].obligations == ()
    assert ticket.take(request(HandBack, "redisco", reason="Not ours."))[0].obligations == ()


def test_the_conversation_goes_back_and_forth() -> None:
    ticket = Ticket(open_ticket())
    for i, (who, status) in enumerate(
        [("agent", Status.PENDING), ("premier", Status.OPEN), ("agent", Status.PENDING)]
    ):
        ticket.take(request(AddReply, who, body="…", id=f"r{i}"))
        assert ticket.row and ticket.row.status is status


def test_staff_cannot_write_to_a_provider_that_is_not_there() -> None:
    ticket = Ticket(open_ticket())
    assert (
        refusal(ticket.take(request(AddReply, "agent", body="?", audience=Audience.PROVIDER)))
        == "no-provider"
    )


def test_staff_who_opened_it_are_its_customer() -> None:
    opening = open_ticket().model_copy(
        update={"actor": request(Solve, "agent", resolution="").actor}
    )
    ticket = Ticket(opening)
    assert ticket.take(request(AddReply, "agent", body="More."))[0].side == "customer"


def test_a_customers_reply_reopens_what_was_solved_for_the_provider() -> None:
    ticket = with_redisco()
    ticket.take(request(Solve, "redisco", resolution="Restarted."))
    facts = ticket.take(request(AddReply, "premier", body="Still broken."))
    assert types(facts) == ["TicketReopened", "ReplyAdded"]
    assert (facts[0].provider, facts[0].side) == ("redisco", "customer")
    assert ticket.row and (ticket.row.status, ticket.row.queue) == (Status.OPEN, "provider:redisco")


def test_an_out_of_office_reopens_nothing() -> None:
    ticket = with_redisco()
    ticket.take(request(Solve, "agent", resolution="Done."))
    facts = ticket.take(request(AddReply, "premier", body="I am away.", automatic=True))
    assert types(facts) == ["ReplyAdded"]
    assert ticket.row and ticket.row.status is Status.SOLVED


# --- moving it about
# -------------------------------------------------------------------------------------------------

ASSIGNMENTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"provider": "redisco"}, "provider:redisco"),
    ({}, {"provider": "mailgrid"}, "provider:mailgrid"),
    ({}, {"provider": "nobody", "provider_known": False}, "!no-such-provider"),
    ({}, {"queue": "platform"}, "!already-there"),
    ({}, {"queue": "csa"}, "!csa-takes-no-break-fix"),
    ({"kind": Kind.QUESTION}, {"queue": "csa"}, "csa"),
    ({"kind": Kind.QUESTION, "who": "premium"}, {"queue": "csa"}, "!csa-not-for-plan"),
    ({"kind": Kind.ARCHITECTURE}, {"queue": "platform"}, "platform"),
    ({}, {}, "!bad-assignment"),
    ({}, {"provider": "redisco", "queue": "csa"}, "!bad-assignment"),
]


@pytest.mark.parametrize(("opening", "fields", "expected"), ASSIGNMENTS)
def test_assign(opening: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    ticket = Ticket(open_ticket(**opening))
    facts = ticket.take(request(AssignTicket, "agent", **fields))
    if expected.startswith("!"):
        assert refusal(facts) == expected[1:]
    else:
        assert (facts[0].queue, ticket.row and ticket.row.queue) == (expected, expected)
        assert facts[0].body == "Since this morning.", "notices need the words"


def test_confirming_a_suggestion_settles_it() -> None:
    ticket = Ticket(open_ticket(subject="redis is slow"))
    assert (
        ticket.take(request(AssignTicket, "agent", provider="redisco"))[0].reason
        == "the suggestion was confirmed"
    )
    assert ticket.row and ticket.row.suggestion is None
    assert refusal(ticket.take(request(DismissSuggestion, "agent"))) == "no-suggestion"


def test_dismissing_a_suggestion_names_it() -> None:
    ticket = Ticket(open_ticket(subject="redis is slow"))
    assert (
        ticket.take(request(DismissSuggestion, "agent", reason="It is their code."))[0].provider
        == "redisco"
    )
    assert ticket.row and ticket.row.suggestion is None


def test_what_reads_like_architecture_is_suggested_and_stays_with_support() -> None:
    ticket = Ticket(open_ticket(**PLANS))
    assert types(ticket.log) == ["TicketOpened", "PrioritySet", "TicketRouted", "QueueSuggested"]
    suggested: Any = ticket.log[-1]
    assert (suggested.queue, suggested.because[0]) == (
        "csa",
        "asks for advice: how many, should we",
    )
    assert ticket.row and (ticket.row.queue, ticket.row.suggested_queue) == ("platform", "csa")


@pytest.mark.parametrize("who", ["free", "premium"])
def test_who_has_no_architects_is_pointed_elsewhere_by_the_agent(who: str) -> None:
    facts = Ticket(open_ticket(who, kind=Kind.QUESTION, **PLANS)).log
    assert types(facts) == ["TicketOpened", "PrioritySet", "TicketRouted"]
    assert any("answer with pointers" in line.because for line in facts[-1].trail)  # type: ignore[attr-defined]


def test_an_agent_confirms_the_suggested_queue_though_it_was_sent_as_a_problem() -> None:
    ticket = Ticket(open_ticket(**PLANS))
    fact = ticket.take(request(AssignTicket, "agent", queue="csa"))[0]
    assert (fact.queue, fact.reason) == ("csa", "the suggestion was confirmed")
    assert ticket.row and ticket.row.suggested_queue is None
    ticket.take(request(AssignTicket, "agent2", queue="platform"))
    again = ticket.take(request(AssignTicket, "csa", queue="csa"))
    assert types(again) == ["TicketAssigned"], "somebody agreed once that it is architecture"


def test_the_customer_agrees_once_and_only_with_what_is_suggested() -> None:
    ticket = Ticket(open_ticket(**PLANS))
    fact = ticket.take(request(AcceptSuggestion, "premier", id="a1"))[0]
    assert (fact.queue, fact.provider) == ("csa", None)
    assert "customer" in fact.reason
    assert refusal(ticket.take(request(AcceptSuggestion, "premier", id="a2"))) == "no-suggestion"
    broken = Ticket(open_ticket(subject="H12 since 10:00", body="How many dynos do we need?"))
    assert refusal(broken.take(request(AcceptSuggestion, "premier"))) == "no-suggestion"


def test_each_suggestion_is_dismissed_for_itself() -> None:
    both = {**PLANS, "subject": "Redis for the newsletter"}
    ticket = Ticket(open_ticket(**both))
    assert types(ticket.log)[-2:] == ["ProviderSuggested", "QueueSuggested"]
    no_queue = ticket.take(request(DismissSuggestion, "agent", queue="csa", id="d1"))
    assert types(no_queue) == ["QueueSuggestionDismissed"]
    assert ticket.row and (ticket.row.suggestion, ticket.row.suggested_queue) == ("redisco", None)
    assert refusal(ticket.take(request(DismissSuggestion, "agent", queue="csa", id="d2"))) == (
        "no-suggestion"
    )
    assert types(ticket.take(request(DismissSuggestion, "agent", id="d3"))) == [
        "SuggestionDismissed"
    ]
    alone = Ticket(open_ticket(**PLANS))
    assert types(alone.take(request(DismissSuggestion, "agent"))) == ["QueueSuggestionDismissed"]


def test_handed_back_and_taken_back() -> None:
    for kind, who in ((HandBack, "redisco"), (TakeBack, "agent")):
        ticket = with_redisco()
        fact = ticket.take(request(kind, who, reason="Not theirs."))[0]
        assert (fact.queue, fact.provider, fact.previous, fact.reason) == (
            "platform",
            None,
            "redisco",
            "Not theirs.",
        )
        assert (
            refusal(ticket.take(request(AddReply, "redisco", body="One more thing")))
            == "no-such-ticket"
        )
    assert (
        refusal(Ticket(open_ticket()).take(request(TakeBack, "agent", reason="?")))
        == "not-with-provider"
    )


def test_the_row_keeps_only_an_excerpt_for_later_assignments() -> None:
    ticket = Ticket(open_ticket(body="x" * 50_000))
    assert ticket.row and len(ticket.row.excerpt) == EXCERPT
    assert len(ticket.take(request(AssignTicket, "agent", provider="redisco"))[0].body) == EXCERPT


# --- priority
# --------------------------------------------------------------------------------------------------------


def test_a_downgrade_takes_the_page_back() -> None:
    asked = open_ticket(priority=Priority.URGENT)
    ticket = Ticket(asked)
    fact = ticket.take(
        request(ReviewPriority, "reviewer", priority=Priority.HIGH, reason="There is a workaround.")
    )[0]
    assert fact.cancels == (ids.obligation_id("tkt_a", asked.id),)
    assert (fact.pages, fact.obligation, fact.previous) == (False, None, Priority.URGENT)
    assert ticket.row and ticket.row.obligations == ()


@pytest.mark.parametrize(
    ("who", "fields", "pages"),
    [
        ("premier", {}, True),
        ("legacy", {}, True),
        ("enterprise", {}, False),
        ("free", {}, False),
        ("premier", {"app": "premier-staging"}, False),
    ],
)
def test_a_raise_to_urgent_pages_once_where_it_may(
    who: str, fields: dict[str, Any], pages: bool
) -> None:
    ticket = Ticket(open_ticket(who, **fields))
    asked = request(
        ReviewPriority, "reviewer", priority=Priority.URGENT, reason="All users are affected."
    )
    fact = ticket.take(asked)[0]
    assert (fact.pages, fact.obligation) == (
        pages,
        ids.obligation_id("tkt_a", asked.id) if pages else None,
    )
    assert ticket.take(asked) == []
    again = request(ReviewPriority, "agent", priority=Priority.URGENT, reason="Me too.", id="again")
    assert refusal(ticket.take(again)) == "same-priority"


def test_urgent_lowered_and_raised_is_a_new_page() -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT))
    first = ticket.row and ticket.row.obligations
    ticket.take(request(ReviewPriority, "reviewer", priority=Priority.LOW, reason="No."))
    ticket.take(request(ReviewPriority, "agent", priority=Priority.URGENT, reason="Yes.", id="up"))
    assert ticket.row and len(ticket.row.obligations) == 1
    assert ticket.row.obligations != first


def test_solving_lists_the_obligations_it_ends() -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT))
    owed = ticket.row and ticket.row.obligations
    assert ticket.take(request(Solve, "premier", resolution="It was us."))[0].obligations == owed
    assert refusal(ticket.take(request(Solve, "agent", resolution="Again."))) == "not-in-this-state"
    assert (
        refusal(ticket.take(request(ReviewPriority, "agent", priority=Priority.LOW, reason="?")))
        == "not-in-this-state"
    )
    assert types(ticket.take(request(Reopen, "agent"))) == ["TicketReopened"]


# --- overtaking
# ------------------------------------------------------------------------------------------------------


def test_a_reply_that_overtakes_its_ticket_waits_for_it() -> None:
    ticket = Ticket()
    reply = request(AddReply, "premier", body="Also this.")
    assert types(ticket.take(reply)) == ["RequestParked"]
    assert ticket.row and due_at(ticket.row) == AT + timedelta(seconds=60)
    facts = ticket.take(open_ticket())
    assert types(facts) == ["TicketOpened", "PrioritySet", "TicketRouted", "ReplyAdded"]
    assert [fact.cause for fact in facts[2:]] == ["req_open_tkt_a", reply.id]
    assert not ticket.row.parked and due_at(ticket.row) is None
    assert fire(ticket.row, AT + timedelta(hours=1)) == []
    assert ticket.take(reply) == []


def test_parked_requests_are_decided_in_their_order() -> None:
    ticket = Ticket()
    for asked in (
        request(AssignTicket, "agent", provider="redisco"),
        request(AddReply, "redisco", body="We see it."),
        request(AddReply, "stranger", body="Me too."),
    ):
        ticket.take(asked)
    facts = ticket.take(open_ticket())[3:]
    assert types(facts) == ["TicketAssigned", "ReplyAdded", "RequestRefused"]
    assert ticket.row and (ticket.row.status, ticket.row.provider) == (Status.PENDING, "redisco")


def test_after_a_minute_there_is_no_such_ticket() -> None:
    ticket = Ticket()
    reply = request(AddReply, "premier", body="Hello?")
    ticket.take(reply)
    assert ticket.row
    assert fire(ticket.row, AT + timedelta(seconds=59)) == []
    late = fire(ticket.row, AT + timedelta(seconds=75))
    facts = ticket.add("tkt_a", "", late)
    assert refusal(facts) == "no-such-ticket"
    assert facts[0].cause == reply.id, "the asker finds it under the request"
    assert facts[0].at == AT + timedelta(seconds=60)
    assert due_at(ticket.row) is None
    assert "TicketOpened" in types(ticket.take(open_ticket())), "it may still be opened"


def test_a_parked_request_with_fields_of_a_newer_version_is_still_read() -> None:
    ticket = Ticket()
    ticket.take(request(AddReply, "premier", body="Hello?"))
    assert ticket.row
    (parked,) = ticket.row.parked.values()
    parked.request["of_tomorrow"] = 1
    assert "ReplyAdded" in types(ticket.take(open_ticket()))


# --- for every sequence
# ----------------------------------------------------------------------------------------------

ANY = st.lists(
    st.tuples(
        st.sampled_from(sorted(FIELDS, key=lambda kind: kind.__name__)),
        st.sampled_from(["agent", "reviewer", "redisco", "mailgrid", "premier", "stranger"]),
        st.sampled_from(
            [
                {},
                {"automatic": True},
                {"audience": "staff"},
                {"audience": "provider"},
                {"provider": "mailgrid"},
            ]
        ),
    ),
    max_size=12,
)


@given(asked=ANY, opened_after=st.integers(0, 3), urgent=st.booleans())
def test_whatever_is_asked(
    asked: list[tuple[type[Request], str, dict[str, Any]]], opened_after: int, urgent: bool
) -> None:
    """Every request yields facts with its cause; seq has no gap; a row rebuilt from the facts is
    the row; no page is lost.
    """
    ticket = Ticket()
    requests: list[Request] = []
    for i, (kind, who, more) in enumerate(asked):
        fitting = {name: value for name, value in more.items() if name in kind.model_fields}
        fields = {**FIELDS[kind], **fitting}
        if "provider" in fitting:
            fields.pop("queue", None)
        requests.append(request(kind, who, id=f"r{i}", **fields))
    requests.insert(
        min(opened_after, len(requests)), open_ticket(priority=Priority.URGENT if urgent else None)
    )
    for each in requests:
        assert ticket.take(each)
        assert ticket.take(each) == []
    assert {each.id for each in requests} == {fact.cause for fact in ticket.log}
    assert [fact.seq for fact in ticket.log] == list(range(1, len(ticket.log) + 1))
    assert len({fact.id for fact in ticket.log}) == len(ticket.log)
    assert {fact.type for fact in ticket.log} <= {kind.__name__ for kind in TICKETS.events}
    assert all(fact.policy == STAMP for fact in ticket.log)  # type: ignore[attr-defined]
    rebuilt = Ticket()
    rebuilt.log = []
    for fact in ticket.log:
        rebuilt.add("tkt_a", fact.cause, [fact])
    assert rebuilt.row and ticket.row and rebuilt.row == ticket.row
    owed = {fact.obligation for fact in ticket.log if getattr(fact, "obligation", None)}  # type: ignore[attr-defined]
    over = ("TicketSolved", "TicketMerged")
    done = {o for fact in ticket.log if fact.type in over for o in fact.obligations}  # type: ignore[attr-defined]
    ended = done | {o for fact in ticket.log for o in getattr(fact, "cancels", ())}
    assert owed - ended == set(ticket.row.obligations)
