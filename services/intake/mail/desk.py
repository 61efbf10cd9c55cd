"""The desk in the mail room: one message at a time, from its bytes to the facts and the request it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from prometheus_client import Counter

from services.intake.directory import App
from services.intake.domain import World
from services.intake.keys import Keys
from services.intake.mail import admission, facts
from services.intake.mail.admission import Answer, Case, Open, Outcome, Quarantine, Reply
from services.intake.mail.answering import explanation_of
from services.intake.mail.bounces import stopped_by
from services.intake.mail.case import Cases
from services.intake.mail.delivery import Delivery
from services.intake.mail.known import KnownMail
from services.intake.mail.masked import is_plain
from services.intake.mail.reading.shape import Attachment, Authentication, Envelope, Reading, Unreadable
from services.intake.mail.requests import answering, opening, replying, said_in
from services.intake.reference import Reference
from shared import events as e
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.status.matching import Ongoing
from shared.text.redact import redact
from shared.topics import REQUESTS, URGENT, topic_of
from shared.wire import Record, record_for

SOURCE = "intake.mail"
OUTCOMES = Counter("signalbox_mail_outcomes_total", "What became of messages", ["outcome"])
_UNTIL_MOVED_S = (0.1, 0.2, 0.3, 0.5, 1.0, 1.0, 1.0)

Publish = Callable[[Sequence[Record]], Awaitable[Any]]
"""`Spool.publish`."""
KeepFile = Callable[[Attachment, e.Actor], Awaitable[str]]
"""Keeps an attachment that came from `actor`; gives its id, as the API's uploads have one."""

RawOf = Callable[[str], Awaitable[bytes | None]]
"""`Mailbag.get`: a message by its hash."""

Read = tuple[Reading, Authentication]


class Settled(NamedTuple):
    """What the log is to be told of a delivery. `plain`: the raw message is known to hold no secret."""

    delivery: Delivery
    records: list[Record]
    plain: bool = False


class Reads(Protocol):
    """`services.intake.mail.reading.reader.Reader`."""

    async def read(self, raw: bytes, envelope: Envelope) -> Reading: ...

    async def authenticate(self, raw: bytes, envelope: Envelope, reading: Reading) -> Authentication: ...


@dataclass(frozen=True)
class MailDesk:
    """`known` None: nobody can be asked about messages of before, and nothing can be released."""

    reference: Reference
    publish: Publish
    reader: Reads
    cases: Cases
    keys: Keys
    raw_of: RawOf
    keep_file: KeepFile
    known: KnownMail | None
    clock: Clock
    ongoing: Callable[[], tuple[Ongoing, ...]] = tuple
    """The open incidents a ticket may be about."""

    async def read(self, delivery: Delivery, raw: bytes) -> Read | None:
        """What it says and who vouches for it; None: a repeat, which is not read again. Raises Unavailable."""
        if not self.keys.claim(f"mail:{delivery.digest}", delivery.id, self.clock.now()):
            return None
        return await self._read(delivery, raw)

    async def decide(self, delivery: Delivery, raw: bytes, read: Read | None) -> Settled:
        """What to say of it. Messages of one sender are decided on in their order.

        Raises Unavailable, Refused and OSError where it must be tried again.
        """
        now = self.clock.now()
        if read is None:
            OUTCOMES.labels("duplicate").inc()
            return Settled(delivery, _records(facts.received(delivery, None, Authentication(), ""), facts.duplicate(delivery, now)))
        reading, authentication = read
        case, app = await self.cases.of(reading, delivery.envelope, authentication, delivery.envelope.received_at)
        outcome = admission.decide(case)
        told: list[e.Event] = [facts.received(delivery, reading, authentication, redact(reading.subject).text)]
        proven = self.cases.proven(reading, delivery.envelope)
        if (report := facts.bounced(delivery, reading, self.cases.names.message_domain, proven, now)) is not None:
            told.append(report)
            told += await self._stops(report, now)
        meaning = await self._meaning(delivery, case, app, outcome)
        plain = isinstance(meaning[0], e.OpenTicket | e.AddReply) and is_plain(raw, reading, meaning[0])
        return Settled(delivery, _records(*told, *meaning), plain)

    async def set_aside(self, delivery: Delivery) -> Settled:
        """A message that met a bug of ours: kept for a human, like one that cannot be read."""
        reading = Reading(unreadable=Unreadable.CRASHED, detail="a fault of ours", digest=delivery.digest, size=delivery.size)
        kept = Quarantine(e.Cause.UNREADABLE, explanation_of(e.Cause.UNREADABLE), "it could not be handled here")
        told = facts.received(delivery, reading, Authentication(), "")
        return Settled(delivery, _records(told, facts.quarantined(delivery, kept, "", self.clock.now())))

    async def release(self, digest: str, by: e.Actor) -> dict[str, Any]:
        """`POST /v1/mail/{id}/release`: staff vouch for the sender, and the message is admitted anew, as of when it came.

        Raises Refused `not-found` (404), `not-quarantined` and `still-quarantined` (409, with the cause); Unavailable.
        """
        held = await self.known.message(digest) if self.known is not None else None
        if held is None:
            raise Refused("not-found", "There is no such message, or it is not in the view yet.", status=404)
        if held.state != "quarantined" or held.why is None:
            raise Refused("not-quarantined", f"This message is {held.state}: there is nothing to release.", status=409)
        raw = await self._raw(held.blob)
        envelope = Envelope(
            mail_from=held.mail_from, rcpt_to=held.rcpt_to, peer=held.peer, helo=held.helo, received_at=held.received_at,
            authenticated_as=held.gateway,
        )  # fmt: skip
        delivery = Delivery(id=held.delivery, digest=digest, size=held.size, via="smtp", envelope=envelope)
        reading, authentication = await self._read(delivery, raw)
        case, app = await self.cases.of(reading, envelope, authentication, envelope.received_at, released=True)
        outcome = admission.decide(case)
        if isinstance(outcome, Quarantine):
            raise Refused("still-quarantined", f"It cannot be let through as things are: {outcome.explanation}", status=409,
                          extra={"cause": outcome.cause.value})  # fmt: skip
        now = self.clock.now()
        meaning = await self._meaning(delivery, case, app, outcome, again=".released")
        await self.publish(_records(facts.released(delivery, by.email, held.why, now), *meaning))
        named = {"page_id": outcome.page} if isinstance(outcome, Answer) else {"ticket_id": meaning[0].key}
        return {"id": digest, **named, "request_id": meaning[0].id}

    async def _raw(self, blob: str) -> bytes:
        """A message that another process took is in its bag until GridFS has it, which is later than the view knows of it.

        Raises Unavailable.
        """
        for pause in _UNTIL_MOVED_S:
            if (raw := await self.raw_of(blob)) is not None:
                return raw
            await asyncio.sleep(pause)
        raise Unavailable("the raw message", "it is on the disk of another process still")

    async def _stops(self, report: e.MailBounced, now: datetime) -> list[e.Event]:
        """Raises Unavailable."""
        if report.notice_id is None or self.known is None:
            return []
        stop = stopped_by(report, await self.known.sent_to(report.notice_id), now)
        return [stop] if stop is not None else []

    async def _read(self, delivery: Delivery, raw: bytes) -> Read:
        reading = await self.reader.read(raw, delivery.envelope)
        if reading.unreadable is Unreadable.STOPPED:
            raise Unavailable("the mail reader", "it is being stopped")
        if reading.sender is None:
            return reading, Authentication()
        return reading, await self.reader.authenticate(raw, delivery.envelope, reading)

    async def _meaning(self, delivery: Delivery, case: Case, app: App | None, outcome: Outcome, again: str = "") -> list[e.Event]:
        """The request a message makes, if any, first; then what became of it."""
        now, at, actor = self.clock.now(), delivery.envelope.received_at, case.sender.actor
        if isinstance(outcome, Answer):
            answer = answering(outcome, delivery.digest, at, self.reference.rules().stamp, again)
            OUTCOMES.labels("answered").inc()
            return [answer, facts.answered(delivery, answer, now, again)]
        if isinstance(outcome, Quarantine) or actor is None:
            assert isinstance(outcome, Quarantine)
            OUTCOMES.labels(outcome.cause).inc()
            return [facts.quarantined(delivery, outcome, case.sender.address, now)]
        said = said_in(case.reading, [kept for each in case.reading.attachments if (kept := await self.keep_file(each, actor))])
        self.cases.tallies.count(case.sender.address, case.is_vouched_for, at, reply=isinstance(outcome, Reply))
        if isinstance(outcome, Open):
            request = opening(said, self._world(actor, app), actor, delivery.digest, at, verified=outcome.verified)
            OUTCOMES.labels("ticketed").inc()
            return [request, facts.ticketed(delivery, request, now, again)]
        reply = replying(
            said, outcome.ticket_id, actor, delivery.digest, at, self.reference.rules().stamp, automatic=outcome.automatic, again=again
        )
        OUTCOMES.labels("threaded").inc()
        return [reply, facts.threaded(delivery, reply, now, again)]

    def _world(self, actor: e.Actor, app: App | None) -> World:
        directory = self.reference.directory
        account = directory.account(actor.email)
        assert account is not None, "only accounts open tickets"
        addons = tuple(found for slug in (app.addons if app else ()) if (found := directory.provider(slug)) is not None)
        return World(account, app, None, addons, self.reference.rules(), self.ongoing())


def _records(*events: e.Event) -> list[Record]:
    """Of one submission: all or none, as far as the spool can."""
    records: list[Record] = []
    for event in events:
        if isinstance(event, e.Request):
            record = record_for(REQUESTS.name, event, SOURCE)
            records += [record, record._replace(topic=URGENT.name)] if isinstance(event, e.OpenTicket) and event.pages else [record]
        else:
            records.append(record_for(topic_of(event), event, SOURCE))
    return records
