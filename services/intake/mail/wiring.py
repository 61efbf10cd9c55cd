"""What a process that takes mail in is made of, beside what all of intake has: `api` and `smtp` alike."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.intake.attachments import Attachments
from services.intake.incident_book import Incidents
from services.intake.keys import Keys
from services.intake.mail.case import Cases, Names, Tallies
from services.intake.mail.desk import MailDesk
from services.intake.mail.files import keep_with
from services.intake.mail.known import KnownMail
from services.intake.mail.mailbag import Mailbag
from services.intake.mail.masked import without_secrets
from services.intake.mail.reading.names import resolver_of
from services.intake.mail.reading.reader import Reader
from services.intake.mail.room import MailRoom
from services.intake.reference import Reference
from services.intake.settings import IntakeSettings
from services.intake.spool import Spool
from services.intake.view import View
from shared.clock import Clock
from shared.replica import Replica
from shared.store import Store

_LOOK_WITHIN_S = 1.0
"""A mail has been answered by then, so it can wait longer for the view than a caller can."""


@dataclass(frozen=True)
class Mail:
    """The parts, to be run inside `open_for_business`."""

    room: MailRoom
    bag: Mailbag
    desk: MailDesk
    names: Names
    reader: Reader
    keys: Keys

    @contextlib.asynccontextmanager
    async def open_for_business(self, clock: Clock) -> AsyncIterator[None]:
        """The bag is open, the children that read mail are there, and the hashes of lately are kept at the end."""
        await self.bag.open()
        try:
            async with self.reader:
                yield
        finally:
            await self.bag.close()
            self.keys.close(clock.now())


def names_of(settings: IntakeSettings) -> Names:
    ours = (settings.support_address, settings.mail_from, settings.pager_mail_from)
    return Names(
        settings.support_address, frozenset(address.lower() for address in ours), settings.mail_domain, settings.mail_from,
        settings.pager_mail_from.rpartition("@")[2],
    )  # fmt: skip


def mail_parts(
    settings: IntakeSettings, process: str, *, reference: Reference, directory: Replica, spool: Spool, files: Attachments,
    store: Store | None, clock: Clock, incidents: Incidents,
) -> Mail:  # fmt: skip
    """Everything of `process` (`api` or `smtp`); each has its own folder and its own children."""
    folder = settings.mail_dir(process)
    secret = settings.secret.get_secret_value().encode() if settings.secret else None
    names = names_of(settings)
    known = KnownMail(store) if store is not None else None
    view = View(store, _LOOK_WITHIN_S) if store is not None else None
    cases = Cases(
        reference, lambda: directory.all("providers"), view, known, secret, names,
        Tallies(settings.mail_tickets_hourly, settings.mail_replies_hourly), view,
    )  # fmt: skip
    reader = Reader(resolver_of(settings.dns_zone, demo=settings.demo), children=settings.mail_readers)
    keys = Keys(folder / "seen.sqlite")
    bag = Mailbag(folder / "bag", store.files("blobs") if store else None, safe=without_secrets)
    desk = MailDesk(
        reference=reference, publish=spool.publish, reader=reader, cases=cases, keys=keys, raw_of=bag.get,
        keep_file=keep_with(files, clock), known=known, clock=clock, ongoing=lambda: incidents.ongoing,
    )  # fmt: skip
    return Mail(MailRoom(bag, desk), bag, desk, names, reader, keys)
