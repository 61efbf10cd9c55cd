"""What a process that takes mail in is made of, beside what all of intake has: `api` and `smtp`
alike.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.intake.files.attachments import Attachments
from services.intake.http.idempotency import Keys
from services.intake.mail.admission.case import MailContext, MailIdentity
from services.intake.mail.admission.known import KnownMail
from services.intake.mail.files import keep_with
from services.intake.mail.masked import without_secrets
from services.intake.mail.queue.mailbag import Mailbag
from services.intake.mail.queue.processor import MailProcessor
from services.intake.mail.queue.queue import MailQueue
from services.intake.mail.reading.authentication.dns import resolver_of
from services.intake.mail.reading.quoting.ours import OwnNames
from services.intake.mail.reading.reader import MailReader
from services.intake.mail.tallies import SenderUsageCounter
from services.intake.settings import SmtpSettings
from services.intake.spool.spool import Spool
from services.intake.world.incidents import Incidents
from services.intake.world.portal_view import View
from services.intake.world.reference import Reference
from shared.clock import Clock
from shared.files import FileHome
from shared.people.folding import fold_address
from shared.spine.replica import Replica
from shared.storage.store import Store

_LOOK_WITHIN_S = 1.0
"""A mail has been answered by then, so it can wait longer for the view than a caller can."""


@dataclass(frozen=True)
class MailParts:
    """The parts, to be run inside `open_for_business`."""

    room: MailQueue
    bag: Mailbag
    desk: MailProcessor
    names: MailIdentity
    reader: MailReader
    keys: Keys

    @contextlib.asynccontextmanager
    async def open_for_business(self, clock: Clock) -> AsyncIterator[None]:
        """The bag is open, the children that read mail are there, and the hashes of lately are kept
        at the end.
        """
        # The bag before the children: what was left in it needs them, and a bad disk shows at once.
        await self.bag.open()
        try:
            async with self.reader:
                yield
        finally:
            # The children have ended by now, so nothing new comes into the bag.
            await self.bag.close()
            self.keys.close(clock.now())


def names_of(settings: SmtpSettings) -> MailIdentity:
    # Mail from any of these is our own: answering it would begin a loop.
    ours = (settings.support_address, settings.mail_from, settings.pager_mail_from)
    return MailIdentity(
        settings.support_address,
        frozenset(fold_address(address) for address in ours),
        settings.mail_domain,
        settings.mail_from,
        settings.pager_mail_from.rpartition("@")[2],
    )


def mail_parts(
    settings: SmtpSettings,
    process: str,
    *,
    reference: Reference,
    directory: Replica,
    spool: Spool,
    files: Attachments,
    store: Store | None,
    kept_in: FileHome | None,
    clock: Clock,
    incidents: Incidents,
) -> MailParts:
    """Everything of `process` (`api` or `smtp`); each has its own folder and its own children."""
    folder = settings.mail_dir(process)
    secret = settings.secret.get_secret_value().encode() if settings.secret else None
    names = names_of(settings)
    # Without a store no view can be asked: replies are then decided by the router alone.
    known = KnownMail(store) if store is not None else None
    view = View(store, _LOOK_WITHIN_S) if store is not None else None
    cases = MailContext(
        reference,
        lambda: directory.all("providers"),
        view,
        known,
        secret,
        names,
        SenderUsageCounter(settings.mail_tickets_hourly, settings.mail_replies_hourly),
        view,
    )
    reader = MailReader(
        resolver_of(settings.dns_zone, demo=settings.demo),
        children=settings.mail_readers,
        ours=OwnNames(addresses=tuple(sorted(names.own)), names=(settings.mail_name,)),
    )
    # A folder for each process, so these files never have two writers.
    keys = Keys(folder / "seen.sqlite")
    # What goes to where files are kept has lost its secrets; the bag alone holds the original.
    bag = Mailbag(folder / "bag", kept_in, safe=without_secrets)
    desk = MailProcessor(
        reference=reference,
        publish=spool.publish,
        reader=reader,
        cases=cases,
        keys=keys,
        raw_of=bag.get,
        keep_file=keep_with(files, clock),
        known=known,
        clock=clock,
        # Asked anew for each mail: incidents begin and end meanwhile.
        ongoing=lambda: incidents.ongoing,
    )
    return MailParts(MailQueue(bag, desk), bag, desk, names, reader, keys)
