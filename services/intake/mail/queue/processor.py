"""The desk in the mail room: one message at a time, from its bytes to the facts and the request it
makes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from prometheus_client import Counter

from services.intake.domain import World
from services.intake.http.idempotency import Keys
from services.intake.mail.admission import admission, facts
from services.intake.mail.admission.admission import (
    NewTicket,
    Outcome,
    PageAnswer,
    Quarantine,
    TicketReply,
)
from services.intake.mail.admission.answering import explanation_of
from services.intake.mail.admission.bounces import make_lift_record
from services.intake.mail.admission.case import MailContext
from services.intake.mail.admission.evidence import MailCase
from services.intake.mail.admission.known import KnownMail
from services.intake.mail.admission.requests import (
    MOST_FILES,
    TOO_MANY,
    KeptFile,
    MailTexts,
    extract_texts,
    make_answer_request,
    make_open_request,
    make_reply_request,
    whole_text,
)
from services.intake.mail.masked import is_plain
from services.intake.mail.queue import copies
from services.intake.mail.queue.delivery import Delivery, trace_of
from services.intake.mail.queue.letters import letter_of
from services.intake.mail.reading.models import (
    Attachment,
    Authentication,
    Envelope,
    MailContent,
    Unreadable,
)
from services.intake.mail.still_held import explain_hold
from services.intake.mail.stopping import make_stops
from services.intake.world.directory import App
from services.intake.world.reference import Reference
from shared import events as e
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.people.folding import fold_address
from shared.people.subscriptions import KIND, stop_id
from shared.status.matching import OngoingIncident
from shared.text.redact import redact
from shared.topics import REQUESTS, URGENT, topic_of
from shared.wire import Record, record_for

SOURCE = "intake.mail"
OUTCOMES = Counter("signalbox_mail_outcomes_total", "What became of messages", ["outcome"])
# About four seconds in all: the other process moves its messages several times a second.
_UNTIL_MOVED_S = (0.1, 0.2, 0.3, 0.5, 1.0, 1.0, 1.0)

Publish = Callable[[Sequence[Record]], Awaitable[Any]]
"""`Spool.publish`."""
KeepFile = Callable[[Attachment, e.Actor], Awaitable[KeptFile]]
"""Keeps an attachment that came from `actor`; gives its id, as the API's uploads have one."""

RawOf = Callable[[str], Awaitable[bytes | None]]
"""`Mailbag.get`: a message by its hash."""

Read = tuple[MailContent, Authentication]


class DeliveryResult(NamedTuple):
    """What the log is to be told of a delivery. `plain`: the raw message is known to hold no
    secret.
    """

    delivery: Delivery
    records: list[Record]
    plain: bool = False


class MessageReader(Protocol):
    """`services.intake.mail.reading.reader.MailReader`."""

    async def read(
        self, raw: bytes, envelope: Envelope, ignored: Collection[str] = ()
    ) -> MailContent: ...

    async def authenticate(
        self, raw: bytes, envelope: Envelope, reading: MailContent
    ) -> Authentication: ...


@dataclass(frozen=True)
class MailProcessor:
    """`known` None: nobody can be asked about messages of before, and nothing can be released."""

    reference: Reference
    publish: Publish
    reader: MessageReader
    cases: MailContext
    keys: Keys
    raw_of: RawOf
    keep_file: KeepFile
    known: KnownMail | None
    clock: Clock
    ongoing: Callable[[], tuple[OngoingIncident, ...]] = tuple
    """The open incidents a ticket may be about."""

    async def read(self, delivery: Delivery, raw: bytes) -> Read | None:
        """What it says and who vouches for it; None: a repeat, which is not read again. Raises
        Unavailable.
        """
        # Known by its bytes: a sender that missed our 250 sends the same once more.
        if not self.keys.claim(f"mail:{delivery.digest}", delivery.id, self.clock.now()):
            return None
        return await self._read(delivery, raw)

    async def decide(self, delivery: Delivery, raw: bytes, read: Read | None) -> DeliveryResult:
        """What to say of it. Messages of one sender are decided on in their order.

        Raises Unavailable, Refused and OSError where it must be tried again.
        """
        now = self.clock.now()
        # A repeat is told to the log and to nobody else: the first one has had its answer.
        if read is None:
            OUTCOMES.labels("duplicate").inc()
            return DeliveryResult(
                delivery,
                _records(
                    delivery,
                    facts.make_received_fact(delivery, None, Authentication(), ""),
                    facts.duplicate(delivery, now),
                ),
            )
        reading, authentication = read
        # As of when it came: what the sender was then decides, however late it is worked on.
        case, app = await self.cases.of(
            reading, delivery.envelope, authentication, delivery.envelope.received_at
        )
        outcome = admission.decide(case)
        # That it came is told first, whatever is decided about it.
        told: list[e.Event] = [
            facts.make_received_fact(
                delivery, reading, authentication, redact(reading.subject).text
            )
        ]
        # A report counts where its writer must have had our mail; else anybody could stop mail to
        # others.
        proven = self.cases.proven(reading, delivery.envelope)
        if (
            report := facts.make_bounced_fact(
                delivery, reading, self.cases.names.message_domain, proven, now
            )
        ) is not None:
            told.append(report)
            told += await make_stops(report, self.known, delivery.envelope.received_at, now)
        # A mail of their own shows that a mailbox takes mail again.
        stop = self.reference.get(KIND, stop_id(case.sender.address))
        lifted = make_lift_record(case, stop, delivery.envelope.received_at, now)
        told += [lifted] if lifted is not None else []
        # Last: this keeps files and counts the sender, which the looks above must not wait for.
        meaning = await self._make_events(delivery, case, app, outcome)
        # Known to be free of secrets: the raw message is kept without another search.
        plain = isinstance(meaning[0], e.OpenTicket | e.AddReply) and is_plain(
            raw, reading, meaning[0]
        )
        return DeliveryResult(delivery, _records(delivery, *told, *meaning), plain)

    async def set_aside(self, delivery: Delivery) -> DeliveryResult:
        """A message that met a bug of ours: kept for a human, like one that cannot be read."""
        reading = MailContent(
            unreadable=Unreadable.CRASHED,
            detail="a fault of ours",
            digest=delivery.digest,
            size=delivery.size,
        )
        kept = Quarantine(
            e.Cause.UNREADABLE, explanation_of(e.Cause.UNREADABLE), "it could not be handled here"
        )
        told = facts.make_received_fact(delivery, reading, Authentication(), "")
        return DeliveryResult(
            delivery,
            _records(
                delivery, told, facts.make_quarantined_fact(delivery, kept, None, self.clock.now())
            ),
        )

    async def release(self, digest: str, by: e.Actor, account: str = "") -> dict[str, Any]:
        """`POST /v1/mail/{id}/release`: staff vouch for the sender, and the message is admitted
        anew, as of when it came. `account`: the registered address in whose name it comes in;
        empty: the sender's own.

        Raises Refused `not-found` (404), `no-such-account` (422), `not-quarantined` and
        `still-quarantined` (409, with the cause); Unavailable.
        """
        # Asked first: it costs nothing, and a typo is the likeliest mistake.
        if account and self.reference.get("accounts", fold_address(account)) is None:
            raise Refused(
                "no-such-account",
                "No account has this address. Register it first, or choose another.",
                status=422,
            )
        # Only the view knows what was held; without it nothing can be released.
        held = await self.known.message(digest) if self.known is not None else None
        if held is None:
            raise Refused(
                "not-found", "There is no such message, or it is not in the view yet.", status=404
            )
        if held.state != "quarantined" or held.why is None:
            raise Refused(
                "not-quarantined",
                f"This message is {held.state}: there is nothing to release.",
                status=409,
            )
        # The message may be on another process's disk for a moment still.
        raw = await self._raw(held.blob)
        # As it was when it came: the same evidence, so only what staff vouch for is new.
        envelope = Envelope(
            mail_from=held.mail_from,
            rcpt_to=held.rcpt_to,
            peer=held.peer,
            helo=held.helo,
            received_at=held.received_at,
            authenticated_as=held.gateway,
        )
        delivery = Delivery(
            id=held.delivery, digest=digest, size=held.size, via="smtp", envelope=envelope
        )
        # What was read of it is not stored, so it is read again.
        reading, authentication = await self._read(delivery, raw)
        case, app = await self.cases.of(
            reading,
            envelope,
            authentication,
            envelope.received_at,
            released=True,
            account=account,
        )
        # The same rules as for every mail, without those that staff overrule.
        outcome = admission.decide(case)
        if isinstance(outcome, Quarantine):
            raise Refused(
                "still-quarantined",
                explain_hold(outcome.cause),
                status=409,
                extra={"cause": outcome.cause.value},
            )
        now = self.clock.now()
        # `.released` makes new ids: the facts of the first decision stay as they are.
        meaning = await self._make_events(delivery, case, app, outcome, again=".released")
        release = facts.make_released_fact(delivery, by.email, held.why, now, fold_address(account))
        await self.publish(_records(delivery, release, *meaning))
        named = (
            {"page_id": outcome.page}
            if isinstance(outcome, PageAnswer)
            else {"ticket_id": meaning[0].key}
        )
        return {"id": digest, **named, "request_id": meaning[0].id}

    async def _raw(self, blob: str) -> bytes:
        """A message that another process took is in its bag until it is where files are kept, later
        than the view knows of it.

        Raises Unavailable.
        """
        for pause in _UNTIL_MOVED_S:
            if (raw := await self.raw_of(blob)) is not None:
                return raw
            await asyncio.sleep(pause)
        raise Unavailable("the raw message", "it is on the disk of another process still")

    async def _read(self, delivery: Delivery, raw: bytes) -> Read:
        reading = await self.reader.read(raw, delivery.envelope)
        # The process ends: nothing is known of the message, so nothing may be said of it.
        if reading.unreadable is Unreadable.STOPPED:
            raise Unavailable("the mail reader", "it is being stopped")
        # Nobody is named who could be vouched for.
        if reading.sender is None:
            return reading, Authentication()
        found = await self.reader.authenticate(raw, delivery.envelope, reading)
        if found.unsigned:  # only what is vouched for is used
            reading = await self.reader.read(raw, delivery.envelope, found.unsigned)
            if reading.unreadable is Unreadable.STOPPED:
                raise Unavailable("the mail reader", "it is being stopped")
        return reading, found

    async def _make_events(
        self, delivery: Delivery, case: MailCase, app: App | None, outcome: Outcome, again: str = ""
    ) -> list[e.Event]:
        """The request a message makes, if any, first; then what became of it."""
        now, at, actor = self.clock.now(), delivery.envelope.received_at, case.sender.actor
        letter = letter_of(case.reading, case.sender.address, delivery.digest)
        # A release is asked for on purpose, so it is no copy.
        before = (
            None if again else copies.find_first_copy(self.keys, letter, delivery.id, case, outcome)
        )
        if before is not None:
            OUTCOMES.labels("copy").inc()
            return [facts.make_copy_fact(delivery, before, case.sender.address, now)]
        if isinstance(outcome, PageAnswer):
            answer = make_answer_request(
                outcome, delivery.digest, at, self.reference.rules().stamp, again
            )
            OUTCOMES.labels("answered").inc()
            return [answer, facts.make_answer_fact(delivery, answer, now, again)]
        # A rule that lets it in has asked for an actor before; the assertion says so to the reader.
        if isinstance(outcome, Quarantine) or actor is None:
            assert isinstance(outcome, Quarantine)
            OUTCOMES.labels(outcome.cause).inc()
            # Counted when it came, so that a backlog does not use up a later day.
            if not outcome.unanswerable:
                self.cases.tallies.count_told(case.sender.address, case.is_vouched_for, at)
            return [facts.make_quarantined_fact(delivery, outcome, case, now)]
        # Now that it is let in: its files are kept before the request names them.
        said = await self._extract_texts(case.reading, actor, new=isinstance(outcome, NewTicket))
        # Before the request, so that the next mail of this sender is decided on with it.
        self.cases.tallies.count(
            case.sender.address, case.is_vouched_for, at, reply=isinstance(outcome, TicketReply)
        )
        if isinstance(outcome, NewTicket):
            request = make_open_request(
                said,
                self._world(actor, app),
                actor,
                delivery.digest,
                at,
                verified=outcome.verified,
                letter=letter,
                no_receipt=outcome.no_receipt,
                follows=outcome.follows,
            )
            copies.remember(self.keys, letter, delivery.id, request, at)
            OUTCOMES.labels("ticketed").inc()
            return [request, facts.make_ticketed_fact(delivery, request, now, again)]
        reply = make_reply_request(
            said,
            outcome.ticket_id,
            actor,
            delivery.digest,
            at,
            self.reference.rules().stamp,
            letter=letter,
            automatic=outcome.automatic,
            because=outcome.because,
            doubtful=outcome.doubtful,
            again=again,
        )
        copies.remember(self.keys, letter, delivery.id, reply, at)
        OUTCOMES.labels("threaded").inc()
        return [reply, facts.make_threaded_fact(delivery, reply, now, again)]

    async def _extract_texts(self, reading: MailContent, actor: e.Actor, *, new: bool) -> MailTexts:
        """The texts as a ticket takes them, once the files of the mail are kept."""
        # A text that does not fit goes along as a file of its own, in front of the others.
        rest = whole_text(reading, actor, new=new)
        if rest is None:
            files = await self._files(reading.attachments, actor)
            return await asyncio.to_thread(extract_texts, reading, files, new=new)
        files = await self._files([rest, *reading.attachments], actor)
        # A text file that could not be kept is not named: the ticket then says that the mail goes
        # on.
        is_kept = bool(files[0].id)
        return await asyncio.to_thread(
            extract_texts, reading, files[not is_kept :], new=new, rest_in_file=is_kept
        )

    async def _files(self, attachments: Sequence[Attachment], actor: e.Actor) -> list[KeptFile]:
        """As many as a ticket takes, and the names of the others."""
        files: list[KeptFile] = []
        kept = 0
        # No more is kept than a ticket takes; the others are named, and stay in the raw mail.
        for each in attachments:
            if kept >= MOST_FILES:
                files.append(KeptFile(each.filename, why_not=TOO_MANY))
                continue
            files.append(await self.keep_file(each, actor))
            kept += bool(files[-1].id)
        return files

    def _world(self, actor: e.Actor, app: App | None) -> World:
        directory = self.reference.directory
        account = directory.account(actor.email)
        assert account is not None, "only accounts open tickets"
        addons = tuple(
            found
            for slug in (app.addons if app else ())
            if (found := directory.provider(slug)) is not None
        )
        return World(account, app, None, addons, self.reference.rules(), self.ongoing())


def _records(delivery: Delivery, *events: e.Event) -> list[Record]:
    """Of one submission: all or none, as far as the spool can. One message is one trace, however
    often it is handled.
    """
    trace = trace_of(delivery).traceparent
    records: list[Record] = []
    for event in events:
        if isinstance(event, e.Request):
            # One that pages goes onto the fast topic as well, as the API does it.
            record = record_for(REQUESTS.name, event, SOURCE, trace)
            records += (
                [record, record._replace(topic=URGENT.name)]
                if isinstance(event, e.OpenTicket) and event.pages
                else [record]
            )
        else:
            records.append(record_for(topic_of(event), event, SOURCE, trace))
    return records
