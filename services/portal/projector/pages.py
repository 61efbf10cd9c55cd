"""Pages, notices and requests as the portal shows them, purely. Same rules as `tickets.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.projector.tickets import Doc, iso
from shared import events as e
from shared.ids import dedup_key
from shared.people.folding import fold_address

# Where a page stands in the list: nobody has it, somebody has it or it is silenced, it is over.
_STATE_RANK = {"open": 0, "acknowledged": 1, "silenced": 1, "cancelled": 2, "resolved": 2}


def make_unopened_page(page_id: str, lane: str) -> Doc:
    return {
        "_id": page_id,
        "lane": lane,
        "seq": 0,
        "state": "open",
        "ticket_id": None,
        "ticket_ids": [],
        "subject": "",
        "requester": "",
        "app": None,
        "escalation": "",
        "opened_at": None,
        "step": 0,
        "round": 0,
        "attempts": [],
        "dedup_key": dedup_key(page_id, 1),
        "next_at": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "ended_by": None,
        "ended_at": None,
        "reason": "",
        "reached_nobody": False,
        "acknowledged_via": None,
        "silences": [],
        "reopenings": [],
        "joined": [],
        "notes": [],
        "people": [],
    }


def project_page(doc: Doc | None, fact: e.PageFact) -> Doc | None:
    """The page's document with the fact in it; the same object where there is nothing new."""
    # A fact may be about a lane alone.
    if not fact.page or (doc is not None and fact.seq <= doc["seq"]):
        return doc
    made = dict(doc) if doc is not None else make_unopened_page(fact.page, fact.key)
    made["seq"] = fact.seq
    if (change := PAGE_VIEW.get(type(fact))) is not None:
        change(made, fact)
    # Open ones first, each group the latest first: digits are turned round so that one ascending
    # key does both.
    made["order_key"] = (
        f"{_STATE_RANK[made['state']]} {_invert_digits(made['opened_at'] or '')} {made['_id']}"
    )
    return made


def _invert_digits(at: str) -> str:
    return at.translate(str.maketrans("0123456789", "9876543210"))


def on_page_opened(doc: Doc, fact: e.PageOpened) -> None:
    doc.update(
        ticket_id=fact.ticket_id,
        ticket_ids=[fact.ticket_id] if fact.ticket_id else [],
        subject=fact.subject,
        requester=fact.requester,
        app=fact.app,
        escalation=fact.escalation,
        opened_at=iso(fact.at),
        accepted_at=iso(fact.accepted_at),
        state="open",
        began=fact.began,
    )
    # A test is about no ticket, so it is no customer's.
    if fact.test_of:
        doc["test_of"] = fact.test_of
    else:
        _tell(doc, fact.requester)


MOST_JOINED = 20
"""Alerts that joined a page and are shown with it, the latest."""


def on_page_joined(doc: Doc, fact: e.PageJoined) -> None:
    if fact.episode is not None:
        told: Doc = {"at": iso(fact.at), "subject": fact.subject, "reason": fact.reason}
        told["number"] = fact.episode.number
        doc["joined"] = [*doc.get("joined", []), told][-MOST_JOINED:]
    if fact.ticket_id not in doc["ticket_ids"]:
        doc["ticket_ids"] = [*doc["ticket_ids"], fact.ticket_id]
    _tell(doc, fact.requester)


def _tell(doc: Doc, requester: str) -> None:
    """`people`: whose tickets the page is about, folded addresses."""
    if "@" in requester:
        doc["people"] = sorted({*doc.get("people", []), fold_address(requester)})


def on_page_attempted(doc: Doc, fact: e.PageAttempted) -> None:
    attempt = {
        "id": fact.attempt,
        "to": fact.to,
        "channel": fact.channel,
        "method": fact.method,
        "at": iso(fact.at),
        "outcome": "pending",
        "receipt": "",
        "reason": "",
        "step": fact.step,
        "round": fact.round,
        "tries": fact.tries,
        "purpose": fact.purpose,
        "dedup_key": fact.dedup_key,
    }
    # A further try replaces its attempt and becomes the latest.
    doc["attempts"] = [
        *(known for known in doc["attempts"] if known["id"] != fact.attempt),
        attempt,
    ]
    # An attempt for another purpose is no step of the escalation.
    if fact.purpose == "page":
        doc.update(step=fact.step, round=fact.round, dedup_key=fact.dedup_key)


def on_page_accepted(doc: Doc, fact: e.PageAccepted) -> None:
    _outcome(doc, fact.attempt, outcome="accepted", receipt=fact.receipt)


def on_page_failed(doc: Doc, fact: e.PageFailed) -> None:
    outcome = "unknown" if fact.unknown else "failed" if fact.retry_at is None else "retrying"
    _outcome(doc, fact.attempt, outcome=outcome, reason=fact.reason)


def on_page_escalated(doc: Doc, fact: e.PageEscalated) -> None:
    doc.update(
        step=fact.step, round=fact.round, next_at=iso(fact.next_at) if fact.next_at else None
    )


def on_page_reached_nobody(doc: Doc, fact: e.PageReachedNobody) -> None:
    doc.update(reached_nobody=True, reason=fact.reason)


def on_page_acknowledged(doc: Doc, fact: e.PageAcknowledged) -> None:
    doc.update(
        state="acknowledged",
        acknowledged_by=fact.by,
        acknowledged_at=iso(fact.at),
        acknowledged_via=fact.via,
        next_at=None,
    )
    doc["reopens_at"] = iso(fact.reopens_at) if fact.reopens_at else None


def on_page_attended(doc: Doc, fact: e.PageAttended) -> None:
    doc["reopens_at"] = iso(fact.reopens_at) if fact.reopens_at else None


def on_page_reopened(doc: Doc, fact: e.PageReopened) -> None:
    doc.update(
        state="open",
        acknowledged_by=None,
        acknowledged_at=None,
        reason=fact.reason,
        reopens_at=None,
    )
    doc["reopenings"] = [*doc.get("reopenings", []), {"by": fact.by, "at": iso(fact.at)}]


MOST_NOTES = 100
"""Notes of a page that are shown with it, the latest."""


def on_page_noted(doc: Doc, fact: e.PageNoted) -> None:
    _note(doc, {"by": fact.by, "at": iso(fact.at), "body": fact.body})
    if fact.reopens_at is not None:
        doc["reopens_at"] = iso(fact.reopens_at)


def on_page_reassigned(doc: Doc, fact: e.PageReassigned) -> None:
    _note(doc, {"by": fact.by, "at": iso(fact.at), "to": fact.to})
    doc.update(
        state="open",
        acknowledged_by=None,
        acknowledged_at=None,
        reopens_at=None,
        step=fact.step,
        round=fact.round,
        next_at=iso(fact.next_at),
    )


def _note(doc: Doc, note: Doc) -> None:
    doc["notes"] = [*doc.get("notes", []), note][-MOST_NOTES:]


def on_page_silenced(doc: Doc, fact: e.PageSilenced) -> None:
    # A silence that stopped nothing leaves the page as it is.
    if fact.stopped:
        doc.update(
            state="silenced",
            next_at=None,
            reopens_at=None,
            acknowledged_by=None,
            acknowledged_at=None,
            reason=fact.reason,
        )
        doc["silences"] = [
            *doc.get("silences", []),
            {"by": fact.silenced_by, "at": iso(fact.at), "until": None, "round": None},
        ]


def on_page_restored(doc: Doc, fact: e.PageRestored) -> None:
    """`round` of a silence: the one in which the page began anew."""
    if fact.resumed:
        doc.update(state="open", reason=fact.reason)
        last = {**doc["silences"][-1], "until": iso(fact.at), "round": fact.round}
        doc["silences"] = [*doc["silences"][:-1], last]


def on_page_cancelled(doc: Doc, fact: e.PageCancelled) -> None:
    doc.update(
        state="cancelled", ended_by=fact.by, ended_at=iso(fact.at), reason=fact.reason, next_at=None
    )


def on_page_resolved(doc: Doc, fact: e.PageResolved) -> None:
    doc.update(
        state="resolved", ended_by=fact.by, ended_at=iso(fact.at), reason=fact.reason, next_at=None
    )


def _outcome(doc: Doc, attempt: str, **changes: str) -> None:
    doc["attempts"] = [
        {**known, **changes} if known["id"] == attempt else known for known in doc["attempts"]
    ]


# Facts that are absent change no page; they only stand in the timeline.
PAGE_VIEW: Mapping[type[e.PageFact], Callable[[Doc, Any], None]] = {
    e.PageOpened: on_page_opened,
    e.PageJoined: on_page_joined,
    e.PageAttempted: on_page_attempted,
    e.PageAccepted: on_page_accepted,
    e.PageFailed: on_page_failed,
    e.PageEscalated: on_page_escalated,
    e.PageReachedNobody: on_page_reached_nobody,
    e.PageAcknowledged: on_page_acknowledged,
    e.PageAttended: on_page_attended,
    e.PageReopened: on_page_reopened,
    e.PageNoted: on_page_noted,
    e.PageReassigned: on_page_reassigned,
    e.PageSilenced: on_page_silenced,
    e.PageRestored: on_page_restored,
    e.PageCancelled: on_page_cancelled,
    e.PageResolved: on_page_resolved,
}


def project_notice(doc: Doc | None, fact: e.NoticeFact) -> Doc | None:
    """The notice: `state` owed, retrying, delivered, failed (given up) or suppressed, with the
    reason.
    """
    if doc is not None and fact.seq <= doc["seq"]:
        return doc
    made = (
        dict(doc)
        if doc is not None
        else {"_id": fact.key, "template": "", "tries": 0, "reason": "", "retry_at": None}
    )
    # Every fact of a notice says these again.
    made.update(
        seq=fact.seq,
        ticket=fact.ticket_id,
        kind=fact.notice_kind,
        to=fact.to,
        at=iso(fact.at),
        cause=fact.cause,
    )
    match fact:
        case e.NoticeOwed():
            made.update(state="owed", template=fact.template)
        case e.NoticeAttempted():
            # Owed until it is known how the attempt ended.
            made.update(state="owed", tries=fact.tries)
        case e.NoticeDelivered():
            made.update(state="delivered", tries=fact.tries, reason="", retry_at=None)
        case e.NoticeFailed():
            state = "failed" if fact.retry_at is None else "retrying"
            made.update(
                state=state,
                tries=fact.tries,
                reason=fact.reason,
                retry_at=iso(fact.retry_at) if fact.retry_at else None,
            )
        case e.NoticeSuppressed():
            made.update(state="suppressed", template=fact.template, reason=fact.reason)
        case _:
            made.setdefault("state", "owed")
    return made


def find_request_outcome(fact: e.Fact) -> Doc | None:
    """What a fact says of the request that caused it: `{state, code?, reason?}`; None where it
    leaves it undecided.
    """
    match fact:
        case e.RequestParked() | e.ContactCheckStarted():
            return None
        case e.ContactChecked() if fact.outcome != "accepted":
            return {"state": "refused", "code": f"not-sent-{fact.outcome}", "reason": fact.reason}
        case e.RequestRefused() | e.PageRequestRefused() | e.StatusRequestRefused():
            return {"state": "refused", "code": fact.code, "reason": fact.reason}
        # Any other fact that a request caused says that it was carried out.
        case _:
            return {"state": "done"}
