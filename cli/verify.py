"""`signalbox verify`: every decision, clock and page made again from the log, each difference named."""

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
from cli.proof.spread import quietly, spread
from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.settings import load
from shared.topics import DEAD_LETTERS, REQUESTS

if TYPE_CHECKING:
    from cli.proof.differences import Tally
    from cli.proof.log import Done, Place, Policies
    from cli.proof.obligations import Obligations
    from cli.proof.verification import Verification

Instant = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"], help="UTC.")]
Processes = Annotated[int | None, typer.Option(min=1, help="How many work on it; by itself, all cores where the log is long.")]
SHOWN = 50


def verify(
    since: Instant = None,
    until: Instant = None,
    everything: Annotated[bool, typer.Option("--all", help=f"Print every difference, not the first {SHOWN}.")] = False,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Make every decision of the log again and compare. Exit code 1 where anything differs, 3 where Kafka is away.

    The whole log is read, since a decision depends on all before it; --since and --until choose what is told.
    Facts that are in the log again exactly are told as repeats: readers skip them.
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


def _verify(settings: CommandSettings, since: datetime | None, until: datetime | None, processes: int | None) -> Tally:
    from cli.proof.verification import Verification

    known, partitions, requests = asyncio.run(_known(settings))
    found = Verification(known.policies, known.decided, known.put_aside, known.as_of)
    for tally, obligations in spread(functools.partial(_tickets, settings, known), partitions, requests, processes):
        found.add(tally, obligations)
    asyncio.run(_lanes(settings, found, partitions))
    return found.finish(since, until)


@dataclass(frozen=True)
class Known:
    """What every part of the log is judged by."""

    policies: Policies
    decided: Done
    put_aside: dict[str, set[Place]]
    as_of: datetime


async def _known(settings: CommandSettings) -> tuple[Known, int, int]:
    from cli.proof.log import lettered
    from cli.proof.reading import reading
    from shared.clock import clock_from

    async with reading(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        decided = await log.decided()
        as_of = clock_from(settings).now()
        aside = lettered(await log.whole(DEAD_LETTERS.name))
        return Known(await log.policies(), decided, aside, as_of), await log.partitions(), await log.length(REQUESTS.name)


def _tickets(settings: CommandSettings, known: Known, share: Sequence[int]) -> tuple[Tally, Obligations]:
    """Some partitions of what is keyed by ticket; runs in a process of its own where the log is long."""
    from cli.proof.log import TICKET_TOPICS
    from cli.proof.reading import reading
    from cli.proof.verification import Verification

    async def check() -> tuple[Tally, Obligations]:
        found = Verification(known.policies, known.decided, known.put_aside, known.as_of)
        async with reading(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
            for partition in share:
                found.tickets(await log.slice(partition, TICKET_TOPICS))
        return found.tally, found.obligations

    return asyncio.run(check())


async def _lanes(settings: CommandSettings, found: Verification, partitions: int) -> None:
    from cli.proof.log import LANE_TOPICS
    from cli.proof.reading import reading

    async with reading(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        for partition in range(partitions):
            found.lanes(await log.slice(partition, LANE_TOPICS))


def _tell(tally: Tally, seconds: float, most: int | None) -> None:
    say = client.out.print
    for difference in tally.differences[:most]:
        for line in difference.lines():
            say(line, markup=False, highlight=False, soft_wrap=True)
    if most is not None and len(tally.differences) > most:
        say(f"and {len(tally.differences) - most} more (--all)")
    for repeat in tally.repeats[:most]:
        say(f"repeat: {repeat.type} of {repeat.topic} {repeat.key} seq {repeat.seq} is there {repeat.copies} times", highlight=False)
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
    return None if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
