"""What each event promises, and what each keeps: event → operations on the book of expectations. Pure; `RULES` is the table.

| promised by | kind | within | kept by |
|---|---|---|---|
| any request on a ticket or incident | `accepted-without-routed` | 60 s | any fact whose cause it is |
| an urgent ticket, or a raise, that pages | `urgent-without-receipt` | 60 s | a receipt, an acknowledgement or the end of its page |
| a page's attempt that the far side took | `receipt-not-at-far-end` | 60 s | the far end's own list, where there is one |
| a running clock | `due-and-not-fired` | 30 s after it is due | met, breached, paused, stopped |
| an open page's next step, a retry | `due-and-not-fired` | 30 s after it is due | the step, the try, an acknowledgement, the end |
| a notice owed | `owed-and-not-sent` | 60 s | its first attempt, or the reason why not |
| a maintenance | `due-and-not-fired` | 30 s after its start or end | started, ended, cancelled |
| a mail taken | `mail-without-outcome` | 60 s | a ticket, a reply, a duplicate, quarantine, a bounce |
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

ROUTED_WITHIN = timedelta(seconds=60)
RECEIPT_WITHIN = timedelta(seconds=60)
FIRED_WITHIN = timedelta(seconds=30)
SENT_WITHIN = timedelta(seconds=60)

ROUTED, RECEIPT, FIRED, SENT, FAR_END, HEARTBEAT, MAIL = KINDS = (
    "accepted-without-routed", "urgent-without-receipt", "due-and-not-fired", "owed-and-not-sent", "receipt-not-at-far-end",
    "heartbeat-missing", "mail-without-outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expect:
    """Once for each (kind, id): one that was met before, in whatever order the topics were read, is not expected again."""

    kind: str
    id: str
    about: str
    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Await:
    """A timer: replaces the one of the same (kind, id). Its topic tells of it in order. `moved`: only one that runs."""

    kind: str
    id: str
    about: str
    due: datetime
    text: str
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Met:
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Over:
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
class MetAll:
    """Everything bound to `group` is kept, now and later."""

    group: str


@dataclass(frozen=True, slots=True)
class OverAll:
    """Every timer whose id begins with `prefix` ends."""

    kind: str
    prefix: str


Operation = Expect | ExpectBound | Await | Met | Over | Bind | MetAll | OverAll


def operations(event: e.Event) -> Iterator[Operation]:
    """What `event` promises and keeps. Empty for one that does neither."""
    if isinstance(event, e.TicketFact | e.StatusFact) and event.cause:
        yield Met(ROUTED, event.cause)
    rule = RULES.get(type(event))
    if rule is None and isinstance(event, e.Request) and type(event) not in NOT_THE_ROUTERS:
        rule = _request
    if rule is not None:
        yield from rule(event)


def _request(request: e.Request) -> Iterator[Operation]:
    text = f"{request.type} of {request.actor.email} was accepted, and the router has not answered it"
    yield Expect(ROUTED, request.id, request.key, request.at + ROUTED_WITHIN, text)


def _opening(request: e.OpenTicket) -> Iterator[Operation]:
    yield from _request(request)
    if request.pages:
        yield _owed_page(obligation_id(request.key, request.id), request.key, request.at)


def _priority(fact: e.PrioritySet | e.PriorityReviewed) -> Iterator[Operation]:
    if fact.pages and fact.obligation:
        yield _owed_page(fact.obligation, fact.key, fact.at)
    if isinstance(fact, e.PriorityReviewed):
        yield from (Met(RECEIPT, obligation) for obligation in fact.cancels)


def _owed_page(obligation: str, ticket: str, at: datetime) -> Operation:
    return Expect(RECEIPT, obligation, ticket, at + RECEIPT_WITHIN, "an urgent ticket has woken nobody: no receipt of a page for it")


def _solved(fact: e.TicketSolved) -> Iterator[Operation]:
    yield from (Met(RECEIPT, obligation) for obligation in fact.obligations)


def _page_of(fact: e.PageOpened | e.PageJoined) -> Iterator[Operation]:
    yield Bind(fact.page, RECEIPT, fact.obligation)


def _attempted(fact: e.PageAttempted) -> Iterator[Operation]:
    yield Over(FIRED, f"{fact.page}/retry/{fact.attempt}")
    if fact.channel == "webhook" and fact.purpose == "page":
        yield Bind(fact.attempt, FAR_END, fact.dedup_key)


def _accepted(fact: e.PageAccepted) -> Iterator[Operation]:
    yield MetAll(fact.page)
    text = "the log says that a page was taken, and the far end has no receipt of it"
    yield ExpectBound(fact.attempt, FAR_END, fact.page, fact.at + RECEIPT_WITHIN, text)


def _failed(fact: e.PageFailed) -> Iterator[Operation]:
    timer = f"{fact.page}/retry/{fact.attempt}"
    if fact.retry_at is None:
        yield Over(FIRED, timer)
    else:
        yield Await(FIRED, timer, fact.page, fact.retry_at + FIRED_WITHIN, "a page was to be tried again, and was not")


def _escalated(fact: e.PageEscalated) -> Iterator[Operation]:
    timer = f"{fact.page}/step"
    if fact.next_at is None:
        yield Over(FIRED, timer)
    else:
        text = f"nobody has acknowledged step {fact.step}, and the next step has not begun"
        yield Await(FIRED, timer, fact.page, fact.next_at + FIRED_WITHIN, text)


def _page_over(fact: e.PageAcknowledged | e.PageResolved) -> Iterator[Operation]:
    yield MetAll(fact.page)
    yield OverAll(FIRED, f"{fact.page}/")
    if isinstance(fact, e.PageAcknowledged) and fact.reopens_at is not None:
        text = "an acknowledged page was to be opened again, and was not"
        yield Await(FIRED, f"{fact.page}/reopen", fact.page, fact.reopens_at + FIRED_WITHIN, text)


def _attended(fact: e.PageAttended) -> Iterator[Operation]:
    timer = f"{fact.page}/reopen"
    if fact.reopens_at is None:
        yield Over(FIRED, timer)
    else:
        text = "an acknowledged page was to be opened again, and was not"
        yield Await(FIRED, timer, fact.page, fact.reopens_at + FIRED_WITHIN, text)


def _silenced(fact: e.PageSilenced) -> Iterator[Operation]:
    """A page of alerts: nobody expects a receipt of it, only its steps."""
    if fact.stopped:
        yield OverAll(FIRED, f"{fact.page}/")


def _reopened(fact: e.PageReopened) -> Iterator[Operation]:
    yield Over(FIRED, f"{fact.page}/reopen")


def _cancelled(fact: e.PageCancelled) -> Iterator[Operation]:
    if fact.obligation:
        yield Met(RECEIPT, fact.obligation)
    if fact.page:
        yield MetAll(fact.page)
        yield OverAll(FIRED, f"{fact.page}/")


def _clock_runs(fact: e.ClockStarted | e.ClockRetargeted | e.ClockResumed) -> Iterator[Operation]:
    """A new target moves a clock that runs; one that is paused or breached stays so."""
    text = f"clock {fact.clock} was due at {fact.due_at.isoformat()}, and was neither met nor breached"
    moved = isinstance(fact, e.ClockRetargeted)
    yield Await(FIRED, f"{fact.key}/{fact.clock}", fact.key, fact.due_at + FIRED_WITHIN, text, moved)


def _clock_stands(fact: e.ClockFact) -> Iterator[Operation]:
    yield Over(FIRED, f"{fact.key}/{fact.clock}")


def _owed_notice(fact: e.NoticeOwed) -> Iterator[Operation]:
    text = f"{fact.template} to {fact.to} is owed, and was neither tried nor left out with a reason"
    yield Expect(SENT, fact.key, fact.ticket_id or fact.key, fact.at + SENT_WITHIN, text)


def _noticed(fact: e.NoticeFact) -> Iterator[Operation]:
    yield Met(SENT, fact.key)


def _beat(beat: e.Heartbeat) -> Iterator[Operation]:
    if beat.every is None:
        yield Over(HEARTBEAT, beat.key)
    else:
        text = f"{beat.name} of {beat.actor.email} was to be heard every {beat.every.total_seconds():g} s"
        yield Await(HEARTBEAT, beat.key, beat.name, beat.at + beat.every * 1.5, text)


def _maintenance(fact: e.MaintenanceScheduled | e.MaintenanceRescheduled | e.MaintenanceStarted) -> Iterator[Operation]:
    begun = isinstance(fact, e.MaintenanceStarted)
    due, word = (fact.ends_at, "ended") if begun else (fact.starts_at, "started")
    yield Await(FIRED, f"{fact.key}/maintenance", fact.key, due + FIRED_WITHIN, f"a maintenance should have {word} at {due.isoformat()}")


def _no_maintenance(fact: e.MaintenanceEnded | e.MaintenanceCancelled) -> Iterator[Operation]:
    yield Over(FIRED, f"{fact.key}/maintenance")


def _mail(fact: e.MailReceived) -> Iterator[Operation]:
    yield Expect(MAIL, fact.key, fact.key, fact.at + SENT_WITHIN, "a mail was taken, and nothing has become of it")


def _mail_settled(fact: e.MailFact) -> Iterator[Operation]:
    yield Met(MAIL, fact.key)


RULES: Mapping[type[e.Event], Callable[[Any], Iterable[Operation]]] = {
    e.OpenTicket: _opening,
    e.PrioritySet: _priority,
    e.PriorityReviewed: _priority,
    e.TicketSolved: _solved,
    e.PageOpened: _page_of,
    e.PageJoined: _page_of,
    e.PageAttempted: _attempted,
    e.PageAccepted: _accepted,
    e.PageFailed: _failed,
    e.PageEscalated: _escalated,
    e.PageAcknowledged: _page_over,
    e.PageResolved: _page_over,
    e.PageReopened: _reopened,
    e.PageAttended: _attended,
    e.PageSilenced: _silenced,
    e.PageCancelled: _cancelled,
    e.ClockStarted: _clock_runs,
    e.ClockRetargeted: _clock_runs,
    e.ClockResumed: _clock_runs,
    e.ClockPaused: _clock_stands,
    e.ClockMet: _clock_stands,
    e.ClockBreached: _clock_stands,
    e.ClockStopped: _clock_stands,
    e.ClockRanOut: _clock_stands,
    e.NoticeOwed: _owed_notice,
    e.NoticeAttempted: _noticed,
    e.NoticeDelivered: _noticed,
    e.NoticeFailed: _noticed,
    e.NoticeSuppressed: _noticed,
    e.MaintenanceScheduled: _maintenance,
    e.MaintenanceRescheduled: _maintenance,
    e.MaintenanceStarted: _maintenance,
    e.MaintenanceEnded: _no_maintenance,
    e.MaintenanceCancelled: _no_maintenance,
    e.MailReceived: _mail,
    e.MailTicketed: _mail_settled,
    e.MailThreaded: _mail_settled,
    e.MailDuplicate: _mail_settled,
    e.MailQuarantined: _mail_settled,
    e.MailBounced: _mail_settled,
    e.Heartbeat: _beat,
}

NOT_THE_ROUTERS: frozenset[type[e.Event]] = frozenset(
    {e.Acknowledge, e.ResolvePage, e.EscalatePage, e.VerifyContact, e.SilenceAlerts, e.RestoreAlerts}
)
"""Requests on pages: the pager answers those."""
