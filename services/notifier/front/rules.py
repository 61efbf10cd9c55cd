"""What each event means for pages: urgents, raises, downgrades, solutions and page requests become
inputs of the pager, keyed by lane. Pure; `HANDLERS` is the table.

Ids are derived, so a repeat makes the same inputs, and both roads of an urgent ticket (`urgent`
from intake, `tickets` from the router) make the same PageWanted; the pager takes the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from services.notifier.front.alerts import on_raise_alert, on_restore_alerts, on_silence_alerts
from shared.access import may_handle_pages
from shared.events import (
    DISK_TROUBLE,
    KAFKA_AWAY,
    AckAsked,
    Acknowledge,
    ActivitySeen,
    ContactCheckWanted,
    DirectPage,
    DirectPageSeen,
    DowngradeSeen,
    EscalateAsked,
    EscalatePage,
    Event,
    NoteAdded,
    NotePage,
    OpenTicket,
    PagedDirectly,
    PageNoteAsked,
    PageWanted,
    PriorityReviewed,
    PrioritySet,
    RaiseAlert,
    ReassignAsked,
    ReassignPage,
    ReplyAdded,
    ResolveAsked,
    ResolvePage,
    RestoreAlerts,
    SenderConfirmed,
    SilenceAlerts,
    SolveSeen,
    TestPage,
    TicketAssigned,
    TicketMerged,
    TicketSolved,
    VerifyContact,
)
from shared.ids import derive, lane_of, obligation_id
from shared.policy import ON_CALL
from shared.text.reading import began_in_words

SOURCE = "notifier.front"
TEST_SUBJECT = "Test page: please acknowledge it"
_OVER = {KAFKA_AWAY: "Kafka answers again", DISK_TROUBLE: "the disk is well again"}


def on_urgent(ticket: OpenTicket) -> Iterable[Event]:
    """Intake's copy: the recorded facts entitle it to page (or else it would not be here)."""
    if ticket.pages:
        yield PageWanted(
            id=obligation_id(ticket.key, ticket.id),
            key=ticket.lane,
            at=ticket.at,
            obligation=obligation_id(ticket.key, ticket.id),
            ticket_id=ticket.key,
            request_id=ticket.id,
            subject=ticket.subject,
            requester=ticket.for_whom,
            app=ticket.app,
            accepted_at=ticket.at,
            policy=ticket.policy,
            began=began_in_words(ticket.times),
        )


def on_paged_directly(paged: PagedDirectly) -> Iterable[Event]:
    """What intake sent with Kafka away. It stands before its ticket, so the pager finds the attempt
    made and makes no second one.

    The page that said so itself is over when this is read: Kafka is back. So is one with `over_at`;
    where it has no attempts, they were told before.
    """
    # The fields of the direct page, without what identifies the event itself.
    told = {
        name: getattr(paged, name)
        for name in DirectPage.model_fields
        if name not in ("type", "id", "key")
    }
    # With attempts: the pager must know them. Without an end: the page goes on.
    if paged.attempts or paged.over_at is None:
        yield DirectPageSeen(id=derive("dps", paged.id), key=paged.lane, **told)
    if paged.lane == KAFKA_AWAY or paged.over_at is not None:
        yield SolveSeen(
            id=derive("slv", paged.id),
            key=paged.lane,
            at=paged.at,
            ticket_id=paged.ticket_id,
            obligations=(paged.obligation,),
            by="system",
            reason=_OVER.get(paged.lane, ""),
        )


def on_priority_set(fact: PrioritySet) -> Iterable[Event]:
    if fact.pages and fact.obligation:
        yield _make_page_wanted(fact, fact.obligation, fact.opened_at, fact.began)


def on_priority_reviewed(fact: PriorityReviewed) -> Iterable[Event]:
    """What it takes back comes first: a raise after it opens a page of its own."""
    # Both can be in one fact: the old page ends before a new one begins.
    if fact.cancels:
        yield DowngradeSeen(
            id=derive("dwn", fact.id),
            key=fact.lane,
            at=fact.at,
            ticket_id=fact.key,
            cancels=fact.cancels,
            by=fact.by,
            reason=fact.reason,
        )
    if fact.pages and fact.obligation:
        yield _make_page_wanted(fact, fact.obligation, fact.at)


def on_sender_confirmed(fact: SenderConfirmed) -> Iterable[Event]:
    if fact.pages and fact.obligation:
        yield _make_page_wanted(fact, fact.obligation, fact.at)


def on_ticket_solved(fact: TicketSolved) -> Iterable[Event]:
    return _end_pages(fact)


def on_ticket_merged(fact: TicketMerged) -> Iterable[Event]:
    """Its pages are about a ticket that has ended; whoever merged it has the other at hand."""
    return _end_pages(fact, reason="the ticket was merged into another")


def _end_pages(fact: TicketSolved | TicketMerged, reason: str = "") -> Iterable[Event]:
    """What is owed for a ticket that has ended is over."""
    if fact.obligations:
        yield SolveSeen(
            id=derive("slv", fact.id),
            key=fact.lane,
            at=fact.at,
            ticket_id=fact.key,
            obligations=fact.obligations,
            by=fact.by,
            reason=reason,
        )


def on_reply(fact: ReplyAdded) -> Iterable[Event]:
    return _activity(fact, "answer")


def on_note(fact: NoteAdded) -> Iterable[Event]:
    return _activity(fact, "note")


def on_assigned(fact: TicketAssigned) -> Iterable[Event]:
    return _activity(fact, "hand-over" if fact.provider else "take")


def _activity(fact: ReplyAdded | NoteAdded | TicketAssigned, activity: str) -> Iterable[Event]:
    """The router names what is owed only where one of ours is at work."""
    if fact.obligations:
        yield ActivitySeen(
            id=derive("act", fact.id),
            key=fact.lane,
            at=fact.at,
            ticket_id=fact.key,
            obligations=fact.obligations,
            by=fact.by,
            activity=activity,
        )


def on_acknowledge(request: Acknowledge) -> Iterable[Event]:
    # Whoever has the link was paged: it is signed for that person, and needs no login.
    may = request.via_link or may_handle_pages(request.actor)
    via = "link" if request.via_link else str(request.actor.via)
    yield AckAsked(
        id=request.id,
        key=lane_of(request.key),
        at=request.at,
        page=request.key,
        by=request.actor.email,
        via=via,
        may=may,
    )


def on_resolve(request: ResolvePage) -> Iterable[Event]:
    may = may_handle_pages(request.actor)
    yield ResolveAsked(
        id=request.id,
        key=lane_of(request.key),
        at=request.at,
        page=request.key,
        by=request.actor.email,
        may=may,
    )


def on_escalate(request: EscalatePage) -> Iterable[Event]:
    may = may_handle_pages(request.actor)
    yield EscalateAsked(
        id=request.id,
        key=lane_of(request.key),
        at=request.at,
        page=request.key,
        by=request.actor.email,
        may=may,
    )


def on_note_page(request: NotePage) -> Iterable[Event]:
    yield PageNoteAsked(
        id=request.id,
        key=lane_of(request.key),
        at=request.at,
        page=request.key,
        by=request.actor.email,
        body=request.body,
        may=may_handle_pages(request.actor),
    )


def on_reassign(request: ReassignPage) -> Iterable[Event]:
    yield ReassignAsked(
        id=request.id,
        key=lane_of(request.key),
        at=request.at,
        page=request.key,
        by=request.actor.email,
        to=request.to,
        may=may_handle_pages(request.actor),
    )


def on_verify_contact(request: VerifyContact) -> Iterable[Event]:
    # No page: the code goes to somebody's own method, in a lane of that person.
    yield ContactCheckWanted(
        id=request.id,
        key=request.key,
        at=request.at,
        person=request.person,
        method=request.method,
        asked_at=request.at,
        version=request.policy.get(ON_CALL, 0),
    )


def on_test_page(request: TestPage) -> Iterable[Event]:
    """Intake asks only for those who may: administrators for everybody, others for themselves."""
    yield PageWanted(
        id=request.id,
        key=request.key,
        at=request.at,
        # A promise of its own for each test, so that two tests are two pages.
        obligation=derive("obl", request.id),
        ticket_id="",
        request_id=request.id,
        subject=TEST_SUBJECT,
        requester=request.actor.email,
        accepted_at=request.at,
        policy=request.policy,
        test_of=request.person,
    )


HANDLERS: dict[str, dict[type[Event], Callable[[Any], Iterable[Event]]]] = {
    # Tickets that page, straight from intake.
    "urgent": {PagedDirectly: on_paged_directly, OpenTicket: on_urgent},
    # The same from the router, and all that changes what is owed.
    "tickets": {
        PrioritySet: on_priority_set,
        PriorityReviewed: on_priority_reviewed,
        SenderConfirmed: on_sender_confirmed,
        TicketSolved: on_ticket_solved,
        TicketMerged: on_ticket_merged,
        ReplyAdded: on_reply,
        NoteAdded: on_note,
        TicketAssigned: on_assigned,
    },
    # What people and monitors ask of pages.
    "requests": {
        Acknowledge: on_acknowledge,
        ResolvePage: on_resolve,
        EscalatePage: on_escalate,
        NotePage: on_note_page,
        ReassignPage: on_reassign,
        RaiseAlert: on_raise_alert,
        SilenceAlerts: on_silence_alerts,
        RestoreAlerts: on_restore_alerts,
        VerifyContact: on_verify_contact,
        TestPage: on_test_page,
    },
    # Nothing of the status page pages anybody; alerts come as requests.
    "status": {},
}
"""Topic → event → what it means for pages. Other events of these topics mean nothing here and are
not even parsed.
"""


def _make_page_wanted(
    fact: PrioritySet | PriorityReviewed | SenderConfirmed,
    obligation: str,
    accepted_at: datetime,
    began: str = "",
) -> PageWanted:
    return PageWanted(
        # Id and obligation are the same, so the copy on `urgent` and this fact make one input.
        id=obligation,
        key=fact.lane,
        at=fact.at,
        obligation=obligation,
        ticket_id=fact.key,
        request_id=fact.cause,
        subject=fact.subject,
        requester=fact.requester,
        accepted_at=accepted_at,
        policy=fact.policy,
        began=began,
    )
