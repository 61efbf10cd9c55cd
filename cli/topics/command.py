"""`signalbox topics`: the topics of `shared/topics.py`, made by `signalbox up` or by a deployment,
never by a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import orjson
import typer

from cli.settings import CommandSettings
from cli.topics.grants import command_lines, grants, table_lines
from cli.topics.plan import TopicDifference, TopicPlan, differences_of, partitions_for, plan_topics
from shared.errors import Unavailable
from shared.settings import load
from shared.topics import ERASING, TOPICS

if TYPE_CHECKING:
    from shared.bus import Admin, TopicSettings

T = TypeVar("T")

app = typer.Typer(help="Kafka's topics, as shared/topics.py lists them.", no_args_is_help=True)


async def create_missing(bootstrap: str, settings: CommandSettings) -> list[str]:
    """Make the topics that are not there, and name them; those that are stay as they are. Raises
    Unavailable.
    """
    from shared.bus import Admin

    async with Admin(bootstrap, settings.topic_prefix) as admin:
        there = set(await admin.topics())
        # Their settings are only asked for where one of ours is there.
        found = await admin.settings_of_topics() if there & TOPICS.keys() else {}
        asked = plan_for_settings(settings, found)
        return [
            topic.name for topic in asked if topic.name not in there and await _make(admin, topic)
        ]


async def _make(admin: Admin, topic: TopicPlan) -> bool:
    from shared.bus import CLUSTERS_OWN

    replication = topic.replication or CLUSTERS_OWN
    return await admin.create_topic(topic.name, topic.partitions, replication, topic.config)


def plan_for_settings(
    settings: CommandSettings, found: Mapping[str, TopicSettings]
) -> list[TopicPlan]:
    """What these settings ask of a Kafka that has these topics."""
    return plan_topics(
        TOPICS.values(),
        partitions=partitions_for(
            found,
            settings.topic_partitions,
            is_said="topic_partitions" in settings.model_fields_set,
        ),
        replication=settings.topic_replication,
        min_insync=settings.topic_min_insync,
    )


async def is_being_erased(bootstrap: str, settings: CommandSettings) -> bool:
    """Whether an erasure was begun and not ended: its topics may be half made anew. Raises
    Unavailable.
    """
    from shared.bus import Admin

    async with Admin(bootstrap, settings.topic_prefix) as admin:
        return await admin.is_there(ERASING)


@app.command()
def plan(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Where Kafka's topics differ from what they should be. Exit code 0: nowhere that `apply` could
    mend; 2: somewhere.
    """
    settings = load(CommandSettings)
    _, differences = _run(_look(settings))
    _show(differences, as_json=as_json)
    raise typer.Exit(2 if any(each.can_apply for each in differences) else 0)


@app.command()
def apply(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Make the topics that are missing and set what differs and may be set. Never changes the
    number of partitions or copies, and never what others have set on a topic.
    """
    settings = load(CommandSettings)
    _show(_run(_apply(settings)), as_json=as_json)


async def _look(
    settings: CommandSettings,
) -> tuple[dict[str, TopicSettings], list[TopicDifference]]:
    from shared.bus import Admin

    async with Admin(settings.kafka_bootstrap_servers, settings.topic_prefix) as admin:
        # One look: what is compared and what is wanted belong together.
        found = await admin.settings_of_topics()
        return found, differences_of(
            plan_for_settings(settings, found), found, await admin.brokers()
        )


async def _apply(settings: CommandSettings) -> list[TopicDifference]:
    from shared.bus import Admin

    found, differences = await _look(settings)
    asked = {topic.name: topic for topic in plan_for_settings(settings, found)}
    async with Admin(settings.kafka_bootstrap_servers, settings.topic_prefix) as admin:
        # Each topic once, however much of it differs.
        for name in dict.fromkeys(each.topic for each in differences if each.can_apply):
            if name not in found:
                await _make(admin, asked[name])
            else:
                # Kafka replaces all settings of a topic: what others set on it must be named again.
                await admin.configure(name, {**found[name].own, **asked[name].config})
    return differences


def _run(work: Coroutine[None, None, T]) -> T:
    try:
        return asyncio.run(work)
    except Unavailable as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None


def _show(differences: Sequence[TopicDifference], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps([asdict(each) for each in differences]))
        return
    for each in differences:
        mark = "→" if each.can_apply else "!"
        typer.echo(f"{mark} {each.topic:<24} {each.what}: {each.found}, wanted {each.wanted}")
        if each.advice:
            typer.echo(f"  {'':<24} {each.advice}")
    if not differences:
        typer.echo("all topics are as they should be")


@app.command()
def acls(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    commands: Annotated[
        bool, typer.Option(help="Print commands of Kafka's kafka-acls.sh instead.")
    ] = False,
    user: Annotated[
        str, typer.Option(help="The name of a process's user there; {process} is filled in.")
    ] = "signalbox-{process}",
) -> None:
    """What each process's user must be allowed, where Kafka asks for permissions."""
    prefix = load(CommandSettings).topic_prefix
    if commands:
        typer.echo("\n".join(command_lines(prefix, user)))
    elif as_json:
        typer.echo(orjson.dumps([asdict(grant) for grant in grants(prefix)]))
    else:
        typer.echo("\n".join(table_lines(prefix)))


@app.command()
def create(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Make the topics that are missing. Partitions and copies: SIGNALBOX_TOPIC_PARTITIONS,
    SIGNALBOX_TOPIC_REPLICATION, SIGNALBOX_TOPIC_MIN_INSYNC.
    """
    settings = load(CommandSettings)
    made = _run(create_missing(settings.kafka_bootstrap_servers, settings))
    if as_json:
        typer.echo(orjson.dumps({"created": made}))
    else:
        typer.echo(f"created {', '.join(made)}" if made else "all topics are there")


@app.command("list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """The table: what each topic is keyed by, who writes it and who reads it."""
    rows = [
        {
            "name": topic.name,
            "key": topic.key,
            "author": topic.author,
            "readers": list(topic.readers),
            "events": [kind.__name__ for kind in topic.events],
        }
        for topic in TOPICS.values()
    ]
    if as_json:
        typer.echo(orjson.dumps(rows))
        return
    for row in rows:
        typer.echo(
            f"{row['name']:<14} by {row['key']:<28} {row['author']} → {', '.join(row['readers'])}"
        )
