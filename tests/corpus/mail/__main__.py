"""`make corpus`: thousands of real and hostile mails through the limited children; each is read, or
named unreadable, in its time. And where a corpus says what is right, whether we say so too.

Ends with 1 where a mail was neither, or where more than 1 % of what was compared is wrong.
`--each N` spoils every mail N times, `--seed N` spoils them otherwise, `--real` leaves it.
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

from services.intake.mail.reading.authentication.dns import Unreachable
from services.intake.mail.reading.limits import MEMORY, WALL
from services.intake.mail.reading.models import Envelope, MailContent
from services.intake.mail.reading.reader import MailReader
from shared.errors import Unavailable
from tests.corpus.mail.elsewhere import mails_elsewhere
from tests.corpus.mail.expected import Expected, all_expected
from tests.corpus.mail.judging import (
    Judgement,
    differences,
    judged,
    lines_on_wrong,
    too_many_wrong,
    unneeded,
)
from tests.corpus.mail.listener import through_the_listener
from tests.corpus.mail.sources import Mail, cpython, fetched, spoiled, written
from tests.support.fitness import unfit
from tests.support.mails import mail

CHILDREN = 2
STARTS_MOST = 10
"""Times that a mail waits for a child before the run gives up."""
CORPORA_LEAST = 10
"""Sources of other people's mails without which the run says too little."""


@dataclass
class Tally:
    """What became of the mails of one source. Times are seconds."""

    mails: int = 0
    read: int = 0
    slowest: float = 0.0
    unreadable: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, reading: MailContent, seconds: float) -> None:
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
    """Every mail through `MailReader`, `CHILDREN` at a time."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    left = iter(mails)
    async with MailReader(Unreachable(), children=CHILDREN) as reader:
        nothing = Envelope(received_at=datetime.now(UTC))
        await asyncio.gather(*[_read(reader, b"", nothing) for _ in range(CHILDREN)])  # they run

        async def work() -> None:
            for source, raw in left:
                begun = time.monotonic()
                mail_from = "" if len(raw) % 2 else "a@b.example"
                envelope = Envelope(
                    mail_from=mail_from,
                    rcpt_to=("support@signalbox.example",),
                    received_at=datetime.now(UTC),
                )
                reading = await _read(reader, raw, envelope)
                await reader.authenticate(raw, envelope, reading)
                tallies[source].add(reading, time.monotonic() - begun)

        await asyncio.gather(*[work() for _ in range(CHILDREN)])
    return tallies


async def _read(reader: MailReader, raw: bytes, envelope: Envelope) -> MailContent:
    """As intake does: where no child starts in time on a busy machine, the mail waits."""
    for left in reversed(range(STARTS_MOST)):
        try:
            return await reader.read(raw, envelope)
        except Unavailable:
            if not left:
                raise
    raise AssertionError("unreachable")


def table(tallies: dict[str, Tally]) -> str:
    lines = [f"{'source':<20}{'mails':>8}{'read':>8}{'named':>8}{'neither':>9}{'slowest':>10}"]
    total = Tally()
    for source, one in tallies.items():
        lines.append(_row(source, one))
        total.mails, total.read, total.slowest = (
            total.mails + one.mails,
            total.read + one.read,
            max(total.slowest, one.slowest),
        )
        total.unreadable += one.unreadable
        total.troubles += one.troubles
    lines += [
        _row("all", total),
        "",
        "unreadable: "
        + (", ".join(f"{why} {count}" for why, count in total.unreadable.most_common()) or "none"),
    ]
    lines += [
        "troubles: " + ", ".join(f"{what} {count}" for what, count in total.troubles.most_common())
    ]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return "\n".join([*lines, f"largest child: {peak:.0f} MiB (the limit is {MEMORY >> 20} MiB)"])


def _row(source: str, one: Tally) -> str:
    named = one.unreadable.total()
    return f"{source:<20}{one.mails:>8}{one.read:>8}{named:>8}{one.mails - one.read - named:>9}{one.slowest:>8.2f} s"


def texts_as_mails(expected: list[Expected]) -> list[Mail]:
    """Of the corpora that have bare texts of replies: each in a mail."""
    return [
        (one.corpus, mail(one.raw))
        for one in expected
        if one.reply is not None and not one.name.endswith(".eml")
    ]


def comparison(tallies: dict[str, Tally], found: dict[str, Judgement]) -> list[str]:
    """A table in Markdown: a row a corpus, and what of it is different on purpose, by its reason."""
    lines = [
        "| corpus | messages | ticket or named cause | compared | right | on purpose | wrong |",
        "|---|---|---|---|---|---|---|",
    ]
    total = Counter[str]()
    for name in (name for name in tallies if name != "spoiled"):
        tally, one = tallies[name], found.get(name, Judgement())
        row = Counter(
            messages=tally.mails,
            named=tally.read + tally.unreadable.total(),
            compared=one.compared,
            right=one.right,
            purpose=one.on_purpose.total(),
            wrong=len(one.wrong),
        )
        total.update(row)
        lines.append(_cells(name, row))
    lines += [_cells("all", total), "", "| different on purpose, since | cases |", "|---|---|"]
    reasons = sum((one.on_purpose for one in found.values()), Counter[str]())
    return [*lines, *(f"| {why} | {count} |" for why, count in reasons.most_common()), ""]


def _cells(name: str, row: Counter[str]) -> str:
    columns = ("messages", "named", "compared", "right", "purpose", "wrong")
    return f"| {name} | {' | '.join(str(row[column]) for column in columns)} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.mail")
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--seed", type=int, default=5322)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    expected = list(all_expected())
    real = [*written(), *cpython(), *fetched(), *mails_elsewhere(), *texts_as_mails(expected)]
    begun = time.monotonic()
    tallies = asyncio.run(
        judge(real if options.real else [*real, *spoiled(real, options.each, options.seed)])
    )
    print(table(tallies))
    print(f"{time.monotonic() - begun:.1f} s")
    wrong = [line for one in tallies.values() for line in one.wrong]
    through = asyncio.run(
        through_the_listener([*real, *spoiled(real, min(2, options.each), options.seed)])
    )
    print(through)
    wrong += through.wrong
    print("\n".join(wrong[:20]) or "every mail was read, or named unreadable")
    others = set(tallies) - {"ours", "spoiled"}
    if len(others) < CORPORA_LEAST:
        wrong.append(f"only {len(others)} corpora could be fetched; {CORPORA_LEAST} are wanted")
        print(wrong[-1])
    known = differences()
    found = judged(expected, known)
    print("\n".join(["", *comparison(tallies, found), *lines_on_wrong(found, known)]))
    stale = unneeded(expected, known)
    print("\n".join(stale))
    return 1 if wrong or stale or too_many_wrong(found) else 0


if __name__ == "__main__":
    sys.exit(main())
