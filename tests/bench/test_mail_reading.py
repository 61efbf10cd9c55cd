"""`pytest tests/bench/test_mail_reading.py -m bench -s`: mails of 5 kB a second, read and
authenticated, with one child and with two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from services.intake.mail.reading.authentication.dns import DnsZone
from services.intake.mail.reading.models import Authentication
from services.intake.mail.reading.reader import MailReader
from tests.bench.table import Figure, at_share
from tests.support.mails import DEMO_ZONE, envelope, mail, signed, written

pytestmark = [pytest.mark.bench, pytest.mark.timeout(120)]

SECONDS = 4.0
SIZE = 5000
GOAL = 200.0


def mails() -> list[bytes]:
    """Replies as they come, in five languages, brought to 5 kB, signed; every fourth unsigned."""
    names = (
        "reply-gmail",
        "reply-outlook-german",
        "reply-french",
        "reply-japanese",
        "reply-html-only",
        "reply-inline",
        "attachments",
    )
    found = []
    for number, name in enumerate(names):
        raw = written(name).replace(b"@example.org", b"@example.com")
        lines = max(0, SIZE - len(raw) - 500) // 80  # as many as relays and scanners add on the way
        raw = b"".join(b"X-Relay-%02d: %s\r\n" % (line, b"v=" * 33) for line in range(lines)) + raw
        found.append(raw if number % 4 == 3 else signed(raw, "example.com"))
    body = "The dyno of shop-production crashes with R14 since Monday; the log is below.\n" * (
        SIZE // 80
    )
    found.append(signed(mail(body, {"From": "premier@example.com"}), "example.com"))
    return found


async def _rate(
    children: int, some: Sequence[bytes]
) -> tuple[float, list[float], list[Authentication]]:
    around = envelope("premier@example.com", peer="127.0.0.1")
    seconds: list[float] = []
    vouched: list[Authentication] = []
    async with MailReader(DnsZone.of(DEMO_ZONE), children=children) as reader:
        await asyncio.gather(*[reader.read(some[0], around) for _ in range(children * 2)])
        until = time.monotonic() + SECONDS

        async def sender(offset: int) -> None:
            number = offset
            while time.monotonic() < until:
                begun = time.monotonic()
                raw = some[number % len(some)]
                reading = await reader.read(raw, around)
                assert reading.unreadable is None
                vouched.append(await reader.authenticate(raw, around, reading))
                seconds.append(time.monotonic() - begun)
                number += 1

        begun = time.monotonic()
        await asyncio.gather(*[sender(offset) for offset in range(children * 2)])
        return len(seconds) / (time.monotonic() - begun), seconds, vouched


def test_mails_read_and_authenticated() -> None:
    some = mails()
    figures = [Figure("size of a mail, mean", sum(map(len, some)) / len(some) / 1000, "kB")]
    for children in (1, 2):
        rate, seconds, vouched = asyncio.run(_rate(children, some))
        figures.append(
            Figure(
                f"read and authenticated, {children} child{'ren' * (children > 1)}",
                rate,
                "mails/s",
                GOAL,
                low=False,
            )
        )
        figures.append(Figure("  p99 of a mail", at_share(seconds, 0.99) * 1000, "ms", 2000))
        figures.append(
            Figure(
                "  vouched for by DMARC",
                100 * sum(one.aligned for one in vouched) / len(vouched),
                "%",
            )
        )
        figures.append(
            Figure(
                "  vouched for by a DKIM signature",
                100 * sum(one.dkim == "pass" for one in vouched) / len(vouched),
                "%",
            )
        )
    print("\n" + "\n".join(map(str, figures)))
