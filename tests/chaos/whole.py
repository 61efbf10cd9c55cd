"""Kill parts of the whole system at random under load, then compare the clients' answers with the
log, the views, the receipts.

usage: python -m tests.chaos.whole [--busy 120] [--sparse 60] [--rate 30] [--urgents 40] [--every 4]
[--broker 1] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from shared import events as e
from shared.bus import Reader
from shared.topics import read
from tests.chaos.judge import Verdict, judge_log, judge_receipts
from tests.chaos.load import Traffic, drive
from tests.support.desk import FarEnd
from tests.support.stack import Stack, running
from tests.support.waiting import eventually

SERVICES = ("intake", "router", "sla", "front", "pager", "courier", "portal", "projector", "pulse")


@dataclass(frozen=True)
class Plan:
    """Seconds of busy and sparse traffic, tickets/s while busy, urgents in all, seconds between
    kills, broker restarts.
    """

    busy: float = 25
    sparse: float = 10
    rate: float = 30
    urgents: int = 8
    every: float = 4
    broker: int = 1
    settle: float = 120
    seed: int | None = None


def run(plan: Plan, tell: Callable[[str], None]) -> Verdict:
    """One run on a stack of its own."""
    seed = plan.seed if plan.seed is not None else random.SystemRandom().randrange(10**6)
    tell(f"seed {seed}")
    with running(clock=False) as stack:
        traffic, verdict = Traffic(stack.portal, stack.intake), Verdict()
        kills = asyncio.run(_under_fire(stack, traffic, plan, random.Random(seed), tell))
        verdict.figures["kills"] = kills
        began = time.monotonic()
        for what in traffic.refused:
            verdict.found("answers that were no outage", what)
        _wait_until_quiet(stack, traffic, plan, verdict)
        verdict.figures["seconds until quiet"] = round(time.monotonic() - began, 1)
        verdict.figures["requests asked again"] = traffic.repeats
        facts = asyncio.run(log_of(stack, "tickets", "clocks", "pages"))
        judge_log(traffic.accepted, facts["tickets"], facts["clocks"], facts["pages"], verdict)
        judge_receipts(traffic.accepted, FarEnd(stack.sink).got(), certificates_of(stack), verdict)
        return verdict


async def _under_fire(
    stack: Stack, traffic: Traffic, plan: Plan, dice: random.Random, tell: Callable[[str], None]
) -> int:
    load = asyncio.create_task(
        drive(traffic, busy=plan.busy, sparse=plan.sparse, rate=plan.rate, urgents=plan.urgents)
    )
    broker_at = {
        int((i + 1) * (plan.busy + plan.sparse) / (plan.broker + 1) / plan.every)
        for i in range(plan.broker)
    }
    kills = 0
    while not load.done():
        await asyncio.wait({load}, timeout=dice.uniform(0.5, 1.5) * plan.every)
        if load.done():
            break
        kills += 1
        name = "kafka" if kills in broker_at else dice.choice(SERVICES)
        how = dice.choice((signal.SIGKILL, signal.SIGTERM))
        try:
            pid = stack.kill(name, how)
            tell(f"{how.name} {name} ({pid})")
        except (ProcessLookupError, KeyError):
            tell(f"{name} is being restarted already")
    await load
    return kills


def _wait_until_quiet(stack: Stack, traffic: Traffic, plan: Plan, verdict: Verdict) -> None:
    """Until every ticket is in the view, each far end has heard, and no notice is on its way; what
    is late becomes a finding.
    """
    far_end = FarEnd(stack.sink)
    staff = {"Authorization": "Bearer demo-agent"}
    waiting = dict.fromkeys(traffic.accepted)

    def in_the_view() -> bool:
        for ticket in list(waiting):
            answer = httpx.get(f"{stack.portal}/v1/tickets/{ticket}", headers=staff, timeout=10)
            if answer.status_code != 200 or len(answer.json()["replies"]) < len(
                traffic.accepted[ticket].replies
            ):
                return False
            del waiting[ticket]
        return True

    def heard() -> bool:
        got = far_end.got()
        kinds = {(item["ticket_id"], item["kind"]) for item in got}
        return all(
            (ticket, "mail") in kinds
            and (not want.provider or (ticket, "webhook") in kinds)
            and (not want.urgent or (ticket, "page") in kinds)
            for ticket, want in traffic.accepted.items()
        )

    for what, look in (("the view", in_the_view), ("the receipts", heard)):
        try:
            eventually(_tolerant(look), within=plan.settle, every=0.5)
        except AssertionError as error:
            verdict.found(
                f"not in {what} within {plan.settle:g} s", f"{len(waiting)} tickets; {error}"
            )


def _tolerant(look: Callable[[], bool]) -> Callable[[], bool]:
    """A part may still be coming up."""

    def looked() -> bool:
        try:
            return look()
        except httpx.HTTPError:
            return False

    return looked


def certificates_of(stack: Stack) -> dict[str, str]:
    """Ticket → verdict of its page."""
    on_call = {"Authorization": "Bearer demo-primary"}
    found: dict[str, str] = {}
    following = {"limit": "200"}
    while following:
        answer = httpx.get(
            f"{stack.portal}/v1/pages", params=following, headers=on_call, timeout=20
        )
        answer.raise_for_status()
        for page in answer.json()["items"]:
            certificate = httpx.get(
                f"{stack.portal}/v1/pages/{page['id']}/certificate", headers=on_call, timeout=20
            )
            found[page["ticket_id"]] = certificate.json()["verdict"]
        cursor = answer.json()["next"]
        following = {"limit": "200", "cursor": cursor} if cursor else {}
    return found


async def log_of(stack: Stack, *topics: str) -> dict[str, list[e.Fact]]:
    """All facts of the topics, each partition in its order."""
    reader = Reader(stack.kafka, "signalbox-", client_id="chaos-judge")
    await reader.start()
    try:
        found: dict[str, list[e.Fact]] = {topic: [] for topic in topics}
        for topic in topics:
            partitions = await reader.partitions(topic)
            async for messages in reader.read_to_end({(topic, p): 0 for p in range(partitions)}):
                for message in messages:
                    fact = read(message.value, message.headers.get("ce_type"))
                    assert isinstance(fact, e.Fact)
                    found[topic].append(fact)
        return found
    finally:
        await reader.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("busy", 120.0),
        ("sparse", 60.0),
        ("rate", 30.0),
        ("every", 4.0),
        ("settle", 180.0),
    ):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--urgents", type=int, default=40)
    parser.add_argument("--broker", type=int, default=1)
    parser.add_argument("--seed", type=int)
    verdict = run(Plan(**vars(parser.parse_args())), tell=lambda line: print(line, flush=True))
    print(verdict)
    return 1 if any(verdict.findings.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
