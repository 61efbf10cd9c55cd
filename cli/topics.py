"""`signalbox topics`: the topics of `shared/topics.py`, made by `signalbox up` or by a deployment, never by a service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import orjson
import typer

from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.settings import load
from shared.topics import ERASING, TOPICS, Topic

app = typer.Typer(help="Kafka's topics, as shared/topics.py lists them.", no_args_is_help=True)


@dataclass(frozen=True)
class Wanted:
    """One topic as Kafka is to make it; `name` is logical."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


def wanted(topics: Iterable[Topic], *, partitions: int, replication: int) -> list[Wanted]:
    """The table in Kafka's words. With three or more copies a write counts once two have it."""
    return [
        Wanted(
            topic.name,
            topic.partitions or partitions,
            replication,
            {
                "cleanup.policy": topic.cleanup,
                "retention.ms": "-1" if topic.retention is None else str(int(topic.retention.total_seconds() * 1000)),
                "min.insync.replicas": "2" if replication >= 3 else "1",
                **topic.config,
            },
        )
        for topic in topics
    ]


async def create_missing(bootstrap: str, settings: CommandSettings) -> list[str]:
    """Make the topics that are not there, and name them; those that are stay as they are. Raises Unavailable."""
    from shared.bus import Admin

    async with Admin(bootstrap, settings.topic_prefix) as admin:
        there = set(await admin.topics())
        asked = wanted(TOPICS.values(), partitions=settings.topic_partitions, replication=settings.topic_replication)
        missing = [topic for topic in asked if topic.name not in there]
        return [topic.name for topic in missing if await admin.create_topic(topic.name, topic.partitions, topic.replication, topic.config)]


async def is_being_erased(bootstrap: str, settings: CommandSettings) -> bool:
    """Whether an erasure was begun and not ended: its topics may be half made anew. Raises Unavailable."""
    from shared.bus import Admin

    async with Admin(bootstrap, settings.topic_prefix) as admin:
        return ERASING in await admin.topics()


@app.command()
def create(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> None:
    """Make the topics that are missing. Partitions and copies: SIGNALBOX_TOPIC_PARTITIONS, SIGNALBOX_TOPIC_REPLICATION."""
    settings = load(CommandSettings)
    try:
        made = asyncio.run(create_missing(settings.kafka_bootstrap_servers, settings))
    except Unavailable as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps({"created": made}))
    else:
        typer.echo(f"created {', '.join(made)}" if made else "all topics are there")


@app.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """The table: what each topic is keyed by, who writes it and who reads it."""
    rows = [
        {
            "name": topic.name, "key": topic.key, "author": topic.author, "readers": list(topic.readers),
            "events": [kind.__name__ for kind in topic.events],
        }
        for topic in TOPICS.values()
    ]  # fmt: skip
    if as_json:
        typer.echo(orjson.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['name']:<14} by {row['key']:<28} {row['author']} → {', '.join(row['readers'])}")
