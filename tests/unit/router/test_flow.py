"""Appeals, timers, rating, sharing and access: what is decided after what, and which word refuses
it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.router.ticket.sharing import MOST_LINKS
from shared.events import (
    SYSTEM,
    AddReply,
    AppealPriority,
    AssignTicket,
    CloseTicket,
    DecideAppeal,
    Fact,
    GrantAccess,
    JoinTicket,
    LinkIncident,
    Priority,
    RateTicket,
    Reopen,
    Request,
    ReviewPriority,
    RevokeShare,
    ShareTicket,
    Solve,
    Status,
    TakeBack,
    UnlinkIncident,
    UrgentDetails,
)
from tests.unit.router.building import AT, Ticket, open_ticket, request, with_redisco


def outcome(facts: list[Any]) -> str:
    """The types of the facts, or `!` and the word of a refusal."""
    if [fact.type for fact in facts] == ["RequestRefused"]:
        return f"!{facts[0].code}"
    return " ".join(fact.type for fact in facts)


def by_timer(kind: type[Request], **fields: Any) -> Any:
    return request(kind, "agent", **fields).model_copy(update={"actor": SYSTEM})


LOWER = request(ReviewPriority, "reviewer", priority=Priority.HIGH, reason="There is a workaround.")
APPEAL = request(AppealPriority, "premier", information="The workaround loses orders.")
RESTORE = {"priority": Priority.URGENT, "reason": "The logs show it."}
UPHOLD = {"priority": Priority.HIGH, "reason": "It stays."}

APPEALS: list[tuple[str, dict[str, Any], list[tuple[Request, str]]]] = [
    ("nothing was changed", {}, [(APPEAL, "!nothing-to-appeal")]),
    (
        "once per change",
        {},
        [
            (LOWER, "PriorityReviewed"),
            (APPEAL, "PriorityAppealed"),
            (APPEAL.model_copy(update={"id": "again"}), "!already-appealed"),
        ],
    ),
    (
        "another reviewer restores it, and that is final",
        {},
        [
            (LOWER, "PriorityReviewed"),
            (APPEAL, "PriorityAppealed"),
            (request(DecideAppeal, "reviewer", **RESTORE), "!same-reviewer"),
            (request(DecideAppeal, "agent2", **RESTORE), "!not-allowed"),
            (request(DecideAppeal, "admin", **RESTORE), "AppealDecided PriorityReviewed"),
            (request(ReviewPriority, "agent", priority=Priority.LOW, reason="No."), "!final"),
            (APPEAL.model_copy(update={"id": "again"}), "!final"),
            (request(DecideAppeal, "admin", id="once more", **UPHOLD), "!final"),
        ],
    ),
    (
        "upheld is final too and changes nothing",
        {},
        [
            (LOWER, "PriorityReviewed"),
            (APPEAL, "PriorityAppealed"),
            (request(DecideAppeal, "admin", **UPHOLD), "AppealDecided"),
            (request(ReviewPriority, "agent", priority=Priority.LOW, reason="No."), "!final"),
        ],
    ),
    (
        "an open appeal is decided, not reviewed past",
        {},
        [
            (LOWER, "PriorityReviewed"),
            (APPEAL, "PriorityAppealed"),
            (request(ReviewPriority, "admin", priority=Priority.LOW, reason="No."), "!appeal-open"),
        ],
    ),
    (
        "without an appeal there is nothing to decide",
        {},
        [(request(DecideAppeal, "admin", **RESTORE), "!no-appeal")],
    ),
    (
        "a rule's change can be appealed, and any reviewer decides",
        {"app": "premier-staging"},
        [
            (APPEAL, "PriorityAppealed"),
            (request(DecideAppeal, "reviewer", **RESTORE), "AppealDecided PriorityReviewed"),
        ],
    ),
    (
        "after the ticket is solved it is too late",
        {},
        [
            (LOWER, "PriorityReviewed"),
            (request(Solve, "agent", resolution="Done."), "TicketSolved"),
            (APPEAL, "!not-in-this-state"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("case", "opening", "steps"), APPEALS, ids=[case for case, _, _ in APPEALS]
)
def test_appeals(case: str, opening: dict[str, Any], steps: list[tuple[Request, str]]) -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT, **opening))
    assert [outcome(ticket.take(asked)) for asked, _ in steps] == [
        expected for _, expected in steps
    ]


def test_an_appeal_that_succeeds_is_one_new_page_and_one_that_lowers_cancels() -> None:
    ticket = Ticket(open_ticket(priority=Priority.URGENT))
    first = ticket.row and ticket.row.obligations
    lowered = ticket.take(LOWER)[0]
    assert lowered.cancels == first
    ticket.take(APPEAL)
    decided, changed = ticket.take(request(DecideAppeal, "admin", **RESTORE))
    assert (decided.previous, decided.priority) == (Priority.HIGH, Priority.URGENT)
    assert changed.pages and changed.final and changed.obligation not in (first or ())
    assert ticket.row and ticket.row.obligations == (changed.obligation,)


BY_A_PERSON = {"priority": Priority.URGENT, "reason": "It feeds production.", "any_stage": True}
URGENT_BY_A_PERSON: list[tuple[str, str | None, dict[str, Any], bool, str]] = [
    # plan's requester, app, what the request recorded, pages, the last rule's words
    ("premier", "premier-staging", BY_A_PERSON, True, "urgent tickets of plan premier page"),
    ("premier", "premier-development", BY_A_PERSON, True, "urgent tickets of plan premier page"),
    ("premier", "premier-production", BY_A_PERSON, True, "urgent tickets of plan premier page"),
    ("premier", None, BY_A_PERSON, True, "urgent tickets of plan premier page"),
    ("legacy", "legacy-staging", BY_A_PERSON, True, "of plan legacy-enterprise page"),
    ("enterprise", "enterprise-staging", BY_A_PERSON, False, "plan enterprise page nobody"),
    ("premium", "premium-production", BY_A_PERSON, False, "plan premium page nobody"),
    ("free", "free-staging", BY_A_PERSON, False, "plan free page nobody"),
    ("premier", "premier-staging", {**BY_A_PERSON, "any_stage": False}, False, ""),
    ("premier", "premier-production", {**BY_A_PERSON, "any_stage": False}, True, ""),
]


@pytest.mark.parametrize("by", ["appeal", "review"])
@pytest.mark.parametrize(("who", "app", "asked", "pages", "because"), URGENT_BY_A_PERSON)
def test_a_persons_urgent_pages_once_as_the_plan_says_whatever_the_stage(
    by: str, who: str, app: str | None, asked: dict[str, Any], pages: bool, because: str
) -> None:
    """Case 12 of operations: a granted appeal on staging was urgent, and nobody was paged or told."""
    ticket = Ticket(open_ticket(who, app=app, priority=Priority.HIGH))
    ticket.take(request(ReviewPriority, "agent", priority=Priority.LOW, reason="No hurry."))
    if by == "appeal":
        ticket.take(request(AppealPriority, who, information="It feeds production."))
        changed = ticket.take(request(DecideAppeal, "reviewer", **asked))[1]
    else:
        changed = ticket.take(request(ReviewPriority, "reviewer", id="second", **asked))[0]
    assert changed.priority is Priority.URGENT
    assert changed.pages is pages
    assert (changed.obligation is not None) is pages
    assert ticket.row and len(ticket.row.obligations) == int(pages)
    if because:
        assert because in changed.trail[-1].because
        assert changed.trail[-1].matched is pages
    else:
        assert changed.trail == (), "decided as before the rule"
        assert b'"trail"' not in changed.wire(), "and written to the same bytes"


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.NORMAL, Priority.LOW])
def test_a_persons_other_priorities_page_nobody_and_need_no_trail(priority: Priority) -> None:
    ticket = Ticket(open_ticket(app="premier-staging", priority=Priority.URGENT))
    ticket.take(request(ReviewPriority, "agent", id="first", **BY_A_PERSON))
    lowered = ticket.take(
        request(
            ReviewPriority,
            "reviewer",
            id="lower",
            **{**BY_A_PERSON, "priority": priority},
        )
    )[0]
    assert not lowered.pages
    assert lowered.trail == ()
    assert lowered.cancels, "the page that the first review owed is taken back"


@pytest.mark.parametrize(
    ("changed", "expected"), [(False, "!nothing-to-appeal"), (True, "PriorityAppealed")]
)
def test_a_free_account_has_nothing_to_appeal_unless_staff_changed_something(
    changed: bool, expected: str
) -> None:
    ticket = Ticket(open_ticket("free", priority=Priority.URGENT))
    if changed:
        ticket.take(request(ReviewPriority, "reviewer", priority=Priority.LOW, reason="No hurry."))
    assert outcome(ticket.take(request(AppealPriority, "free", information="It is."))) == expected


# --- timers
# ----------------------------------------------------------------------------------------------------------

MISSED = AT + timedelta(hours=4)
SILENCE: list[tuple[str, list[Request], dict[str, Any], str]] = [
    ("silent", [], {"provider": "redisco", "missed": MISSED}, "TicketAssigned"),
    (
        "answered late, but before it was taken",
        [request(AddReply, "redisco", body="Here.")],
        {"provider": "redisco", "missed": MISSED},
        "!overtaken",
    ),
    (
        "answered staff only",
        [request(AddReply, "redisco", body="Here.", audience="provider")],
        {"provider": "redisco", "missed": MISSED},
        "!overtaken",
    ),
    (
        "an automatic reply is no answer",
        [request(AddReply, "redisco", body="Away.", automatic=True)],
        {"provider": "redisco", "missed": MISSED},
        "TicketAssigned",
    ),
    (
        "another has it",
        [request(AssignTicket, "agent", provider="mailgrid", id="m")],
        {"provider": "redisco", "missed": MISSED},
        "!overtaken",
    ),
    (
        "it has it only since",
        [
            request(AssignTicket, "agent", provider="mailgrid", id="m"),
            request(AssignTicket, "agent", provider="redisco", id="r", at=MISSED),
        ],
        {"provider": "redisco", "missed": MISSED},
        "!overtaken",
    ),
    (
        "nobody has it",
        [request(AssignTicket, "agent", queue="platform", id="p")],
        {"provider": "redisco", "missed": MISSED},
        "!not-with-provider",
    ),
]


@pytest.mark.parametrize(
    ("case", "before", "fields", "expected"), SILENCE, ids=[case for case, *_ in SILENCE]
)
def test_a_silent_provider_loses_the_ticket(
    case: str, before: list[Request], fields: dict[str, Any], expected: str
) -> None:
    ticket = with_redisco()
    for asked in before:
        ticket.take(asked)
    assert (
        outcome(ticket.take(by_timer(TakeBack, reason="No answer in time.", **fields))) == expected
    )


def solved_at(at: datetime, who: str = "agent", **fields: Any) -> Ticket:
    ticket = Ticket(open_ticket(**fields))
    ticket.take(request(Solve, who, resolution="Done.", at=at))
    return ticket


def test_closed_after_the_window_and_then_for_good() -> None:
    ticket = solved_at(AT)
    assert (
        outcome(ticket.take(by_timer(CloseTicket, ended=AT + timedelta(days=7)))) == "TicketClosed"
    )
    assert ticket.row and ticket.row.status is Status.CLOSED
    for late in (
        request(AddReply, "premier", body="Again!"),
        request(Reopen, "premier"),
        request(RateTicket, "premier", score=1),
    ):
        facts: list[Any] = ticket.take(late)
        assert outcome(facts) == "!not-in-this-state"
        assert "open a new ticket" in facts[0].reason


def test_a_window_that_ended_before_it_was_solved_again_closes_nothing() -> None:
    ticket = solved_at(AT)
    ticket.take(request(Reopen, "premier"))
    assert (
        outcome(ticket.take(by_timer(CloseTicket, ended=AT + timedelta(days=7), id="c1")))
        == "!not-in-this-state"
    )
    ticket.take(request(Solve, "agent", resolution="Now.", at=AT + timedelta(days=8), id="s2"))
    assert (
        outcome(ticket.take(by_timer(CloseTicket, ended=AT + timedelta(days=7), id="c2")))
        == "!overtaken"
    )


# --- rating
# ----------------------------------------------------------------------------------------------------------


def test_the_requester_rates_once_per_solving_and_may_think_again() -> None:
    ticket = solved_at(AT)
    assert ticket.take(request(RateTicket, "premier", score=2, id="r1"))[0].previous is None
    assert ticket.take(request(RateTicket, "premier", score=5, id="r2"))[0].previous == 2
    ticket.take(request(Reopen, "premier"))
    assert (
        outcome(ticket.take(request(RateTicket, "premier", score=5, id="r3")))
        == "!not-in-this-state"
    )
    ticket.take(request(Solve, "agent", resolution="Again.", id="s2"))
    assert ticket.take(request(RateTicket, "premier", score=3, id="r4"))[0].previous is None


def test_who_solved_it_themselves_has_nothing_to_rate() -> None:
    assert (
        outcome(solved_at(AT, "premier").take(request(RateTicket, "premier", score=5)))
        == "!nothing-to-rate"
    )


# --- sharing
# ---------------------------------------------------------------------------------------------------------

UNTIL = AT + timedelta(days=30)
SHARE = request(ShareTicket, "premier", token_hash="h1", expires_at=UNTIL)
JOIN = request(JoinTicket, "free", token_hash="h1")


def test_a_colleague_joins_and_takes_part_from_then_on() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(SHARE)
    (joined,) = ticket.take(JOIN)
    assert (joined.by, joined.participant, joined.participants) == (
        "free@example.com",
        "free@example.com",
        ("premier@example.com", "free@example.com"),
    )
    answer: Any = ticket.take(request(AddReply, "agent", body="Hello both."))[0]
    assert answer.participants == joined.participants
    assert outcome(ticket.take(request(AddReply, "free", body="Thanks."))) == "ReplyAdded"
    assert (
        outcome(ticket.take(request(AddReply, "free", body="x", audience="staff")))
        == "!audience-not-yours"
    )
    assert outcome(ticket.take(request(RateTicket, "free", score=1))) == "!not-allowed", (
        "the requester rates"
    )
    assert outcome(ticket.take(request(GrantAccess, "free", granted=True))) == "!not-allowed", (
        "the requester grants access"
    )


GONE: list[tuple[str, list[Request], Request, str]] = [
    ("never shared", [], JOIN, "!share-gone"),
    ("another token", [SHARE], request(JoinTicket, "free", token_hash="h2"), "!share-gone"),
    ("revoked", [SHARE, request(RevokeShare, "premier")], JOIN, "!share-gone"),
    ("expired", [SHARE], request(JoinTicket, "free", token_hash="h1", at=UNTIL), "!share-gone"),
    (
        "closed",
        [
            SHARE,
            request(Solve, "agent", resolution="x"),
            by_timer(CloseTicket, ended=AT + timedelta(1)),
        ],
        JOIN,
        "!share-gone",
    ),
    (
        "the older of two links",
        [SHARE, request(ShareTicket, "premier", token_hash="h2", expires_at=UNTIL, id="s2")],
        JOIN,
        "ParticipantJoined",
    ),
    ("solved", [SHARE, request(Solve, "agent", resolution="x")], JOIN, "ParticipantJoined"),
]


@pytest.mark.parametrize(
    ("case", "before", "asked", "expected"), GONE, ids=[case for case, *_ in GONE]
)
def test_a_link_is_good_until_it_is_not(
    case: str, before: list[Request], asked: Request, expected: str
) -> None:
    ticket = Ticket(open_ticket())
    for each in before:
        ticket.take(each)
    assert outcome(ticket.take(asked)) == expected


def test_links_are_bounded_and_ended_together() -> None:
    ticket = Ticket(open_ticket())
    for n in range(MOST_LINKS):
        assert (
            outcome(
                ticket.take(
                    request(
                        ShareTicket, "premier", token_hash=f"h{n}", expires_at=UNTIL, id=f"s{n}"
                    )
                )
            )
            == "TicketShared"
        )
    more = request(ShareTicket, "premier", token_hash="more", expires_at=UNTIL, id="more")
    assert outcome(ticket.take(more)) == "!too-many-links"
    ended: Any = ticket.take(request(RevokeShare, "agent"))[0]
    assert ended.links == MOST_LINKS
    assert outcome(ticket.take(request(RevokeShare, "agent", id="again"))) == "!not-shared"


# --- access
# ----------------------------------------------------------------------------------------------------------


def ends_with_the_ticket(ticket: Ticket) -> list[Fact]:
    return ticket.take(request(Solve, "agent", resolution="Done."))


def test_access_is_granted_for_a_ticket_and_ends_with_it() -> None:
    ticket = Ticket(open_ticket())
    assert (
        outcome(ticket.take(request(GrantAccess, "premier", granted=True, id="g1")))
        == "AccessGranted"
    )
    assert (
        outcome(ticket.take(request(GrantAccess, "premier", granted=True, id="g2")))
        == "!already-so"
    )
    assert (
        outcome(ticket.take(request(GrantAccess, "premier", granted=False, id="g3")))
        == "AccessEnded"
    )
    assert outcome(ends_with_the_ticket(ticket)) == "TicketSolved"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, "TicketSolved AccessEnded"), (False, "TicketSolved"), (None, "TicketSolved")],
)
def test_the_urgent_form_grants_access(given: bool | None, expected: str) -> None:
    ticket = Ticket(
        open_ticket(priority=Priority.URGENT, urgent=UrgentDetails(access_granted=given))
    )
    assert outcome(ends_with_the_ticket(ticket)) == expected
    ticket.take(request(Reopen, "premier"))
    assert ticket.row and not ticket.row.access, "reopening grants nothing"


def test_an_incident_is_linked_taken_off_and_linked_again() -> None:
    ticket = Ticket(open_ticket())
    about: dict[str, Any] = {"incident_id": "inc_a", "title": "Widespread Application Outage"}
    steps = [
        (request(UnlinkIncident, "agent", id="u0", **about), "!not-linked", ()),
        (request(LinkIncident, "agent", id="l1", **about), "TicketLinked", ("inc_a",)),
        (
            request(LinkIncident, "agent", id="l2", incident_id="inc_b", title="Another"),
            "TicketLinked",
            ("inc_a", "inc_b"),
        ),
        (request(UnlinkIncident, "agent", id="u1", **about), "TicketUnlinked", ("inc_b",)),
        (request(UnlinkIncident, "agent", id="u2", **about), "!not-linked", ("inc_b",)),
        (request(LinkIncident, "agent", id="l3", **about), "TicketLinked", ("inc_b", "inc_a")),
    ]
    for asked, expected, left in steps:
        assert outcome(ticket.take(asked)) == expected
        assert ticket.row and (ticket.row.incidents, ticket.row.status) == (left, Status.NEW)
