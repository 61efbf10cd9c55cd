"""The corpus through the real listener: whatever is told 250 has an outcome with a name, and the
listener never stops.

Real SMTP, disk, children and admission, with the demo's people; the log is a list. Each mail is of
a registered sender's envelope, so that what can be read may become a ticket; what cannot is refused
by the protocol, or quarantined. Mails that differ in their line ends alone are one, as the wire has
CRLF.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiosmtplib

from services.intake.mail.reading.models import MESSAGE_MOST
from shared.events import MailQuarantined
from tests.corpus.mail.sources import Mail
from tests.support.mailroom import NAMES, House, opened

AT_ONCE, EACH = 4, 100
SENDER = "premium@example.com"


@dataclass
class Through:
    """What became of them. `refused` by the protocol's answer."""

    sent: int = 0
    taken: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        became = ", ".join(f"{what} {count}" for what, count in self.outcomes.most_common())
        refused = (
            ", ".join(f"{what} {count}" for what, count in self.refused.most_common()) or "none"
        )
        return f"through the listener: {self.sent} sent, {self.taken} taken: {became}; refused: {refused}"


async def through_the_listener(mails: list[Mail]) -> Through:
    """Every mail, `AT_ONCE` at a time."""
    found, left = Through(), iter(mails)
    with tempfile.TemporaryDirectory(prefix="signalbox-corpus-") as folder:
        async with opened(
            House(Path(folder)), most_tickets=1_000_000, most_replies=1_000_000
        ) as house:
            await asyncio.gather(*[_send(house, left, found) for _ in range(AT_ONCE)])
            try:
                facts = await house.settles(found.taken, within=60 + found.taken / 5)
            except TimeoutError:
                facts = house.outcomes
            for fact in facts:
                found.outcomes[
                    fact.why.value if isinstance(fact, MailQuarantined) else fact.type
                ] += 1
            if len(facts) != found.taken or house.waiting:
                found.wrong.append(
                    f"{found.taken} were taken, {len(facts)} have an outcome, {house.waiting} wait"
                )
            code, words = await house.sends(
                b"From: premium@example.com\r\nSubject: after all of them\r\n\r\nStill there?\r\n"
            )
            if code != 250:
                found.wrong.append(f"the listener does not take mail any more: {code} {words}")
    return found


async def _send(house: House, left: Iterator[Mail], found: Through) -> None:
    client: aiosmtplib.SMTP | None = None
    for count, (_, raw) in enumerate(left):
        if client is None or not client.is_connected or count % EACH == 0:
            if client is not None:
                client.close()
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=house.port, timeout=120)
            await client.connect()
            await client.ehlo()
        found.sent += 1
        try:
            await client.mail(SENDER)
            await client.rcpt(NAMES.support)
            await client.data(raw)
            found.taken += 1
        except aiosmtplib.SMTPResponseException as error:
            found.refused[f"{error.code}"] += 1
            if len(raw) <= MESSAGE_MOST and max(map(len, raw.split(b"\n"))) < 1_000_000:
                found.wrong.append(f"refused without need: {error.code} {error.message}")
            client.close()
        except aiosmtplib.SMTPException as error:
            found.wrong.append(f"the connection broke: {error}")
            client.close()
