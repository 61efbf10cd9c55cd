"""One run: start the cluster, make each fault beside traffic, measure, judge."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx

from tests.bench.table import Figure, at_share
from tests.chaos.judge import Verdict, judge_log, judge_receipts
from tests.chaos.load import Customer
from tests.chaos.storm import enrol
from tests.chaos.whole import log_of
from tests.cluster.cluster import Cluster, running
from tests.cluster.faults import FAULTS, NOTICE_S, PAGE_S, Fault
from tests.cluster.traffic import FarEnd, Sending, Traffic, Watcher

BEFORE_S = 4.0
SETTLE_S = 90.0
URGENT_EVERY_S = 2.0
WAITS_S = 1.0

Tell = Callable[[str], None]


async def run(data: Path, names: Sequence[str], rate: float, base: int, tell: Tell) -> list[Figure]:
    """The figures of each named fault, and the judgement on all that was accepted."""
    figures: list[Figure] = []
    began = time.monotonic()
    async with running(data, base, tell) as cluster, Watcher(cluster.kafka) as watcher:
        tell(f"up after {time.monotonic() - began:.0f} s")
        traffic = Traffic(cluster.intake)
        plain = await _customers(cluster, 4, "premium")
        await _warm_up(cluster, traffic, watcher, plain)
        for name in names:
            tell(f"{name}: {FAULTS[name].title}")
            found = await _under(FAULTS[name], name, cluster, traffic, watcher, plain, rate)
            for figure in found:
                tell(str(figure))
            figures += found
        figures += await _judge(cluster, traffic, tell)
    return figures


async def _customers(cluster: Cluster, count: int, plan: str) -> list[Customer]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        return await enrol(session, cast(Any, cluster), count, plan)


async def _warm_up(
    cluster: Cluster, traffic: Traffic, watcher: Watcher, plain: Sequence[Customer]
) -> None:
    """A few tickets, until all about them is seen: first connections and topics cost time."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(4.0, stop.set)
    await traffic.flow(stop, plain, await _customers(cluster, 2, "premier"), 4, 1)
    await _settled(traffic.sendings, watcher, FarEnd(cluster.sink))


async def _under(
    fault: Fault,
    name: str,
    cluster: Cluster,
    traffic: Traffic,
    watcher: Watcher,
    plain: Sequence[Customer],
    rate: float,
) -> list[Figure]:
    """Traffic, the fault, traffic after it; the figures."""
    premier = await _customers(cluster, int((fault.least + 60) / URGENT_EVERY_S), "premier")
    first, restarts, stop = len(traffic.sendings), cluster.restarts(), asyncio.Event()
    flow = asyncio.create_task(traffic.flow(stop, plain, premier, rate, URGENT_EVERY_S))
    await asyncio.sleep(BEFORE_S)
    began = time.time()
    await fault.make(cluster)
    await asyncio.sleep(max(fault.after, began + fault.least - time.time()))
    stop.set()
    await flow
    sendings = traffic.sendings[first:]
    far_end = FarEnd(cluster.sink)
    await _settled(sendings, watcher, far_end)
    again = {
        each: count - restarts.get(each, 0)
        for each, count in cluster.restarts().items()
        if count > restarts.get(each, 0) and not each.startswith(("kafka", "mongod"))
    }
    return await figures_of(fault, name, began, sendings, watcher, far_end, again)


async def _settled(sendings: Sequence[Sending], watcher: Watcher, far_end: FarEnd) -> None:
    """Until everything about these tickets has been seen, or the patience ends."""
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        mails = await asyncio.to_thread(far_end.first, "mail")
        pages = await asyncio.to_thread(far_end.first, "page")
        if all(
            each.ticket in watcher.seen
            and each.ticket in mails
            and (not each.urgent or each.ticket in pages)
            for each in sendings
            if each.ticket
        ):
            return
        await asyncio.sleep(0.5)


async def figures_of(
    fault: Fault,
    name: str,
    began: float,
    sendings: Sequence[Sending],
    watcher: Watcher,
    far_end: FarEnd,
    again: dict[str, int],
) -> list[Figure]:
    """What was seen of these sendings, beside the goals."""
    mails = await asyncio.to_thread(far_end.first, "mail")
    pages = await asyncio.to_thread(far_end.first, "page")
    routed = {ticket: at for ticket, (at, _) in watcher.seen.items()}
    answered = [each for each in sendings if each.ticket]
    urgent = [each for each in answered if each.urgent]
    failed = sum(bool(each.failures) for each in sendings)

    def worst(of: Sequence[Sending], seen: dict[str, float]) -> float:
        return max((seen.get(each.ticket, math.inf) - each.sent for each in of), default=math.nan)

    to_page = [pages.get(each.ticket, math.inf) - each.sent for each in urgent]
    return [
        Figure(
            f"{name}: submissions answered", 100 * len(answered) / len(sendings), "%", 100, False
        ),
        Figure(f"{name}: first tries that failed of {len(sendings)}", failed, "", fault.failures),
        Figure(f"{name}: slowest answer", max(each.answered - each.sent for each in answered), "s"),
        Figure(
            f"{name}: every partition routes again",
            resumed(began, answered, watcher.seen),
            "s",
            fault.routing,
        ),
        Figure(f"{name}: accepted to first fact, worst", worst(answered, routed), "s"),
        Figure(f"{name}: urgent to page, p50 of {len(urgent)}", at_share(to_page, 0.5), "s"),
        Figure(f"{name}: urgent to page, worst", worst(urgent, pages), "s", PAGE_S),
        Figure(f"{name}: ticket to notice, worst", worst(answered, mails), "s", NOTICE_S),
        Figure(f"{name}: workers started again {again or ''}", sum(again.values()), ""),
    ]


def resumed(began: float, sendings: Sequence[Sending], seen: dict[str, tuple[float, int]]) -> float:
    """Seconds from the fault's begin until the last partition had the first fact of a ticket that
    was sent after it and had to wait; infinite where a ticket was never routed. A partition whose
    first ticket did not wait routes already, whenever that ticket was sent.
    """
    first: dict[int, tuple[float, float]] = {}
    for each in sendings:
        if each.sent < began:
            continue
        at, partition = seen.get(each.ticket, (math.inf, -1))
        first[partition] = min((at, each.sent), first.get(partition, (math.inf, 0.0)))
    waited = [at for at, sent in first.values() if at - sent > WAITS_S]
    return max(waited, default=began) - began


async def _judge(cluster: Cluster, traffic: Traffic, tell: Tell) -> list[Figure]:
    verdict = Verdict()
    log = await log_of(cast(Any, cluster), "tickets", "clocks", "pages")
    judge_log(traffic.accepted, log["tickets"], log["clocks"], log["pages"], verdict)
    receipts = await asyncio.to_thread(FarEnd(cluster.sink).receipts)
    judge_receipts(traffic.accepted, receipts, _certificates(cluster, receipts), verdict)
    tell(str(verdict))
    return [
        Figure("tickets accepted", len(traffic.accepted), ""),
        Figure("lost, doubled or not as promised", sum(map(len, verdict.findings.values())), "", 0),
    ]


def _certificates(cluster: Cluster, receipts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Ticket → what its page's certificate says. Asked only where a page came more than once:
    that one has to say so.
    """
    pages = Counter(
        (receipt["ticket_id"], receipt["id"]) for receipt in receipts if receipt["kind"] == "page"
    )
    found = {ticket: "exactly-one" for ticket, _ in pages}
    headers = {"Authorization": "Bearer demo-primary"}
    for (ticket, key), count in pages.items():
        if count > 1:
            url = f"{cluster.portal}/v1/pages/{key.rpartition('.')[0]}/certificate"
            found[ticket] = httpx.get(url, headers=headers, timeout=20).json()["verdict"]
    return found
