"""R12: clocks that fall due while sla's workers are left alone, restarted as planned, and killed:
none early, lost or doubled, and none much late.

All clocks are started first; then the business clock jumps to just before the first is due, and the
spells follow each other.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.bench.table import Figure, at_share
from tests.chaos.goals import LONG, shown
from tests.chaos.pager_rig import until
from tests.chaos.timer_rig import NOW, Account, TimerRig, timers_on

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(600)]

TIMERS, LASTS, EVERY = (5_000, 48.0, 8.0) if LONG else (300, 3.0, 2.0)
"""Clocks in all; seconds that each spell lasts; seconds from one worker's end to the next one's."""
FIRST = NOW + timedelta(days=30)
AHEAD = timedelta(seconds=2)


@dataclass(frozen=True)
class Spell:
    """What becomes of the workers, and by how many seconds 99 of 100 clocks may ring late
    meanwhile.
    """

    name: str
    how: signal.Signals | None
    within: float


SPELLS = (
    Spell("left alone", None, 0.5),
    Spell("planned restarts", signal.SIGTERM, 2.0),
    Spell("kills", signal.SIGKILL, 10.0),
)


async def test_clocks_ring_once_and_in_time_whatever_becomes_of_the_workers(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    due = [
        FIRST + number * len(SPELLS) * timedelta(seconds=LASTS) / TIMERS for number in range(TIMERS)
    ]
    async with timers_on(kafka_bootstrap, tmp_path) as rig:
        tickets = dict(zip(await rig.open(due), due, strict=True))
        await until(lambda: len(rig.account.started) == TIMERS, 120, "every clock runs")
        assert not rig.account.rang, "nothing rings before its time"
        offset = rig.jump(FIRST - AHEAD)
        await asyncio.sleep(AHEAD.total_seconds())
        for spell in SPELLS:
            await _spell(rig, spell)
        await until(lambda: len(rig.account.rang) == TIMERS, 120, "every clock rang")
    _judge(rig.account, tickets, offset, rig.ends)


async def _spell(rig: TimerRig, spell: Spell) -> None:
    """Until it is over; the last worker ended may take a little longer."""
    loop = asyncio.get_running_loop()
    over = loop.time() + LASTS
    while spell.how and loop.time() + EVERY < over:
        await asyncio.sleep(EVERY)
        rig.end_one(spell.how)
    await asyncio.sleep(max(0.0, over - loop.time()))


def _judge(account: Account, due: dict[str, datetime], offset: timedelta, ends: int) -> None:
    """Late is counted from the due instant to the fact's writing, by the clock on the wall."""
    late: dict[str, list[float]] = {spell.name: [] for spell in SPELLS}
    early = 0
    for ticket, at in due.items():
        (fact, written), *_ = account.rang[ticket]
        assert fact.due_at == at
        early += fact.detected_at < at or written < (at - offset).timestamp() - 0.001
        spell = SPELLS[min(len(SPELLS) - 1, int((at - FIRST).total_seconds() / LASTS))]
        late[spell.name].append(written - (at - offset).timestamp())
    shown(
        Figure("R12 clocks", len(due), "clocks"),
        Figure("R12 workers ended", ends, "ends", 1, low=False),
        Figure("R12 lost", len(due) - len(account.rang), "clocks", 0),
        Figure("R12 early", early, "clocks", 0),
        Figure(
            "R12 doubled in effect",
            sum(len(found) > 1 for found in account.rang.values()),
            "clocks",
            0,
        ),
        Figure("R12 repeats of the same fact in the log", account.repeats, "facts"),
        Figure("R12 dead letters", account.letters, "letters", 0),
        *(
            Figure(
                f"R12 {spell.name}: rang late, p99",
                at_share(late[spell.name], 0.99),
                "s",
                spell.within if LONG else None,
            )
            for spell in SPELLS
        ),
        *(
            Figure(f"R12 {spell.name}: rang late, worst", max(late[spell.name]), "s")
            for spell in SPELLS
        ),
    )
