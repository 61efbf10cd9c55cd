"""R11: one receiver of twenty is dead, one never answers; the other eighteen must not notice.

The sends of the healthy eighteen are measured at the far end, from the fact's time to its receipt,
with all twenty well and with two of them ill, in turns, so that whatever else this machine does
falls on both alike. The best turns are compared: an ill receiver that others noticed would be
noticed in every turn, and what differs between turns with all well is this machine's doing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from deploy.demo.behaviour import Mode
from shared import ids
from shared.bus import record_for
from shared.events import DirectoryRecorded, TicketFact
from tests.bench.table import Figure, at_share
from tests.chaos.goals import LONG, shown
from tests.integration.test_courier import Office, an_office, assigned, eventually, now

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.long]

RECEIVERS = [f"addon{number}" for number in range(20)]
DEAD, HANGING = RECEIVERS[:2]
WELL = RECEIVERS[2:]
ROUNDS, TURNS = 12, 10 if LONG else 4
NOISE_MS = 25.0
"""Two turns of the same thing differ by this at the 99th percentile, at least."""


@pytest.fixture
async def office(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(kafka_bootstrap, mongodb_uri, tmp_path) as made:
        yield made


async def _register(office: Office, port: int) -> None:
    records = []
    for slug in RECEIVERS:
        url = f"http://127.0.0.1:{port}/webhooks/{slug}"
        document = {
            "slug": slug,
            "name": slug,
            "agent_email": f"agents@{slug}.example",
            "webhook_url": url,
        }
        event = DirectoryRecorded(
            id=f"dir_{slug}",
            key=f"providers:{slug}",
            at=now(),
            kind="providers",
            doc_id=slug,
            document=document,
        )
        records.append(record_for("directory", event, "intake"))
    await office.producer.send_many(records)


async def _a_turn(office: Office) -> list[float]:
    """Milliseconds from the fact to the receipt of every webhook to a receiver that is well."""
    sent: dict[str, datetime] = {}
    for _ in range(ROUNDS):
        facts: list[TicketFact] = []
        for slug in RECEIVERS:
            key = f"tkt_{secrets.token_hex(8)}"
            (fact,) = ids.stamp([assigned(slug)], key=key, first_seq=1, cause=f"req_{key}")
            facts.append(fact)
            if slug in WELL:
                sent[key] = fact.at
        await office.producer.send_many([record_for("tickets", fact, "router") for fact in facts])
        await asyncio.sleep(0.25)

    def arrived() -> dict[str, datetime]:
        found = office.far.receipts.since(0, "webhook")
        return {
            str(one["ticket_id"]): datetime.fromisoformat(one["at"])
            for one in found
            if one["ticket_id"] in sent
        }

    await eventually(
        lambda: len(arrived()) == len(sent), 30, "every healthy receiver has everything"
    )
    return [(at - sent[ticket]).total_seconds() * 1000 for ticket, at in arrived().items()]


async def test_the_other_eighteen_do_not_notice(office: Office) -> None:
    await _register(office, office.sink_port)
    await office.start_courier()
    await _a_turn(office)  # connections are opened, pools are warm
    turns: dict[bool, list[list[float]]] = {False: [], True: []}
    for turn in range(TURNS):
        ill = turn % 2 == 1
        office.far.behaviour.set(f"/webhooks/{DEAD}", Mode.ERROR if ill else Mode.OK, 0)
        office.far.behaviour.set(f"/webhooks/{HANGING}", Mode.HANG if ill else Mode.OK, 0)
        turns[ill].append(await _a_turn(office))
    well, beside = ([at_share(turn, 0.99) for turn in turns[ill]] for ill in (False, True))
    noise = max(NOISE_MS, max(well) - min(well))
    shown(
        Figure("R11 webhooks of 18 receivers, all 20 well: best p99", min(well), "ms"),
        Figure("R11 the same, from one turn to the next", noise, "ms"),
        Figure(
            "R11 webhooks of 18, one dead, one hanging: best p99",
            min(beside),
            "ms",
            round(1.1 * min(well) + noise, 1),
        ),
    )
