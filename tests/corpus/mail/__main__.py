"""`make corpus`: thousands of real and hostile mails through the limited children; each is read, or named unreadable, in its time.

Ends with 1 where one was not. `--each N` spoils every mail N times, `--seed N` spoils them otherwise, `--real` leaves it.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.intake.mail.reading.limits import MEMORY, WALL
from services.intake.mail.reading.names import Unreachable
from services.intake.mail.reading.reader import Reader
from services.intake.mail.reading.shape import Envelope, Reading
from tests.corpus.mail.listener import through_the_listener
from tests.corpus.mail.sources import Mail, cpython, fetched, spoiled, written
from tests.support.fitness import unfit

CHILDREN = 2


@dataclass
class Tally:
    """What became of the mails of one source. Times are seconds."""

    mails: int = 0
    read: int = 0
    slowest: float = 0.0
    unreadable: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, reading: Reading, seconds: float) -> None:
        self.mails += 1
        self.slowest = max(self.slowest, seconds)
        if reading.unreadable is None:
            self.read += 1
            self.troubles.update(reading.troubles)
            self.wrong += [f"{reading.digest[:12]}: {what}" for what in unfit(reading)]
        else:
            self.unreadable[reading.unreadable] += 1
        if seconds > WALL + 1 and reading.unreadable is None:
            self.wrong.append(f"{reading.digest[:12]}: took {seconds:.1f} s")


async def judge(mails: list[Mail]) -> dict[str, Tally]:
    """Every mail through `Reader`, `CHILDREN` at a time."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    left = iter(mails)
    async with Reader(Unreachable(), children=CHILDREN) as reader:
        await asyncio.gather(*[reader.read(b"", Envelope(received_at=datetime.now(UTC))) for _ in range(CHILDREN)])  # children that run

        async def work() -> None:
            for source, raw in left:
                begun = time.monotonic()
                mail_from = "" if len(raw) % 2 else "a@b.example"
                envelope = Envelope(mail_from=mail_from, rcpt_to=("support@signalbox.example",), received_at=datetime.now(UTC))
                reading = await reader.read(raw, envelope)
                await reader.authenticate(raw, envelope, reading)
                tallies[source].add(reading, time.monotonic() - begun)

        await asyncio.gather(*[work() for _ in range(CHILDREN)])
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'source':<16}{'mails':>8}{'read':>8}{'named':>8}{'neither':>9}{'slowest':>10}"]
    total = Tally()
    for source, one in tallies.items():
        lines.append(_row(source, one))
        total.mails, total.read, total.slowest = total.mails + one.mails, total.read + one.read, max(total.slowest, one.slowest)
        total.unreadable += one.unreadable
        total.troubles += one.troubles
    lines += [
        _row("all", total),
        "",
        "unreadable: " + (", ".join(f"{why} {count}" for why, count in total.unreadable.most_common()) or "none"),
    ]
    lines += ["troubles: " + ", ".join(f"{what} {count}" for what, count in total.troubles.most_common())]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return "\n".join([*lines, f"largest child: {peak:.0f} MiB (the limit is {MEMORY >> 20} MiB)"])


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in counter.most_common())


def _row(source: str, one: Tally) -> str:
    named = one.unreadable.total()
    return f"{source:<16}{one.mails:>8}{one.read:>8}{named:>8}{one.mails - one.read - named:>9}{one.slowest:>8.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.mail")
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5322)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    real = [*written(), *cpython(), *fetched()]
    begun = time.monotonic()
    tallies = asyncio.run(judge(real if options.real else [*real, *spoiled(real, options.each, options.seed)]))
    print(table(tallies))
    print(f"{time.monotonic() - begun:.1f} s")
    wrong = [line for one in tallies.values() for line in one.wrong]
    through = asyncio.run(through_the_listener([*real, *spoiled(real, min(2, options.each), options.seed)]))
    print(through)
    wrong += through.wrong
    print("\n".join(wrong[:20]) or "every mail was read, or named unreadable")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
