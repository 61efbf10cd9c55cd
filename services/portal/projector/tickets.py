"""Tickets as the portal shows them, purely: `project(doc, fact) -> doc`, a table from fact type to
function.

A document holds the GET shape of DESIGN section 7 without the texts (those are in the timeline, one
document a fact), and what lists go by. `seq` and `clock_seq` are the last facts of `tickets` and
`clocks` it holds: one seen before changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.desk.homes import shelve
from services.portal.desk.listing import PRIORITY_RANK
from services.portal.projector.index_words import with_words
from services.portal.projector.provider_stays import follow
from services.portal.projector.ticket_flow import (
    FLOW_VIEW,
    begin,
    clear_mention,
    hold,
    make_last_message,
    may_appeal,
    note_reopened,
    people,
)
from services.portal.projector.ticket_flow import iso as iso
from shared import events as e
from shared.lifecycle import Move, after
from shared.people.folding import fold_address

Doc = dict[str, Any]

# Behind every real instant in the order of strings.
_NO_DEADLINE = "9999"


def make_unopened_ticket(ticket_id: str) -> Doc:
    """A ticket of which only clock facts or refusals have been read: in no list, nobody's."""
    return {
        "_id": ticket_id,
        "seq": 0,
        "clock_seq": 0,
        "opened_key": "",
        "ticket_order": "",
        "clock_order": "",
        "status": None,
        "queue": None,
        "provider": None,
        "priority": None,
        "requester": "",
        "participants": [],
        "people": [],
        "clocks": [],
        "due_at": None,
    }


def project(doc: Doc | None, fact: e.TicketFact | e.ClockFact) -> Doc | None:
    """The document with the fact in it; the same object where the fact was seen before or shows
    nothing.
    """
    before = doc if doc is not None else make_unopened_ticket(fact.key)
    counter = "clock_seq" if isinstance(fact, e.ClockFact) else "seq"
    if fact.seq <= before[counter]:
        return doc
    made = dict(before)
    made[counter] = fact.seq
    # Kept from going back, whatever the instants of the facts say.
    running = "clock_order" if counter == "clock_seq" else "ticket_order"
    made[running] = max(before[running], iso(fact.at))
    if (change := TICKET_VIEW.get(type(fact))) is not None:
        change(made, fact)
        follow(made, fact)
        # Before it is opened it is in no list and nobody's.
        if made["opened_key"]:
            # The facts of clocks do not say who has the ticket.
            if counter == "seq":
                hold(made, fact.at)
            _order(made, fact)
    return made


def _order(doc: Doc, fact: e.Fact) -> None:
    """What lists go by. Live ones first, then DESIGN section 6, item 5; each key ends in the id and
    is unique.
    """
    # Due is what was promised; the clocks of providers do not count.
    clocks = [
        clock["due_at"]
        for clock in doc["clocks"]
        if clock["name"] in e.PROMISES and clock["state"] in ("running", "breached")
    ]
    done = doc["status"] in (e.Status.SOLVED, e.Status.CLOSED)
    doc["due_at"] = min(clocks) if clocks and not done else None
    doc["updated_at"] = max(doc["updated_at"], iso(fact.at))
    doc["updated_key"] = f"{doc['updated_at']} {doc['_id']}"
    # One digit each: live before done, `first` before the others, then the priority.
    place = (int(done), int(not doc["first"]), PRIORITY_RANK[e.Priority(doc["priority"])])
    doc["order_key"] = (
        f"{place[0]}{place[1]}{place[2]} {doc['due_at'] or _NO_DEADLINE} {doc['opened_key']}"
    )
    shelve(doc)


def on_opened(doc: Doc, fact: e.TicketOpened) -> None:
    at = iso(fact.at)
    doc.update(
        subject=fact.subject,
        status=e.Status.NEW.value,
        queue="platform",
        provider=None,
        requested_priority=None,
        priority=e.Priority.NORMAL.value,
        priority_reason="",
        kind=fact.kind.value,
        scope=fact.scope.value,
        app=fact.app,
        stage=fact.stage.value if fact.stage else None,
        addon=fact.addon,
        plan=fact.plan.value,
        requester=fact.requester,
        requester_name=fact.requester_name,
        incident_ids=list(fact.incidents),
        suggestion=None,
        queue_suggestion=None,
        via=fact.via.value,
        attachments=list(fact.attachments),
        first=fact.first,
        lane=fact.lane,
        verified=fact.verified,
        reply_count=0,
        opened_at=at,
        updated_at=max(at, doc["clock_order"]),  # its clocks may have been read before it
        opened_key=f"{at} {fact.key}",
        words=with_words(
            (),
            (
                fact.subject,
                fact.app or "",
                fact.requester,
                fact.requester_name,
                fact.key,
                fact.body,
                fact.quoted,
            ),
            e.Audience.EVERYONE,
        ),
    )
    if fact.author:
        doc.update(opened_by=fact.author, opened_by_name=fact.author_name)
    if fact.follows:
        doc["follows"] = fact.follows
    begin(doc, fact)


def on_priority_set(doc: Doc, fact: e.PrioritySet) -> None:
    doc.update(
        requested_priority=fact.requested.value if fact.requested else None,
        priority=fact.priority.value,
        priority_reason=fact.reason,
    )
    may_appeal(doc, fact)


def on_routed(doc: Doc, fact: e.TicketRouted) -> None:
    _to_queue(doc, fact.queue)


def on_scope(doc: Doc, fact: e.ScopeDecided) -> None:
    doc.update(scope=fact.scope.value, insisted=fact.rule == "insisted")


def on_suggested(doc: Doc, fact: e.ProviderSuggested) -> None:
    doc["suggestion"] = {
        "provider": fact.provider,
        "because": list(fact.because),
        "confidence": fact.confidence,
    }


def on_queue_suggested(doc: Doc, fact: e.QueueSuggested) -> None:
    doc["queue_suggestion"] = {
        "queue": fact.queue,
        "because": list(fact.because),
        "confidence": fact.confidence,
    }


def on_queue_dismissed(doc: Doc, fact: e.QueueSuggestionDismissed) -> None:
    doc["queue_suggestion"] = None


def on_dismissed(doc: Doc, fact: e.SuggestionDismissed) -> None:
    doc["suggestion"] = None


def on_assigned(doc: Doc, fact: e.TicketAssigned) -> None:
    doc.update(
        queue=fact.queue,
        provider=fact.provider,
        suggestion=None,
        queue_suggestion=None,
    )
    people(doc, fact.participants)


def on_reviewed(doc: Doc, fact: e.PriorityReviewed) -> None:
    doc.update(priority=fact.priority.value, priority_reason=fact.reason)
    may_appeal(doc, fact)


def on_reply(doc: Doc, fact: e.ReplyAdded) -> None:
    # Before the status is set below: it looks whether the ticket was solved.
    if fact.status == e.Status.OPEN:
        note_reopened(doc, fact)
    doc.update(status=fact.status, reply_count=doc.get("reply_count", 0) + 1)
    _say(doc, f"{fact.body} {fact.quoted}", fact.audience)
    # It may be a machine's: staff are shown it until a person writes.
    if fact.doubtful:
        doc["doubtful_reply"] = {"at": iso(fact.at), "because": fact.automatic_because}
    elif not fact.automatic:
        doc["doubtful_reply"] = None
    if not fact.automatic:
        doc["last"] = make_last_message(fact, fact.author, fact.side)
        clear_mention(doc, fact.author)
        # Somebody answered the customer: nobody insists any more.
        if fact.side != "customer" and fact.audience is e.Audience.EVERYONE:
            doc["insisted"] = False
    people(doc, fact.participants)


def on_note(doc: Doc, fact: e.NoteAdded) -> None:
    _say(doc, fact.body, e.Audience.STAFF)
    clear_mention(doc, fact.author)
    # Whom the note names is waited for; its writer is not.
    asked = {*doc.get("mentioned", ()), *fact.mentions} - {fold_address(fact.author)}
    doc["mentioned"] = sorted(asked)
    if doc["status"] is not None:
        doc["status"] = (
            after(e.Status(doc["status"]), Move.INTERNAL) or e.Status(doc["status"])
        ).value


def on_solved(doc: Doc, fact: e.TicketSolved) -> None:
    # What the customer solved alone is not rated.
    doc.update(status=e.Status.SOLVED.value, rating=None, rateable=fact.side != "customer")
    doc.update(
        insisted=False, last=make_last_message(fact, fact.by, fact.side), solved_at=iso(fact.at)
    )
    _say(doc, fact.resolution, e.Audience.EVERYONE)


def on_reopened(doc: Doc, fact: e.TicketReopened) -> None:
    note_reopened(doc, fact)
    doc.update(status=e.Status.OPEN.value, rateable=False, doubtful_reply=None)


def on_clock_started(doc: Doc, fact: e.ClockStarted) -> None:
    _clock(
        doc,
        fact.clock,
        calendar=fact.calendar,
        state="running",
        started_at=iso(fact.started_at),
        due_at=iso(fact.due_at),
        met_at=None,
        breached_at=None,
        target_seconds=int(fact.target.total_seconds()),
        warned=[],
        late=False,
        paused_at=None,
        stopped=None,
        provider=fact.provider,
    )


def on_clock_retargeted(doc: Doc, fact: e.ClockRetargeted) -> None:
    """A paused clock has no due time until it runs again."""
    paused = _find_clock(doc, fact.clock).get("state") == "paused"
    _clock(
        doc,
        fact.clock,
        calendar=fact.calendar,
        started_at=iso(fact.started_at),
        due_at=None if paused else iso(fact.due_at),
        target_seconds=int(fact.target.total_seconds()),
    )


def on_clock_paused(doc: Doc, fact: e.ClockPaused) -> None:
    _clock(doc, fact.clock, state="paused", due_at=None, paused_at=iso(fact.paused_at))


def on_clock_resumed(doc: Doc, fact: e.ClockResumed) -> None:
    _clock(doc, fact.clock, state="running", due_at=iso(fact.due_at), paused_at=None, met_at=None)


def on_clock_warned(doc: Doc, fact: e.ClockWarned) -> None:
    _clock(
        doc,
        fact.clock,
        warned=sorted({*_find_clock(doc, fact.clock).get("warned", ()), fact.percent}),
    )


def on_clock_met(doc: Doc, fact: e.ClockMet) -> None:
    _clock(
        doc,
        fact.clock,
        state="met",
        due_at=iso(fact.due_at),
        met_at=iso(fact.met_at),
        late=fact.late,
        paused_at=None,
    )


def on_clock_stopped(doc: Doc, fact: e.ClockStopped) -> None:
    _clock(doc, fact.clock, state="stopped", stopped=fact.reason, paused_at=None)


def on_clock_ran_out(doc: Doc, fact: e.ClockRanOut) -> None:
    _clock(doc, fact.clock, state="stopped", stopped="ran-out")


def on_clock_breached(doc: Doc, fact: e.ClockBreached) -> None:
    _clock(doc, fact.clock, state="breached", due_at=iso(fact.due_at), breached_at=iso(fact.due_at))


def _say(doc: Doc, text: str, audience: e.Audience) -> None:
    """The ticket is found by the words of `text`, too, by whom it is for."""
    doc["words"] = with_words(doc.get("words", ()), (text,), audience)


def _to_queue(doc: Doc, queue: str) -> None:
    kind, _, slug = queue.partition(":")
    doc.update(queue=queue, provider=slug if kind == "provider" else None)


_CLOCKS = {name.value: place for place, name in enumerate(e.ClockName)}
"""The order in which a ticket's clocks are shown."""


def _find_clock(doc: Doc, name: str) -> Doc:
    return next((clock for clock in doc["clocks"] if clock["name"] == name), {})


def _clock(doc: Doc, name: str, **changes: object) -> None:
    blank: Doc = {
        "name": name,
        "calendar": "",
        "state": "running",
        "started_at": None,
        "due_at": _NO_DEADLINE,
        "met_at": None,
        "breached_at": None,
        "target_seconds": 0,
        "warned": [],
        "late": False,
        "paused_at": None,
        "stopped": None,
        "provider": None,
    }
    others = [clock for clock in doc["clocks"] if clock["name"] != name]
    # A clock of which the start was not read yet begins with the blank values.
    clocks = [*others, {**blank, **_find_clock(doc, name), **changes}]
    doc["clocks"] = sorted(clocks, key=lambda clock: _CLOCKS.get(clock["name"], len(_CLOCKS)))


TICKET_VIEW: Mapping[type[e.Fact], Callable[[Doc, Any], None]] = {
    # In the order of a ticket's life; the facts of its flow follow in `FLOW_VIEW`.
    e.TicketOpened: on_opened,
    e.PrioritySet: on_priority_set,
    e.TicketRouted: on_routed,
    e.ScopeDecided: on_scope,
    e.ProviderSuggested: on_suggested,
    e.SuggestionDismissed: on_dismissed,
    e.QueueSuggested: on_queue_suggested,
    e.QueueSuggestionDismissed: on_queue_dismissed,
    e.TicketAssigned: on_assigned,
    e.PriorityReviewed: on_reviewed,
    e.ReplyAdded: on_reply,
    e.NoteAdded: on_note,
    e.TicketSolved: on_solved,
    e.TicketReopened: on_reopened,
    e.ClockStarted: on_clock_started,
    e.ClockRetargeted: on_clock_retargeted,
    e.ClockPaused: on_clock_paused,
    e.ClockResumed: on_clock_resumed,
    e.ClockWarned: on_clock_warned,
    e.ClockMet: on_clock_met,
    e.ClockBreached: on_clock_breached,
    e.ClockStopped: on_clock_stopped,
    e.ClockRanOut: on_clock_ran_out,
    **FLOW_VIEW,
}
"""Fact type → what it changes. RequestRefused and RequestParked change no ticket: they stand in its
timeline.
"""


def bucket(doc: Doc | None) -> tuple[str, str, str] | None:
    """The counter a ticket is counted in: (queue, status, priority); None before it is opened."""
    if doc is None or not doc["opened_key"]:
        return None
    return doc["queue"], doc["status"], doc["priority"]
