"""`signalbox record` and `signalbox replay`: what was asked in a window, as a file; and asked again
of services on a prefix of their own.

A scenario is JSON lines: `{"after": seconds from its beginning, "topic": "requests" | "urgent" |
"policies", "event": {...}}`. Facts are not in it: whoever serves the other prefix decides anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer

from cli import client
from cli.client import AsJson
from cli.proof.command import Instant, aware
from cli.proof.parallel import quietly
from cli.settings import CommandSettings
from cli.topics.command import create_missing
from deploy.demo.outage import list_events, scenario_in
from shared import topics
from shared.errors import Poisonous, Unavailable
from shared.events import Event
from shared.settings import load
from shared.wire import Message, record_for

RECORDED = (topics.POLICIES.name, topics.REQUESTS.name, topics.URGENT.name)
SOURCE = "signalbox-replay"
# Records of one write; more would make the times of a fast replay coarse.
AT_ONCE = 500


class ScenarioEvent(NamedTuple):
    """`event` happened `after` the scenario's beginning."""

    after: timedelta
    topic: str
    event: Event


def record(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    since: Instant = None,
    until: Instant = None,
    as_json: AsJson = False,
) -> None:
    """Write what was asked in a window, with the policies it was asked under, as a scenario."""
    settings = load(CommandSettings)
    quietly()
    try:
        lines = asyncio.run(_read_scenario(settings, aware(since), aware(until)))
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    # Everything is read before the file is opened: a Kafka that goes away leaves no half of a
    # scenario.
    out.write_bytes(b"".join(to_json_line(line) for line in lines))
    told = {
        "lines": len(lines),
        "seconds": lines[-1].after.total_seconds() if lines else 0.0,
        "file": str(out),
    }
    if as_json:
        client.show_json(told)
    else:
        client.out.print(
            f"{told['lines']} lines over {told['seconds']:.0f} s in {out}", markup=False
        )


def replay(
    scenario: Annotated[
        Path, typer.Argument(help="A file of `signalbox record`, or one of deploy/demo/scenarios.")
    ],
    prefix: Annotated[str, typer.Option(help="The topic prefix to ask on; never the one in use.")],
    speed: Annotated[
        float,
        typer.Option(min=0, help="1: as it was; 60: an hour in a minute; 0: as fast as it goes."),
    ] = 1,
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Leave the times as they were, at whatever speed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask it all again, now, on another prefix: start services with SIGNALBOX_TOPIC_PREFIX set to
    it. Its topics are made if missing.

    Every request keeps its id and its content; only `at` is of now, unless times are kept: an
    outage that is replayed in a minute then still lasts its hours. The same scenario is decided
    once per prefix.
    """
    settings = load(CommandSettings)
    # Asked again on its own prefix, everything would be decided twice.
    if prefix == settings.topic_prefix:
        raise typer.BadParameter(
            f"{prefix!r} is the prefix in use: a replay needs one of its own", param_hint="--prefix"
        )
    lines = read(scenario)
    quietly()
    try:
        told = asyncio.run(
            _replay(settings.model_copy(update={"topic_prefix": prefix}), lines, speed, keep_times)
        )
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    if as_json:
        client.show_json(told)
    else:
        client.out.print(f"{told['lines']} asked on {prefix} in {told['seconds']} s")


def scenario_of(
    messages: Iterable[Message], since: datetime | None, until: datetime | None
) -> list[ScenarioEvent]:
    """The window's requests in the order of time, with every policy published before its end at the
    beginning.
    """
    asked: list[tuple[datetime, str, Event]] = []
    policies: list[tuple[datetime, str, Event]] = []
    for message in messages:
        try:
            event = (
                # Tombstones and what cannot be read ask for nothing.
                topics.read(message.value, message.headers.get("ce_type"))
                if message.value
                else None
            )
        except Poisonous:
            continue
        if event is None or (until and event.at >= until):
            continue
        if message.topic == topics.POLICIES.name:
            policies.append((event.at, message.topic, event))
        elif since is None or event.at >= since:
            asked.append((event.at, message.topic, event))
    asked.sort(key=lambda entry: entry[0])
    begin = asked[0][0] if asked else None
    policies.sort(key=lambda entry: entry[0])
    # Policies come at the beginning: requests need the versions that they are stamped with.
    return [
        ScenarioEvent(max(at - begin, timedelta(0)) if begin else timedelta(0), topic, event)
        for at, topic, event in [*policies, *asked]
    ]


def to_json_line(line: ScenarioEvent) -> bytes:
    return (
        orjson.dumps(
            {
                "after": line.after.total_seconds(),
                "topic": line.topic,
                "event": orjson.loads(line.event.wire()),
            }
        )
        + b"\n"
    )


def read(path: Path) -> list[ScenarioEvent]:
    """The scenario in a file, or in a folder with a `scenario.yaml`. Ends the command with what is
    wrong.
    """
    try:
        if path.is_dir():
            return [ScenarioEvent(*asked) for asked in list_events(scenario_in(path))]
        return list(_lines(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, Poisonous) as error:
        raise typer.BadParameter(f"{path.name}: {error}", param_hint="SCENARIO") from error


def _lines(raw: bytes) -> Iterator[ScenarioEvent]:
    for number, text in enumerate(raw.splitlines(), 1):
        if not text.strip():
            continue
        found: dict[str, Any] = orjson.loads(text)
        if found["topic"] not in RECORDED:
            raise ValueError(
                f"line {number}: a scenario holds {', '.join(RECORDED)}, not {found['topic']}"
            )
        event = topics.read(orjson.dumps(found["event"]))
        if event is None:
            raise ValueError(f"line {number}: this version knows no {found['event'].get('type')}")
        # Read again by this version: what it does not know ends the command before anything is
        # sent.
        yield ScenarioEvent(timedelta(seconds=found["after"]), found["topic"], event)


async def _read_scenario(
    settings: CommandSettings, since: datetime | None, until: datetime | None
) -> list[ScenarioEvent]:
    from cli.proof.reading import open_log

    async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        return scenario_of(
            [message for name in RECORDED for message in await log.whole(name)], since, until
        )


async def _replay(
    settings: CommandSettings, lines: list[ScenarioEvent], speed: float, keep_times: bool
) -> dict[str, Any]:
    from shared.bus import Producer
    from shared.clock import clock_from

    await create_missing(settings.kafka_bootstrap_servers, settings)
    clock, began = clock_from(settings), time.monotonic()
    producer = Producer(settings.kafka_bootstrap_servers, settings.topic_prefix, SOURCE)
    try:
        done = 0
        while done < len(lines):
            # Speed 0: everything is due at once.
            due = lines[done].after.total_seconds() / speed if speed else 0.0
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            passed = time.monotonic() - began
            ready = done + 1
            # Everything that is due by now goes in one write.
            while (
                ready < len(lines)
                and ready - done < AT_ONCE
                and (not speed or lines[ready].after.total_seconds() / speed <= passed)
            ):
                ready += 1
            events = [
                # The time of now, unless it is kept: services work with their own clock.
                (topic, event if keep_times else event.copy_with({"at": clock.now()}))
                for _, topic, event in lines[done:ready]
            ]
            await producer.send_many([record_for(topic, event, SOURCE) for topic, event in events])
            done = ready
    finally:
        await producer.stop()
    return {
        "lines": len(lines),
        "prefix": settings.topic_prefix,
        "seconds": round(time.monotonic() - began, 1),
    }
