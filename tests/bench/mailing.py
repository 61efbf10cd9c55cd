"""A sender of mail that costs little itself: made once, sent often, over a few connections.

    python -m tests.bench.mailing HOST:PORT --sender premium@example.com --seconds 15 --lines 16
    [--rate 100] [--kind signed|plain]

A process of its own, so that it does not share an interpreter with whoever measures. It speaks as
mail servers do: the next commands without waiting (RFC 2920) where that is offered. Prints one line
of JSON: `{"sent", "later", "seconds", "cpu", "took": [s, …]}`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import secrets
import sys
import time
from dataclasses import dataclass, field

from tests.support.mails import mail, signed

SUPPORT = "support@signalbox.example"
LINE = "The dyno web.1 of shop-production crashes with R14 since Monday morning; see log.\n"
SIZE = 5000
EACH = 150
"""Mails on one connection."""


def message(sender: str, kind: str) -> bytes:
    """About 5 kB; what makes each its own is a header in front (`_marked`), which a signature does
    not cover.
    """
    raw = mail(
        LINE * (SIZE // (len(LINE) + 1)),
        {"From": sender, "Message-ID": None, "Subject": "Bench: it crashes"},
    )
    return signed(raw, sender.partition("@")[2]) if kind == "signed" else raw


@dataclass
class Sending:
    """What is sent, and what came of it."""

    address: str
    raw: bytes
    sender: str
    until: float
    every: float = 0.0
    """Seconds between the mails of one connection; 0: as fast as it goes."""
    took: list[float] = field(default_factory=list)
    later: int = 0
    """Mails that are to be sent again: 451."""

    async def line(self) -> None:
        """One connection after the other, until it is time."""
        host, _, port = self.address.rpartition(":")
        due = time.monotonic()
        while time.monotonic() < self.until:
            reader, writer = await asyncio.open_connection(host, int(port))
            await _answer(reader)
            writer.write(b"EHLO bench.example.com\r\n")
            pipelining = b"PIPELINING" in await _answer(reader)
            for _ in range(EACH):
                if time.monotonic() >= self.until:
                    break
                begun = time.monotonic()
                if await self._one(reader, writer, pipelining):
                    self.took.append(time.monotonic() - begun)
                else:
                    self.later += 1
                    await asyncio.sleep(0.2)
                if self.every:
                    due = max(due + self.every, time.monotonic() - 1.0)
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            writer.write(b"QUIT\r\n")
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pipelining: bool
    ) -> bool:
        # One sender's mails are taken in turn, so each gets an envelope of its own, as a mailing
        # program's do.
        commands = [
            f"MAIL FROM:<b-{secrets.token_hex(2)}@{self.sender.partition('@')[2]}>\r\n",
            f"RCPT TO:<{SUPPORT}>\r\n",
            "DATA\r\n",
        ]
        if pipelining:
            writer.write("".join(commands).encode())
        for number, command in enumerate(commands):
            if not pipelining:
                writer.write(command.encode())
            answer = await _answer(reader)
            assert answer.startswith(b"354" if number == len(commands) - 1 else b"250"), answer
        writer.write(
            b"Message-ID: <%s@client.example.com>\r\n" % secrets.token_hex(8).encode()
            + self.raw
            + b".\r\n"
        )
        answer = await _answer(reader)
        assert answer.startswith((b"250", b"451")), answer
        return answer.startswith(b"250")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    lines = b""
    while True:
        line = await reader.readline()
        lines += line
        if line[3:4] != b"-":
            return lines


async def send(
    address: str,
    sender: str,
    *,
    seconds: float,
    lines: int,
    rate: float = 0.0,
    kind: str = "signed",
) -> Sending:
    """Send until `seconds` are over. `rate` is mails a second in all; 0: as many as are taken."""
    sending = Sending(
        address,
        message(sender, kind),
        sender,
        time.monotonic() + seconds,
        lines / rate if rate else 0.0,
    )
    async with asyncio.TaskGroup() as group:
        for _ in range(lines):
            group.create_task(sending.line())
    return sending


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--sender", default="premium@example.com")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--lines", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--kind", choices=("signed", "plain"), default="signed")
    chosen = parser.parse_args()
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    sent = asyncio.run(
        send(
            chosen.address,
            chosen.sender,
            seconds=chosen.seconds,
            lines=chosen.lines,
            rate=chosen.rate,
            kind=chosen.kind,
        )
    )
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "sent": len(sent.took),
                "later": sent.later,
                "seconds": time.monotonic() - begun,
                "cpu": cpu,
                "took": sent.took,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
