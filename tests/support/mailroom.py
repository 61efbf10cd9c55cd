"""A mail room in this process: the real listener, reader and disk, the demo's people; the log is a
list that may be away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiosmtplib

from deploy.demo.directory import documents
from services.intake.files.attachments import Attachments
from services.intake.files.blobs import Blobs
from services.intake.http.idempotency import Keys
from services.intake.mail.admission.case import MailContext, MailIdentity
from services.intake.mail.files import keep_with
from services.intake.mail.masked import without_secrets
from services.intake.mail.queue.mailbag import Mailbag
from services.intake.mail.queue.processor import MailProcessor, MessageReader
from services.intake.mail.queue.queue import MailQueue
from services.intake.mail.reading.authentication.dns import DnsZone
from services.intake.mail.reading.reader import MailReader
from services.intake.mail.smtp.listener import SmtpLimits, listen
from services.intake.mail.smtp.relays import Relays
from services.intake.mail.tallies import SenderUsageCounter
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.events import Event, MailFact
from shared.files import FileHome
from shared.topics import read
from shared.wire import Record
from tests.support.mails import DEMO_ZONE
from tests.unit.intake.building import SECRET, Bench

NAMES = MailIdentity(
    "support@signalbox.example",
    frozenset({"bot@notifications.signalbox.example"}),
    "notifications.signalbox.example",
    "bot@notifications.signalbox.example",
)


@dataclass
class House:
    """`said`: what went into the log, in order. `away`: it does not take anything. `free`: the
    share of the disk that is free.
    """

    folder: Path
    bench: Bench = field(default_factory=Bench)
    said: list[Event] = field(default_factory=list)
    away: bool = False
    free: float = 0.5
    port: int = 0
    limits: SmtpLimits = field(default_factory=lambda: SmtpLimits(greeting=0))
    relays: Relays = field(default_factory=Relays)
    room: MailQueue | None = None
    bag: Mailbag | None = None
    files: FileHome | None = None
    """Where files are kept."""

    async def publish(self, records: Sequence[Record]) -> str:
        if self.away:
            raise Unavailable("kafka", "away")
        found = [read(record.value) for record in records if record.value is not None]
        self.said += [event for event in found if event is not None]
        return "logged"

    @property
    def outcomes(self) -> list[MailFact]:
        """The facts that say what became of deliveries."""
        return [
            e
            for e in self.said
            if isinstance(e, MailFact)
            and e.type not in ("MailReceived", "MailBounced", "MailReleased")
        ]

    @property
    def waiting(self) -> int:
        """Deliveries that are durable and not done."""
        return self.bag.in_hand if self.bag is not None else 0

    async def sends(
        self, raw: bytes, sender: str = "premium@example.com", to: str = NAMES.support
    ) -> tuple[int, str]:
        """Code and words of the answer."""
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, timeout=30)
        try:
            async with client:
                await client.mail(sender)
                await client.rcpt(to)
                said = await client.data(raw)
                return said.code, said.message
        except aiosmtplib.SMTPResponseException as error:
            return error.code, error.message

    async def settles(self, count: int, within: float = 30) -> list[MailFact]:
        """Wait until so many deliveries have an outcome and none is in hand."""
        async with asyncio.timeout(within):
            while len(self.outcomes) < count or self.waiting:
                await asyncio.sleep(0.01)
        return self.outcomes


@contextlib.asynccontextmanager
async def opened(
    house: House, reader: MessageReader | None = None, **tallies: Any
) -> AsyncIterator[House]:
    """The house takes mail; at the end it stops as the process does."""
    clock = SystemClock()
    blobs = Blobs(house.folder / "blobs", None, free=lambda _: house.free)
    files = Attachments(house.folder / "files", blobs, None)
    providers = {
        each.id: each.body for each in documents("http://sink") if each.kind == "providers"
    }
    house.bag = bag = Mailbag(
        house.folder / "bag", house.files, safe=without_secrets, free=lambda _: house.free
    )
    await bag.open()
    async with contextlib.AsyncExitStack() as stack:
        reads = reader or await stack.enter_async_context(
            MailReader(DnsZone.of(DEMO_ZONE), children=2)
        )
        cases = MailContext(
            house.bench.reference,
            lambda: providers,
            house.bench.view,
            None,
            SECRET.encode(),
            NAMES,
            SenderUsageCounter(**tallies),
        )
        desk = MailProcessor(
            reference=house.bench.reference,
            publish=house.publish,
            reader=reads,
            cases=cases,
            keys=Keys(house.folder / "seen.sqlite"),
            raw_of=bag.get,
            keep_file=keep_with(files, clock),
            known=None,
            clock=clock,
        )
        house.room = room = MailQueue(bag, desk)
        server = await listen(
            room,
            NAMES,
            clock,
            host="127.0.0.1",
            port=0,
            hostname="signalbox.example",
            limits=house.limits,
            relays=house.relays,
        )
        house.port = server.sockets[0].getsockname()[1]

        async def at_hand() -> str | None:
            return None

        working = asyncio.create_task(room.run(at_hand))
        try:
            yield house
        finally:
            server.close()
            working.cancel()
            await asyncio.wait({working})
            await bag.close()
