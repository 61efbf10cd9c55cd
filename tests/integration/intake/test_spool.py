"""Intake with Kafka away, ended by SIGKILL again and again: what it answered 202 is in the log
afterwards, in its order.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from typing import Any

import httpx
import pytest

from tests.chaos.goals import LONG
from tests.integration.intake.conftest import Intake, free_port
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

TICKET = {"subject": "Down", "body": "It is down.", "app": "premier-production"}


async def is_away(intake: Intake) -> None:
    """It has run with Kafka there, so directory and policies are on its disk; now it starts with
    nothing behind the address.
    """
    await intake.starts()
    assert await intake.stops() == 0
    await intake.starts(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}")


async def is_drained(intake: Intake) -> None:
    async with asyncio.timeout(30), intake.client() as client:
        while (await client.get("/readyz")).json()["troubles"]["kafka"] != "ok":
            await asyncio.sleep(0.05)


async def test_it_starts_and_takes_tickets_with_kafka_away(intake: Intake) -> None:
    await is_away(intake)
    begun = time.monotonic()
    first = await intake.post("/v1/tickets", {**TICKET, "priority": "urgent"}, key="one")
    assert time.monotonic() - begun < stretched(2.5)
    again = await intake.post("/v1/tickets", {**TICKET, "priority": "urgent"}, key="one")
    misused = await intake.post("/v1/tickets", TICKET, key="one")
    reply = await intake.post(f"/v1/tickets/{first.json()['ticket_id']}/replies", {"body": "More."})
    assert [answer.status_code for answer in (first, again, misused, reply)] == [202, 202, 422, 202]
    assert {answer.json()["accepted"] for answer in (first, again, reply)} == {"spooled"}
    assert again.json()["ticket_id"] == first.json()["ticket_id"]
    async with intake.client() as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "3 submissions are on this machine's disk only" in ready.json()["troubles"]["kafka"]
    assert await intake.stops() == 0

    await intake.starts()
    await is_drained(intake)
    ids = [event.id for event in await intake.log_of("requests")]
    assert ids == [answer.json()["request_id"] for answer in (first, again, reply)]
    assert {event.id for event in await intake.log_of("urgent")} == {first.json()["request_id"]}
    assert (await intake.post("/v1/tickets", TICKET)).json()["accepted"] == "logged"


@pytest.mark.long
async def test_no_kill_loses_what_was_promised(intake: Intake) -> None:
    """Eight conversations go on while the process is ended at random points, also while it drains."""
    drawn = random.Random(7)
    promised: dict[str, list[str]] = {}
    running = True

    async def goes_on(person: int) -> None:
        """A ticket, and replies to it one after another; a try without an answer is repeated under
        its key.
        """
        ticket, number = "", 0
        while running:
            path, body = (
                (f"/v1/tickets/{ticket}/replies", {"body": f"Reply {number}"})
                if ticket
                else ("/v1/tickets", TICKET)
            )
            try:
                answer = await intake.post(path, body, key=f"{person}-{number}")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            assert answer.status_code == 202, answer.text
            ticket = answer.json()["ticket_id"]
            promised.setdefault(ticket, []).append(answer.json()["request_id"])
            number += 1

    async def dies_and_comes_back(**changes: Any) -> None:
        await asyncio.sleep(drawn.uniform(0.2, 1.0))
        assert intake.process is not None
        intake.process.send_signal(signal.SIGKILL)
        await intake.process.wait()
        await intake.starts(**changes)

    await is_away(intake)
    people = [asyncio.create_task(goes_on(person)) for person in range(8)]
    for _ in range(5 if LONG else 2):
        await dies_and_comes_back(KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}")
    await dies_and_comes_back(ready=False)
    for _ in range(2):  # it drains meanwhile
        await dies_and_comes_back(ready=False)
    running = False
    await asyncio.gather(*people)
    await is_drained(intake)

    in_log: dict[str, list[str]] = {}
    for event in await intake.log_of("requests"):
        known = in_log.setdefault(event.key, [])
        if event.id not in known:  # readers take the first
            known.append(event.id)
    count = sum(map(len, promised.values()))
    print(f"\n{count} promised by {len(promised)} conversations with kills")
    assert count > (30 if LONG else 10)
    assert in_log == promised
