"""A mail desk in memory: mails in, what the log would be told out. Mail is read in this process."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from services.intake.http.idempotency import Keys
from services.intake.mail.admission.case import MailContext, MailIdentity
from services.intake.mail.admission.requests import KeptFile
from services.intake.mail.queue.delivery import Delivery
from services.intake.mail.queue.processor import MailProcessor
from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Attachment, Authentication, Envelope, MailContent
from services.intake.mail.tallies import SenderUsageCounter
from services.intake.world.portal_view import SeenTicket
from shared.events import Actor, Event
from shared.signed.reply_address import reply_address
from shared.topics import read
from shared.wire import Record
from tests.unit.intake.building import NOW, SECRET, Bench, StandingClock

BOT = "bot@notifications.signalbox.example"
NAMES = MailIdentity(
    "support@signalbox.example",
    frozenset({"support@signalbox.example", BOT}),
    "notifications.signalbox.example",
    BOT,
    "pager.signalbox.example",
)
PREMIUM, PREMIER = "premium@example.com", "premier@example.com"
TICKET = "tkt_" + "a" * 26


class ReadHere:
    """`services.intake.mail.reading.reader.MailReader` without children and DNS: who vouches is told."""

    def __init__(self) -> None:
        self.vouched = Authentication(dmarc="pass", spf="pass", aligned=True)

    async def read(self, raw: bytes, envelope: Envelope) -> MailContent:
        reading = read_message(raw, envelope)
        return reading.model_copy(
            update={"digest": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
        )

    async def authenticate(
        self, raw: bytes, envelope: Envelope, reading: MailContent
    ) -> Authentication:
        return self.vouched


@functools.cache
def shared_bench() -> Bench:
    """The demo's people, made once: nothing is written to it but the tickets that the view knows."""
    return Bench()


@dataclass
class Office:
    """A desk with the demo's people. `said`: everything the log was told, in order."""

    bench: Bench = field(default_factory=lambda: shared_bench())
    said: list[Event] = field(default_factory=list)
    reader: ReadHere = field(default_factory=ReadHere)
    tallies: SenderUsageCounter = field(default_factory=SenderUsageCounter)
    keys: Keys = field(default_factory=lambda: Keys(None))

    def __post_init__(self) -> None:
        self.bench.view.tickets.clear()

    def desk(self) -> MailProcessor:
        async def publish(records: Sequence[Record]) -> None:
            raise AssertionError("nothing is released here")

        async def keep_file(attachment: Attachment, actor: Actor) -> KeptFile:
            return KeptFile(attachment.filename, f"att_{attachment.sha256[:26]}")

        async def raw_of(digest: str) -> bytes | None:
            return None

        cases = MailContext(
            self.bench.reference,
            dict,
            self.bench.view,
            None,
            SECRET.encode(),
            NAMES,
            self.tallies,
        )
        return MailProcessor(
            reference=self.bench.reference,
            publish=publish,
            reader=self.reader,
            cases=cases,
            keys=self.keys,
            raw_of=raw_of,
            keep_file=keep_file,
            known=None,
            clock=StandingClock(),
        )

    def knows(self, subject: str = "Thread test", status: str = "solved", **more: object) -> str:
        """The view has premium's ticket; gives the address that premium answers it at."""
        about = {"requester": PREMIUM, "participants": (PREMIUM,), "provider": None, **more}
        self.bench.view.tickets[TICKET] = SeenTicket(**about, status=status, subject=subject)  # type: ignore[arg-type]
        return reply_address(SECRET.encode(), NAMES.support, TICKET, PREMIUM)

    async def gets(
        self,
        raw: bytes,
        *,
        mail_from: str = PREMIUM,
        to: str = NAMES.support,
        vouched: bool = True,
        later: timedelta = timedelta(0),
        delivery: str = "",
    ) -> list[Event]:
        """One message, `later` than the building's time; what the log is told of it."""
        digest = hashlib.sha256(raw).hexdigest()
        self.reader.vouched = Authentication(
            dmarc="pass" if vouched else "none", aligned=vouched, reason="as the test says"
        )
        envelope = Envelope(
            mail_from=mail_from, rcpt_to=(to,), peer="192.0.2.1", received_at=NOW + later
        )
        handed = Delivery(
            id=delivery or f"dlv_{len(self.said)}",
            digest=digest,
            size=len(raw),
            via="smtp",
            envelope=envelope,
        )
        desk = self.desk()
        settled = await desk.decide(handed, raw, await desk.read(handed, raw))
        told = [read(record.value) for record in settled.records if record.value is not None]
        events = list({event.id: event for event in told if event is not None}.values())
        self.said += events
        return events
