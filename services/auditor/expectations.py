"""What each event promises, and what each keeps: event → operations on the book of expectations.
Pure; `RULES` is the table.

| promised by | kind | within | kept by |
|---|---|---|---|
| any request on a ticket or incident | `accepted-without-routed` | 60 s | any fact whose cause it
  is |
| an urgent ticket, or a raise, that pages | `urgent-without-receipt` | 60 s | a receipt, an
  acknowledgement or the end of its page |
| a page's attempt that the far side took | `receipt-not-at-far-end` | 60 s | the far end's own
  list, where there is one |
| a running clock | `due-and-not-fired` | 30 s after it is due | met, breached, paused, stopped |
| an open page's next step, a retry | `due-and-not-fired` | 30 s after it is due | the step, the
  try, an acknowledgement, the end |
| a notice owed | `owed-and-not-sent` | 60 s | its first attempt, or the reason why not |
| a maintenance | `due-and-not-fired` | 30 s after its start or end | started, ended, cancelled |
| a mail taken | `mail-without-outcome` | 60 s | a ticket, a reply, a duplicate, quarantine, a
  bounce |
| a heartbeat | `heartbeat-missing` | its interval and half of it | the next one |

The numbers are RELIABILITY.md's (R18), as far as it gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared import events as e
from shared.ids import obligation_id

# How long after its time something may happen before it is a finding.
ROUTED_WITHIN = timedelta(seconds=60)
RECEIPT_WITHIN = timedelta(seconds=60)
FIRED_WITHIN = timedelta(seconds=30)
SENT_WITHIN = timedelta(seconds=60)

# The names of findings, as people and dashboards see them.
ROUTED, RECEIPT, FIRED, SENT, FAR_END, HEARTBEAT, MAIL = KINDS = (
    "accepted-without-routed",
    "urgent-without-receipt",
    "due-and-not-fired",
    "owed-and-not-sent",
    "receipt-not-at-far-end",
    "heartbeat-missing",
    "mail-without-outcome",
)


@dataclass(frozen=True, slots=True)
class Expect:
    """Once for each (kind, id): one that was met before, in whatever order the topics were read, is
    not expected again.
    """

    kind: str
    id: str
    about: str
    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """A timer: replaces the one of the same (kind, id). Its topic tells of it in order. `moved`:
    only one that runs.
    """

    kind: str
    id: str
    about: str
    due: datetime
    text: str
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Meet:
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class EndTimer:
    """A timer no longer runs."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Bind:
    """What is expected under (kind, id) is kept by whatever keeps `group`."""

    group: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class ExpectBound:
    """Expect whatever of `kind` is bound to `group`."""

    group: str
    kind: str
    about: str
    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class MeetAll:
    """Everything bound to `group` is kept, now and later."""

    group: str


@dataclass(frozen=True, slots=True)
class EndTimers:
    """Every timer whose id begins with `prefix` ends."""

    kind: str
    prefix: str


Operation = Expect | ExpectBound | SetTimer | Meet | EndTimer | Bind | MeetAll | EndTimers


def operations(event: e.Event) -> Iterator[Operation]:
    """What `event` promises and keeps. Empty for one that does neither."""
    # A refusal and a parked request are answers too.
    if isinstance(event, e.TicketFact | e.StatusFact) and event.cause:
        yield Meet(ROUTED, event.cause)
    rule = RULES.get(type(event))
    # Every other request is the router's to answer.
    if rule is None and isinstance(event, e.Request) and type(event) not in NOT_THE_ROUTERS:
        rule = _on_request
    if rule is not None:
        yield from rule(event)


def _on_request(request: e.Request) -> Iterator[Operation]:
    text = (
        f"{request.type} of {request.actor.email} was accepted, and the router has not answered it"
    )
    yield Expect(ROUTED, request.id, request.key, request.at + ROUTED_WITHIN, text)


def _on_open_ticket(request: e.OpenTicket) -> Iterator[Operation]:
    yield from _on_request(request)
    # Told by intake itself, before the router has said anything.
    if request.pages:
        yield _expect_receipt(obligation_id(request.key, request.id), request.key, request.at)


def _on_priority(fact: e.PrioritySet | e.PriorityReviewed) -> Iterator[Operation]:
    if fact.pages and fact.obligation:
        yield _expect_receipt(fact.obligation, fact.key, fact.at)
    if isinstance(fact, e.PriorityReviewed):
        # Not urgent any more: nobody need be woken.
        yield from (Meet(RECEIPT, obligation) for obligation in fact.cancels)


def _expect_receipt(obligation: str, ticket: str, at: datetime) -> Operation:
    return Expect(
        RECEIPT,
        obligation,
        ticket,
        at + RECEIPT_WITHIN,
        "an urgent ticket has woken nobody: no receipt of a page for it",
    )


def _on_solved(fact: e.TicketSolved | e.TicketMerged) -> Iterator[Operation]:
    yield from (Meet(RECEIPT, obligation) for obligation in fact.obligations)


def _on_page_opened(fact: e.PageOpened | e.PageJoined) -> Iterator[Operation]:
    # Met when the page is met, whichever ticket of it comes first.
    yield Bind(fact.page, RECEIPT, fact.obligation)


def _on_attempted(fact: e.PageAttempted) -> Iterator[Operation]:
    yield EndTimer(FIRED, f"{fact.page}/retry/{fact.attempt}")
    # Only webhooks have a far end that can be asked.
    if fact.channel == "webhook" and fact.purpose == "page":
        yield Bind(fact.attempt, FAR_END, fact.dedup_key)


def _on_accepted(fact: e.PageAccepted) -> Iterator[Operation]:
    # A receipt of any attempt keeps every promise of the page.
    yield MeetAll(fact.page)
    text = "the log says that a page was taken, and the far end has no receipt of it"
    # Expected only now: an attempt that nobody took is on no list.
    yield ExpectBound(fact.attempt, FAR_END, fact.page, fact.at + RECEIPT_WITHIN, text)


def _on_failed(fact: e.PageFailed) -> Iterator[Operation]:
    timer = f"{fact.page}/retry/{fact.attempt}"
    if fact.retry_at is None:
        yield EndTimer(FIRED, timer)
    else:
        yield SetTimer(
            FIRED,
            timer,
            fact.page,
            fact.retry_at + FIRED_WITHIN,
            "a page was to be tried again, and was not",
        )


def _on_escalated(fact: e.PageEscalated) -> Iterator[Operation]:
    timer = f"{fact.page}/step"
    if fact.next_at is None:
        yield EndTimer(FIRED, timer)
    else:
        text = f"nobody has acknowledged step {fact.step}, and the next step has not begun"
        yield SetTimer(FIRED, timer, fact.page, fact.next_at + FIRED_WITHIN, text)


def _on_page_over(fact: e.PageAcknowledged | e.PageResolved) -> Iterator[Operation]:
    yield MeetAll(fact.page)
    yield EndTimers(FIRED, f"{fact.page}/")
    # It rings again if nothing is done about it.
    if isinstance(fact, e.PageAcknowledged) and fact.reopens_at is not None:
        text = "an acknowledged page was to be opened again, and was not"
        yield SetTimer(
            FIRED, f"{fact.page}/reopen", fact.page, fact.reopens_at + FIRED_WITHIN, text
        )


def _on_attended(fact: e.PageAttended) -> Iterator[Operation]:
    timer = f"{fact.page}/reopen"
    if fact.reopens_at is None:
        yield EndTimer(FIRED, timer)
    else:
        text = "an acknowledged page was to be opened again, and was not"
        yield SetTimer(FIRED, timer, fact.page, fact.reopens_at + FIRED_WITHIN, text)


def _on_silenced(fact: e.PageSilenced) -> Iterator[Operation]:
    """A page of alerts: nobody expects a receipt of it, only its steps."""
    if fact.stopped:
        yield EndTimers(FIRED, f"{fact.page}/")


def _on_reopened(fact: e.PageReopened) -> Iterator[Operation]:
    yield EndTimer(FIRED, f"{fact.page}/reopen")


def _on_reassigned(fact: e.PageReassigned) -> Iterator[Operation]:
    yield EndTimer(FIRED, f"{fact.page}/reopen")
    text = f"nobody has acknowledged the page handed to {fact.to}, and the next step has not begun"
    yield SetTimer(FIRED, f"{fact.page}/step", fact.page, fact.next_at + FIRED_WITHIN, text)


def _on_noted(fact: e.PageNoted) -> Iterator[Operation]:
    if fact.reopens_at is not None:
        text = "an acknowledged page was to be opened again, and was not"
        yield SetTimer(
            FIRED, f"{fact.page}/reopen", fact.page, fact.reopens_at + FIRED_WITHIN, text
        )


def _on_cancelled(fact: e.PageCancelled) -> Iterator[Operation]:
    if fact.obligation:
        yield Meet(RECEIPT, fact.obligation)
    if fact.page:
        yield MeetAll(fact.page)
        yield EndTimers(FIRED, f"{fact.page}/")


def _on_clock_runs(
    fact: e.ClockStarted | e.ClockRetargeted | e.ClockResumed,
) -> Iterator[Operation]:
    """A new target moves a clock that runs; one that is paused or breached stays so. One of an
    imported ticket is silent at first.
    """
    # Until then an imported ticket's clock does nothing.
    quiet = fact.quiet_until if isinstance(fact, e.ClockStarted) else None
    due = fact.due_at if quiet is None else max(fact.due_at, quiet)
    text = (
        f"clock {fact.clock} was due at {fact.due_at.isoformat()}, and was neither met nor breached"
    )
    # A new target counts for a clock that runs, and starts none.
    moved = isinstance(fact, e.ClockRetargeted)
    yield SetTimer(FIRED, f"{fact.key}/{fact.clock}", fact.key, due + FIRED_WITHIN, text, moved)


def _on_clock_stands(fact: e.ClockFact) -> Iterator[Operation]:
    yield EndTimer(FIRED, f"{fact.key}/{fact.clock}")


def _on_notice_owed(fact: e.NoticeOwed) -> Iterator[Operation]:
    text = f"{fact.template} to {fact.to} is owed, and was neither tried nor left out with a reason"
    yield Expect(SENT, fact.key, fact.ticket_id or fact.key, fact.at + SENT_WITHIN, text)


def _on_notice_done(fact: e.NoticeFact) -> Iterator[Operation]:
    yield Meet(SENT, fact.key)


def _on_heartbeat(beat: e.Heartbeat) -> Iterator[Operation]:
    if beat.every is None:
        yield EndTimer(HEARTBEAT, beat.key)
    else:
        text = (
            f"{beat.name} of {beat.actor.email} was to be heard every "
            f"{beat.every.total_seconds():g} s"
        )
        # Half an interval more: a job may be late once.
        yield SetTimer(HEARTBEAT, beat.key, beat.name, beat.at + beat.every * 1.5, text)


def _on_maintenance(
    fact: e.MaintenanceScheduled | e.MaintenanceRescheduled | e.MaintenanceStarted,
) -> Iterator[Operation]:
    # One timer: the start, then the end. One that runs may have its end moved.
    begun = isinstance(fact, e.MaintenanceStarted) or (
        isinstance(fact, e.MaintenanceRescheduled) and fact.started
    )
    due, word = (fact.ends_at, "ended") if begun else (fact.starts_at, "started")
    yield SetTimer(
        FIRED,
        f"{fact.key}/maintenance",
        fact.key,
        due + FIRED_WITHIN,
        f"a maintenance should have {word} at {due.isoformat()}",
    )


def _on_maintenance_over(fact: e.MaintenanceEnded | e.MaintenanceCancelled) -> Iterator[Operation]:
    yield EndTimer(FIRED, f"{fact.key}/maintenance")


def _on_mail_received(fact: e.MailReceived) -> Iterator[Operation]:
    yield Expect(
        MAIL,
        fact.key,
        fact.key,
        fact.at + SENT_WITHIN,
        "a mail was taken, and nothing has become of it",
    )


def _on_mail_settled(fact: e.MailFact) -> Iterator[Operation]:
    yield Meet(MAIL, fact.key)


RULES: Mapping[type[e.Event], Callable[[Any], Iterable[Operation]]] = {
    # Tickets that page, and what takes a page back.
    e.OpenTicket: _on_open_ticket,
    e.PrioritySet: _on_priority,
    e.PriorityReviewed: _on_priority,
    e.TicketSolved: _on_solved,
    e.TicketMerged: _on_solved,
    # Pages: their receipts and their timers.
    e.PageOpened: _on_page_opened,
    e.PageJoined: _on_page_opened,
    e.PageAttempted: _on_attempted,
    e.PageAccepted: _on_accepted,
    e.PageFailed: _on_failed,
    e.PageEscalated: _on_escalated,
    e.PageAcknowledged: _on_page_over,
    e.PageResolved: _on_page_over,
    e.PageReopened: _on_reopened,
    e.PageReassigned: _on_reassigned,
    e.PageNoted: _on_noted,
    e.PageAttended: _on_attended,
    e.PageSilenced: _on_silenced,
    e.PageCancelled: _on_cancelled,
    # Clocks that run.
    e.ClockStarted: _on_clock_runs,
    e.ClockRetargeted: _on_clock_runs,
    e.ClockResumed: _on_clock_runs,
    # Clocks that stand or are over.
    e.ClockPaused: _on_clock_stands,
    e.ClockMet: _on_clock_stands,
    e.ClockBreached: _on_clock_stands,
    e.ClockStopped: _on_clock_stands,
    e.ClockRanOut: _on_clock_stands,
    # Notices: owed, then any word of them.
    e.NoticeOwed: _on_notice_owed,
    e.NoticeAttempted: _on_notice_done,
    e.NoticeDelivered: _on_notice_done,
    e.NoticeFailed: _on_notice_done,
    e.NoticeSuppressed: _on_notice_done,
    # Maintenances.
    e.MaintenanceScheduled: _on_maintenance,
    e.MaintenanceRescheduled: _on_maintenance,
    e.MaintenanceStarted: _on_maintenance,
    e.MaintenanceEnded: _on_maintenance_over,
    e.MaintenanceCancelled: _on_maintenance_over,
    # Mail: taken, then any word of it.
    e.MailReceived: _on_mail_received,
    e.MailTicketed: _on_mail_settled,
    e.MailThreaded: _on_mail_settled,
    e.MailDuplicate: _on_mail_settled,
    e.MailQuarantined: _on_mail_settled,
    e.MailBounced: _on_mail_settled,
    # What customers promise.
    e.Heartbeat: _on_heartbeat,
}

NOT_THE_ROUTERS: frozenset[type[e.Event]] = frozenset(
    {
        e.Acknowledge,
        e.ResolvePage,
        e.EscalatePage,
        e.NotePage,
        e.ReassignPage,
        e.VerifyContact,
        e.TestPage,
        e.SilenceAlerts,
        e.RestoreAlerts,
    }
)
"""Requests on pages: the pager answers those."""
