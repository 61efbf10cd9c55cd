"""`signalbox verify`: every decision, clock and page made again from the log, each difference
named.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import client
from cli.client import AsJson
from cli.proof.parallel import quietly, spread
from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.settings import load
from shared.topics import DEAD_LETTERS, REQUESTS

if TYPE_CHECKING:
    from cli.proof.differences import ProofTally
    from cli.proof.log import DoneOffsets, Place, PolicyVersions
    from cli.proof.obligations import Obligations
    from cli.proof.verification import Verification

Instant = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"], help="UTC."),
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, help="How many work on it; by itself, all cores where the log is long."),
]
SHOWN = 50


def verify(
    since: Instant = None,
    until: Instant = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Print every difference, not the first {SHOWN}.")
    ] = False,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Make every decision of the log again and compare. Exit code 1 where anything differs, 3 where
    Kafka is away.

    The whole log is read, since a decision depends on all before it; --since and --until choose
    what is told. Facts that are in the log again exactly are told as repeats: readers skip them.
    """
    settings = load(CommandSettings)
    quietly()
    began = time.monotonic()
    try:
        tally = _verify(settings, aware(since), aware(until), processes)
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        client.show_json({"ok": not tally.differences, "seconds": seconds, **tally.as_json()})
    else:
        _tell(tally, seconds, None if everything else SHOWN)
    if tally.differences:
        raise typer.Exit(1)


def _verify(
    settings: CommandSettings, since: datetime | None, until: datetime | None, processes: int | None
) -> ProofTally:
    from cli.proof.verification import Verification

    known, partitions, requests = asyncio.run(_load_context(settings))
    # Tickets first, in several processes where the log is long; lanes after them, since pages are
    # held against what tickets asked for.
    found = Verification(known.policies, known.decided, known.put_aside, known.as_of)
    for tally, obligations in spread(
        functools.partial(_tickets, settings, known), partitions, requests, processes
    ):
        found.add(tally, obligations)
    asyncio.run(_lanes(settings, found, partitions))
    return found.finish(since, until)


@dataclass(frozen=True)
class ProofContext:
    """What every part of the log is judged by."""

    policies: PolicyVersions
    decided: DoneOffsets
    put_aside: dict[str, set[Place]]
    as_of: datetime


async def _load_context(settings: CommandSettings) -> tuple[ProofContext, int, int]:
    from cli.proof.log import find_put_aside
    from cli.proof.reading import open_log
    from shared.clock import clock_from

    async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        # Asked before anything is read: what was committed by then has its facts in what is read
        # later.
        decided = await log.decided()
        as_of = clock_from(settings).now()
        aside = find_put_aside(await log.whole(DEAD_LETTERS.name))
        return (
            ProofContext(await log.policies(), decided, aside, as_of),
            await log.partitions(),
            await log.length(REQUESTS.name),
        )


def _tickets(
    settings: CommandSettings, known: ProofContext, share: Sequence[int]
) -> tuple[ProofTally, Obligations]:
    """Some partitions of what is keyed by ticket; runs in a process of its own where the log is
    long.
    """
    from cli.proof.log import TICKET_TOPICS
    from cli.proof.reading import open_log
    from cli.proof.verification import Verification

    # Each partition is held in memory alone, and dropped before the next.
    async def check() -> tuple[ProofTally, Obligations]:
        found = Verification(known.policies, known.decided, known.put_aside, known.as_of)
        async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
            for partition in share:
                found.tickets(await log.slice(partition, TICKET_TOPICS))
        return found.tally, found.obligations

    return asyncio.run(check())


async def _lanes(settings: CommandSettings, found: Verification, partitions: int) -> None:
    from cli.proof.log import LANE_TOPICS
    from cli.proof.reading import open_log

    # Lanes are few: one process after the others is quick enough.
    async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        for partition in range(partitions):
            found.lanes(await log.slice(partition, LANE_TOPICS))


def _tell(tally: ProofTally, seconds: float, most: int | None) -> None:
    # Every line is printed as it is: ids and texts of the log may hold what looks like markup.
    say = client.out.print
    for difference in tally.differences[:most]:
        for line in difference.lines():
            say(line, markup=False, highlight=False, soft_wrap=True)
    if most is not None and len(tally.differences) > most:
        say(f"and {len(tally.differences) - most} more (--all)")
    for repeat in tally.repeats[:most]:
        say(
            (
                f"repeat: {repeat.type} of {repeat.topic} {repeat.key} seq {repeat.seq} is "
                f"there {repeat.copies} times"
            ),
            highlight=False,
        )
    for name, count in sorted(tally.counts.items()):
        say(f"{count:>9,} {name}", highlight=False)
    notes: dict[str, Any] = {
        "repeats, which readers skip": len(tally.repeats),
        "inputs not decided on yet": tally.waiting,
        "keys whose beginning is not kept": tally.incomplete,
        "inputs in dead-letters": tally.put_aside,
        "inputs erased, not recomputed": tally.erased,
    }
    for name, count in notes.items():
        if count:
            say(f"{count:>9,} {name}", highlight=False)
    say(f"{len(tally.differences)} differences in {seconds} s")


def aware(at: datetime | None) -> datetime | None:
    """A time from the command line, in UTC."""
    # A time without a zone is UTC, as the option's help says.
    return (
        None if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    )
