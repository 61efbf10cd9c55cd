"""R4 and R5: no page is lost to a provider that fails, none is doubled by a pager that dies between
send and record.

Short in `make test`, long in `make chaos`. The oracle is what the phone was sent, and what the log
says of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from shared.certificate import Verdict, certificate
from shared.events import PageAccepted, PageFact, PageFailed, PageOpened
from tests.bench.table import Figure
from tests.chaos.goals import LONG, SLACK, shown
from tests.chaos.pager_rig import Mode, Rig, rig_on, until

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(1800)]

EACH = 10 if LONG else 3
KILLS = 100 if LONG else 6


@pytest.mark.parametrize(("mode", "limit"), [("refuse", 60.0), ("error", 60.0), ("hang", 150.0)])
async def test_a_provider_that_fails_gives_way_to_the_second_in_time(
    kafka_bootstrap: str, mode: Mode, limit: float
) -> None:
    async with rig_on(kafka_bootstrap) as rig:
        rig.phone.modes["first"] = mode
        took = await _second_rings(rig, limit)
        facts = await rig.facts()
    failed = [fact for fact in facts if isinstance(fact, PageFailed)]
    assert failed, "the first provider's failures are in the log"
    assert any(fact.unknown for fact in failed) == (mode == "hang"), (
        "silence may have been a delivery, an error was none"
    )
    shown(
        Figure(f"R4 {mode}: pages lost of {EACH}", EACH - len(took), "pages", 0),
        Figure(f"R4 {mode}: until the second provider rings, worst", max(took), "s", limit),
    )


async def _second_rings(rig: Rig, limit: float) -> list[float]:
    """Seconds from each urgent to its ring at the second provider."""
    began = {await rig.urgent(): time.monotonic() for _ in range(EACH)}
    await until(
        lambda: all(rig.phone.first(ticket, "second") for ticket in began),
        limit + 10,
        "all of them at the second provider",
    )
    return [(rig.phone.first(ticket, "second") or 0) - at for ticket, at in began.items()]


async def test_a_provider_that_is_slow_to_say_yes_is_not_overtaken(kafka_bootstrap: str) -> None:
    async with rig_on(kafka_bootstrap) as rig:
        rig.phone.modes["first"] = "slow"
        tickets = [await rig.urgent() for _ in range(4)]

        async def accepted() -> set[str]:
            facts = await rig.facts()
            opened = {fact.page: fact.ticket_id for fact in facts if isinstance(fact, PageOpened)}
            return {opened[fact.page] for fact in facts if isinstance(fact, PageAccepted)}

        async with asyncio.timeout(60):
            while not set(tickets) <= await accepted():
                await asyncio.sleep(0.2)
        rang = Counter((ticket, provider) for ticket, provider, _, _ in rig.phone.rang)
    assert all(rang[ticket, "first"] == 1 and rang[ticket, "second"] == 0 for ticket in tickets)
    shown(
        Figure(
            "R4 slow: woken by both providers",
            sum(rang[ticket, "second"] for ticket in tickets),
            "pages",
            0,
        )
    )


async def test_a_pager_killed_between_send_and_record_repeats_under_the_same_key_and_says_so(
    kafka_bootstrap: str,
) -> None:
    async with rig_on(kafka_bootstrap) as rig:
        killed: dict[str, float] = {}

        def die(ticket: str) -> None:
            """Once for each page, in the moment between its arrival and our answer."""
            if ticket not in killed:
                killed[ticket] = time.monotonic()
                rig.kill_pager()

        rig.phone.on_ring = die
        tickets, longest = [], 0.0
        for _ in range(KILLS):
            tickets.append(ticket := await rig.urgent())
            await until(
                lambda wanted=ticket: len(rig.phone.keys(wanted)) > 1,
                90,
                "the page that kills, and the page again",
            )  # type: ignore[misc]
            again = [at for about, _, _, at in rig.phone.rang if about == ticket][1]
            longest = max(longest, again - killed[ticket])
        facts = await _settled(rig, tickets)
        keys = {ticket: rig.phone.keys(ticket) for ticket in tickets}
        kills = rig.ended.count(-9)
    pages = {
        fact.ticket_id: [one for one in facts if one.page == fact.page]
        for fact in facts
        if isinstance(fact, PageOpened)
    }
    unsaid = [
        ticket
        for ticket in tickets
        if len(keys[ticket]) > 1 and certificate(pages[ticket]).verdict is not Verdict.UNKNOWN
    ]
    shown(
        Figure("R5 kills between send and record", kills, "kills", KILLS, low=False),
        Figure("R5 pages lost", sum(not keys[ticket] for ticket in tickets), "pages", 0),
        Figure(
            "R5 raw repeats under the same key",
            sum(len(found) - 1 for found in keys.values()),
            "sends",
        ),
        Figure(
            "R5 doubled for a far end that knows its keys",
            sum(len(set(found)) - 1 for found in keys.values()),
            "pages",
            0,
        ),
        Figure("R5 repeated without saying so", len(unsaid), "pages", 0),
        Figure("R3 across a kill of the pager, worst", longest, "s", 15 * SLACK),
    )


async def _settled(rig: Rig, tickets: list[str]) -> list[PageFact]:
    """The log once every page has its receipt."""
    async with asyncio.timeout(60):
        while True:
            facts = await rig.facts()
            opened = {fact.page: fact.ticket_id for fact in facts if isinstance(fact, PageOpened)}
            if set(tickets) <= {
                opened[fact.page] for fact in facts if isinstance(fact, PageAccepted)
            }:
                return facts
            await asyncio.sleep(0.2)
