"""What is written about a notice: its document in the outbox and its facts on topic `notices`.
Pure.

The facts of a notice have fixed places: 1 is NoticeOwed (or NoticeSuppressed), 2n is attempt n, 2n
+ 1 what came of it. So writing one again, after a crash, writes the same fact with the same id and
seq.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.notifier.courier.breaker import BACKOFFS
from services.notifier.notices import Notice, NoticeKind, SuppressedNotice
from shared import ids
from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater, Unknown
from shared.events import (
    NoticeAttempted,
    NoticeDelivered,
    NoticeFact,
    NoticeFailed,
    NoticeOwed,
    NoticeSuppressed,
)

Document = dict[str, Any]

STOPPED = (
    "the courier stopped before the answer was recorded; it may have arrived, and is sent again "
    "under the same id"
)


class NoticePhase(StrEnum):
    """Where a notice stands. The first three are open: `ready` has an attempt recorded that has not
    begun.
    """

    READY = "ready"
    SENDING = "sending"
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@dataclass(slots=True)
class OwedNotice:
    """A notice in hand. `tries` counts the attempts recorded."""

    id: str
    fact_id: str
    ticket_id: str
    kind: NoticeKind
    to: str
    template: str
    destination: str
    body: dict[str, Any]
    url: str
    owed_at: datetime
    trace: str | None = None
    tries: int = 1
    about: str = ""
    place: str = ""
    recorded: bool = True
    """Whether the attempt to come stands in the outbox already (the first one always does)."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What an outcome means: the change of the document, the fact, and when to try again (None: it
    is over).
    """

    change: Document
    fact: NoticeFact
    again: timedelta | None


def make_owed(notice: Notice, now: datetime, trace: str | None) -> OwedNotice:
    return OwedNotice(
        notice.id,
        notice.fact_id,
        notice.ticket_id,
        notice.kind,
        notice.to,
        notice.template,
        notice.destination,
        notice.body,
        notice.url,
        now,
        trace,
        about=notice.about,
        place=notice.place,
    )


def document_of(owed: OwedNotice) -> tuple[Document, list[NoticeFact]]:
    """A new notice as it goes into the outbox, its first attempt recorded, and the facts that say
    so.
    """
    facts: list[NoticeFact] = [
        NoticeOwed(
            **_about(owed, 1, "NoticeOwed"),
            at=owed.owed_at,
            template=owed.template,
            destination=owed.destination,
            about=owed.about,
            place=owed.place,
        ),
        make_attempted(owed, owed.owed_at),
    ]
    document = {
        "_id": owed.id,
        "fact_id": owed.fact_id,
        "ticket_id": owed.ticket_id,
        "kind": owed.kind,
        "to": owed.to,
        "template": owed.template,
        "destination": owed.destination,
        "body": owed.body,
        "url": owed.url,
        "owed_at": owed.owed_at,
        "trace": owed.trace,
        "tries": owed.tries,
        "phase": NoticePhase.SENDING,
        # `open` is only there while it is true: the indexes hold open notices alone.
        "open": True,
    }
    if owed.about:
        document |= {"about": owed.about, "place": owed.place}
    return document, facts


def make_suppressed(told: SuppressedNotice, now: datetime) -> tuple[Document, list[NoticeFact]]:
    """One deliberately not sent: kept, so that it is said once."""
    fact = NoticeSuppressed(
        id=_id(told.id, "NoticeSuppressed", 1),
        key=told.id,
        seq=1,
        cause=told.fact_id,
        ticket_id=told.ticket_id or None,
        notice_kind=told.kind,
        to=told.to,
        at=now,
        template=told.template,
        reason=told.reason,
    )
    # No body and not `open`: there is nothing to send, only something to show.
    document = {
        "_id": told.id,
        "fact_id": told.fact_id,
        "ticket_id": told.ticket_id,
        "kind": told.kind,
        "to": told.to,
        "template": told.template,
        "destination": told.destination,
        "owed_at": now,
        "phase": NoticePhase.SUPPRESSED,
        "reason": told.reason,
    }
    return document, [fact]


def read_owed(document: Document) -> OwedNotice:
    """An open notice read back."""
    return OwedNotice(
        document["_id"],
        document["fact_id"],
        document["ticket_id"],
        document["kind"],
        document["to"],
        document["template"],
        document["destination"],
        document["body"],
        document["url"],
        document["owed_at"],
        document.get("trace"),
        document["tries"],
        # READY: the attempt was recorded by a courier that did not begin it.
        recorded=document["phase"] == NoticePhase.READY,
    )


def make_attempted(owed: OwedNotice, now: datetime) -> NoticeFact:
    """Attempt number `owed.tries` is recorded."""
    return NoticeAttempted(
        **_about(owed, 2 * owed.tries, "NoticeAttempted"), at=now, tries=owed.tries
    )


def settle(owed: OwedNotice, outcome: Outcome, now: datetime) -> AttemptResult:
    """What follows from the outcome of attempt number `owed.tries`. The age of a notice is by our
    clock.
    """
    seq = 2 * owed.tries + 1
    if isinstance(outcome, Accepted):
        delivered = NoticeDelivered(
            **_about(owed, seq, "NoticeDelivered"),
            at=now,
            tries=owed.tries,
            receipt=outcome.receipt,
        )
        # A webhook's text stays, so that it can be sent again to a receiver that lost it; a mail's
        # is in their mailbox.
        drop = "body" if owed.kind == "mail" else None
        return AttemptResult(
            _over(
                NoticePhase.DELIVERED, {"receipt": outcome.receipt, "delivered_at": now}, drop=drop
            ),
            delivered,
            None,
        )
    # A refusal is for good; anything else is tried again until it is too old.
    again = (
        None
        if isinstance(outcome, Rejected)
        else BACKOFFS[owed.kind].after(owed.tries, now - owed.owed_at, owed.id)
    )
    # The far side asked for more time than our own pace gives.
    if again is not None and isinstance(outcome, TryLater) and outcome.after is not None:
        again = max(again, outcome.after)
    # The reason says that it may have arrived, because people read it.
    reason = outcome.reason + (" (it may have arrived)" if isinstance(outcome, Unknown) else "")
    retry_at = None if again is None else now + again
    failed = NoticeFailed(
        **_about(owed, seq, "NoticeFailed"),
        at=now,
        tries=owed.tries,
        reason=reason,
        retry_at=retry_at,
        # 410 Gone: intake disables this address when it reads the fact.
        gone_url=owed.url if isinstance(outcome, Rejected) and outcome.gone else "",
    )
    if again is None:
        return AttemptResult(_over(NoticePhase.FAILED, {"reason": reason}), failed, None)
    return AttemptResult(
        {"$set": {"phase": NoticePhase.WAITING, "reason": reason, "retry_at": retry_at}},
        failed,
        again,
    )


def make_interrupted(owed: OwedNotice, now: datetime) -> NoticeFact:
    """A courier ended with this attempt under way: nobody knows what came of it."""
    return NoticeFailed(
        **_about(owed, 2 * owed.tries + 1, "NoticeFailed"),
        at=now,
        tries=owed.tries,
        reason=STOPPED,
        retry_at=now,
    )


def _over(phase: NoticePhase, fields: Document, drop: str | None = None) -> Document:
    # `retry_at` goes with `open`: both are for notices that are not over.
    return {
        "$set": {"phase": phase, **fields},
        "$unset": {"open": "", "retry_at": "", **({drop: ""} if drop else {})},
    }


def _about(owed: OwedNotice, seq: int, kind: str) -> dict[str, Any]:
    return {
        "id": _id(owed.id, kind, seq),
        "key": owed.id,
        "seq": seq,
        "cause": owed.fact_id,
        "ticket_id": owed.ticket_id or None,
        "notice_kind": owed.kind,
        "to": owed.to,
    }


def _id(notice: str, kind: str, seq: int) -> str:
    return ids.derive("fct", notice, kind, str(seq))
