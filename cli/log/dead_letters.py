"""`signalbox dead-letters list|show|redrive`: inputs that nobody could handle, looked at and tried
again.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from cli import client
from cli.client import AsJson
from cli.settings import CommandSettings
from shared import topics
from shared.errors import Poisonous, Unavailable
from shared.events import DeadLetter
from shared.settings import load
from shared.spine.redrive import record_of
from shared.wire import Record

T = TypeVar("T")
app = typer.Typer(help="Inputs that nobody could handle.", no_args_is_help=True)


@app.command("list")
def list_(
    worker: Annotated[str | None, typer.Option(help="Only those of this worker.")] = None,
    parked: Annotated[
        bool, typer.Option("--parked", help="Only those that keep a key waiting.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every dead letter, oldest first: which record, and why."""
    settings = load(CommandSettings)
    found = [
        letter
        for letter in _run(_letters(settings))
        if worker in (None, letter.worker) and (letter.parked or not parked)
    ]
    if as_json:
        client.show_json([_line(letter) for letter in found])
        return
    for letter in found:
        place = f"{letter.topic}/{letter.partition}/{letter.offset}"
        waits = " [its key waits]" if letter.parked else ""
        client.out.print(
            f"{letter.id}  {place}  {letter.worker}  {letter.key}{waits}\n    {letter.reason}",
            markup=False,
            soft_wrap=True,
        )
    if not found:
        client.out.print("none")


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(help="As `list` says.")], as_json: AsJson = False
) -> None:
    """One dead letter with the record as it came."""
    letter = _one(_run(_letters(load(CommandSettings))), letter_id)
    raw = base64.b64decode(letter.raw)
    if as_json:
        client.show_json(
            {**_line(letter), "headers": letter.headers, "raw": raw.decode("utf-8", "replace")}
        )
        return
    for name, value in _line(letter).items():
        client.out.print(f"{name:<10} {value}", markup=False, highlight=False, soft_wrap=True)
    for name, value in letter.headers.items():
        client.out.print(f"  {name}: {value}", markup=False, highlight=False, soft_wrap=True)
    client.out.print(raw.decode("utf-8", "replace"), markup=False, highlight=False, soft_wrap=True)


@app.command()
def redrive(
    letter_id: Annotated[str | None, typer.Argument(help="As `list` says.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="All letters of this key, oldest first: the first and what waits behind it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put records back on the topic and partition they came from, once their cause is mended. A
    request keeps its id: never twice.
    """
    settings = load(CommandSettings)
    letters = _run(_letters(settings))
    if (letter_id is None) == (key is None):
        raise typer.BadParameter("name either a letter or a --key")
    chosen = (
        [_one(letters, letter_id)]
        if letter_id
        else [letter for letter in letters if letter.key == key]
    )
    if not chosen:
        client.err.print(f"there is no dead letter of key {key}", markup=False)
        raise typer.Exit(1)
    if foreign := sorted({letter.topic for letter in chosen} - topics.TOPICS.keys()):
        client.err.print(f"there is no topic {', '.join(foreign)} here", markup=False)
        raise typer.Exit(1)
    # To the same partition: a key must stay in its order.
    _run(_write(settings, [record_of(letter) for letter in chosen]))
    if as_json:
        client.show_json({"redriven": [_line(letter) for letter in chosen]})
    else:
        client.out.print(f"{len(chosen)} put back")


async def _letters(settings: CommandSettings) -> list[DeadLetter]:
    """Each once: a worker that read an input twice put the same letter down twice."""
    from cli.proof.reading import open_log

    found: dict[str, DeadLetter] = {}
    async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        for message in await log.whole(topics.DEAD_LETTERS.name):
            try:
                event = (
                    topics.read(message.value, message.headers.get("ce_type"))
                    if message.value
                    else None
                )
            except Poisonous:
                continue
            if isinstance(event, DeadLetter):
                # Ids come from the record's place, so the same letter twice has one id.
                found.setdefault(event.id, event)
    return sorted(
        found.values(),
        key=lambda letter: (letter.at, letter.topic, letter.partition, letter.offset),
    )


async def _write(settings: CommandSettings, records: list[Record]) -> None:
    from shared.bus import Producer

    producer = Producer(
        settings.kafka_bootstrap_servers, settings.topic_prefix, "signalbox-redrive"
    )
    try:
        await producer.send_many(records)
    finally:
        await producer.stop()


def _one(letters: list[DeadLetter], letter_id: str) -> DeadLetter:
    found = next((letter for letter in letters if letter.id == letter_id), None)
    if found is None:
        client.err.print(f"there is no dead letter {letter_id}", markup=False)
        raise typer.Exit(1)
    return found


def _line(letter: DeadLetter) -> dict[str, Any]:
    return letter.model_dump(
        mode="json",
        include={"id", "worker", "topic", "partition", "offset", "key", "at", "reason", "parked"},
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
