"""What each Python process of a running `signalbox up --demo` holds in memory.

    python -m tests.bench.memory [--tickets 200] [--mails 40] [--data-dir FOLDER] [--json]

A stack of its own is started, given a few tickets and mails, left alone for some seconds, and read
from /proc/PID/smaps_rollup. With --data-dir the stack that runs in that folder is only read.

RSS counts a page that several processes share in each of them, PSS by its share, and "own" is the
part of PSS that no file holds (`Pss_Anon` of proc(5)): what `tests/bench/cost.py` records.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.bench.cost import ENGINES, family_of, stack_of_its_own
from tests.bench.intake import load
from tests.support.stack import Stack

SETTLE_S = 15.0
"""Time to work off what was handed in."""


@dataclass(frozen=True)
class Held:
    """MB of one process."""

    name: str
    rss: float
    pss: float
    own: float


def held_by(pid: int, name: str) -> Held | None:
    """None where the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    found = dict(line.split(":", 1) for line in lines if ":" in line.split()[0])
    rss, pss, own = (int(found[key].split()[0]) / 1024 for key in ("Rss", "Pss", "Pss_Anon"))
    return Held(name, rss, pss, own)


def processes_of(state: dict[str, object]) -> Iterator[tuple[int, str]]:
    """The supervisor and its services, each with all that came of it; no engine."""
    yield int(str(state["pid"])), "signalbox up"
    entries = state["processes"]
    assert isinstance(entries, list)
    for entry in entries:
        if entry["name"] in ENGINES - {"sink"} or not entry["pid"]:
            continue
        first, *children = family_of(int(entry["pid"]))
        yield first, entry["name"]
        for child in children:
            yield child, f"{entry['name']}: child"


def measure(data: Path) -> list[Held]:
    """Of the stack that runs in this folder."""
    state = json.loads((data / "up.json").read_text())
    return [held for pid, name in processes_of(state) if (held := held_by(pid, name)) is not None]


def table_of(found: list[Held]) -> str:
    """A line for each process, the largest first, and the sums."""
    total = Held("together", *(sum(column) for column in zip(*map(_figures, found), strict=True)))
    rows = [*sorted(found, key=lambda held: -held.pss), total]
    head = f"{'process':<20}{'RSS':>9}{'PSS':>9}{'own':>9}"
    lines = (f"{row.name:<20}{row.rss:>9.1f}{row.pss:>9.1f}{row.own:>9.1f}" for row in rows)
    return "\n".join([head, *lines])


def _figures(held: Held) -> tuple[float, float, float]:
    return held.rss, held.pss, held.own


def _send_mails(where: str, count: int) -> None:
    host, _, port = where.rpartition(":")
    for number in range(count):
        mail = EmailMessage()
        mail["From"], mail["To"] = "free@example.com", "support@signalbox.example"
        mail["Subject"], mail["Message-ID"] = f"Question {number}", f"<memory-{number}@example.com>"
        mail.set_content("Our app shop-front has been slow since 10:00. Where should we look?")
        # What is refused was read as well; the bench is about memory.
        with contextlib.suppress(smtplib.SMTPException), smtplib.SMTP(host, int(port)) as smtp:
            smtp.send_message(mail)


def work(stack: Stack, tickets: int, mails: int) -> None:
    """Hand some in, so that what is loaded at first use is loaded."""
    if tickets:
        asyncio.run(load(int(stack.intake.rpartition(":")[2]), tickets, 8))
    if mails and stack.smtp:
        _send_mails(stack.smtp, mails)
    time.sleep(SETTLE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--mails", type=int, default=40)
    parser.add_argument("--data-dir", type=Path, help="read the stack that runs there")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.data_dir:
        found = measure(chosen.data_dir)
    else:
        with stack_of_its_own() as stack:
            work(stack, chosen.tickets, chosen.mails)
            found = measure(stack.data)
    print(json.dumps([held.__dict__ for held in found]) if chosen.json else table_of(found))


if __name__ == "__main__":
    main()
