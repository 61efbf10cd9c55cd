"""`signalbox erase`: the order of its steps, and what it tells.

Find out what is theirs → refuse what would leave a gap → copy every topic beside itself without
them, compare → from here on only forward: each topic makes room for its copy → the groups get back
what they had committed → MongoDB and this machine's files → say so in `erasures` → nothing is under
way any more.
"""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli import client
from cli.client import AsJson
from cli.erase import checks, copying, course, files, stored
from cli.erase.course import CopiedTopics
from cli.erase.erasing import UnknownEvent
from cli.erase.person import PersonToErase, pseudonym_of
from cli.erase.records import ErasureCounts
from cli.proof.parallel import quietly
from cli.settings import CommandSettings
from cli.topics.command import create_missing
from shared.bus.rewriting import RawRecord, Rewriting, TopicShape
from shared.errors import SignalboxError, Unavailable
from shared.events import PersonErased
from shared.files import FileHome, open_old
from shared.files.opening import home_of, open_home
from shared.ids import derive
from shared.people.folding import fold_address
from shared.policy import ON_CALL
from shared.settings import load
from shared.storage.store import Store
from shared.topics import DIRECTORY, ERASURES, POLICIES
from shared.wire import headers_for

LEFT_WITHIN_S = 12.0
"""A static member of a group counts as there until its session ends."""
FORGETS_WITHIN_S = 20.0
"""Kafka forgets the offsets of a deleted topic a moment after it is gone."""


class ErasureBlocked(SignalboxError):
    """What is in the way, one sentence each: nothing was changed."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class ErasureOrder:
    """Who is erased, under which pseudonym, and who asked for it. `patience`: seconds until groups that still
    have members are named.
    """

    address: str
    pseudonym: str
    by: str
    dry_run: bool = False
    patience: float = LEFT_WITHIN_S


@dataclass
class ErasureSummary:
    """What the command says at its end."""

    pseudonym: str
    dry_run: bool
    numbers: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    gone_on: bool = False
    seconds: float = 0.0

    @property
    def nothing(self) -> bool:
        return not (self.numbers.get("records") or self.documents or self.files)


def erase(
    email: Annotated[str, typer.Argument(help="The person's address.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    here: Annotated[
        bool,
        typer.Option("--here", help="Only this machine's data directory: for the other machines."),
    ] = False,
    by: Annotated[str, typer.Option(help="Who asks for it, as it will be recorded.")] = "",
    patience: Annotated[
        float,
        typer.Option(help="Seconds in which services that were stopped may take their leave."),
    ] = LEFT_WITHIN_S,
    as_json: AsJson = False,
) -> None:
    """Erase a person from everything, for good. Stop all services first; Kafka and MongoDB must
    run.

    Their texts, address and name are replaced in the log itself, which is made anew with the same
    offsets; killed at any point, the same command goes on. What others wrote keeps its words but
    for the address and the full name. Exit code 1: refused, and why.
    """
    settings = load(CommandSettings)
    quietly()
    began = time.monotonic()
    try:
        asked = ErasureOrder(
            # Folded, as everywhere in the log.
            fold_address(email.strip()),
            pseudonym_of(email, _secret(settings)),
            by or getpass.getuser(),
            dry_run,
            patience,
        )
        told = asyncio.run(_here(settings, asked) if here else run(settings, asked))
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    except (ErasureBlocked, UnknownEvent, copying.CopyDiffers) as problem:
        reasons = problem.reasons if isinstance(problem, ErasureBlocked) else [str(problem)]
        if as_json:
            client.show_json({"refused": reasons})
        for reason in () if as_json else reasons:
            client.err.print(reason, markup=False, soft_wrap=True)
        raise typer.Exit(client.REFUSED) from None
    told.seconds = round(time.monotonic() - began, 1)
    if as_json:
        client.show_json({**vars(told), "nothing_to_do": told.nothing})
    else:
        _say(told)


def _secret(settings: CommandSettings) -> str:
    """What the pseudonym is derived with. Raises NotNow."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    path = settings.data_dir / "secret"
    if path.exists():
        return path.read_text().strip()
    raise ErasureBlocked(
        ["SIGNALBOX_SECRET (or SIGNALBOX_SECRET_FILE) is needed: the pseudonym is derived with it."]
    )


async def _here(settings: CommandSettings, asked: ErasureOrder) -> ErasureSummary:
    """Another machine's copies. What is theirs beyond address and name is known where the log was
    erased; here the copies go whole.
    """
    person = PersonToErase(address=asked.address, pseudonym=asked.pseudonym)
    touched, unreadable = files.sweep(settings.data_dir, person, dry_run=asked.dry_run)
    return ErasureSummary(asked.pseudonym, asked.dry_run, files=touched, unreadable=unreadable)


async def run(settings: CommandSettings, asked: ErasureOrder) -> ErasureSummary:
    """The whole erasure, or the rest of one that was killed. Raises NotNow, UnknownEvent,
    NotTheSame, Unavailable.
    """
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    places = (open_home(home_of(settings), settings), open_old(store))
    try:
        await store.ping()
        if trouble := await places[0].unready():
            raise Unavailable("files", trouble)
        async with Rewriting(settings.kafka_bootstrap_servers, settings.topic_prefix) as kafka:
            under_way = await course.course(kafka)
            if (
                under_way is not None
                and under_way.copied is not None
                and under_way.pseudonym != asked.pseudonym
            ):
                # Another erasure has gone past the point of no return: it must be ended first.
                raise ErasureBlocked(
                    [
                        (
                            f"The erasure of {under_way.pseudonym} was begun and not ended. "
                            "Run it again, with their address, first."
                        )
                    ]
                )
            # Before anything is read: a service that writes meanwhile would make the copies old.
            await _nobody_works(kafka, asked.patience)
            if under_way is None or under_way.copied is None:
                return await _afresh(settings, kafka, store, places, asked)
            if asked.dry_run:
                raise ErasureBlocked(
                    [
                        (
                            "Their erasure was begun and only goes forward: run it again "
                            "without --dry-run."
                        )
                    ]
                )
            told = await _forward(
                settings, kafka, store, places, under_way.copied, under_way.replaced
            )
            told.gone_on = True
            return told
    finally:
        await places[0].close()
        store.close()


async def _nobody_works(kafka: Rewriting, patience: float) -> None:
    """Raises NotNow while a group of ours has members."""
    until = time.monotonic() + patience
    # A stopped service stays listed until its session ends, so this waits a little.
    while busy := {group: members for group, members in (await kafka.groups()).items() if members}:
        if time.monotonic() > until:
            raise ErasureBlocked(
                [
                    f"Stop the services first: group {group!r} has {len(members)} members."
                    for group, members in busy.items()
                ]
            )
        await asyncio.sleep(0.5)


async def _afresh(
    settings: CommandSettings,
    kafka: Rewriting,
    store: Store,
    places: Sequence[FileHome],
    asked: ErasureOrder,
) -> ErasureSummary:
    there = await copying.read_shapes(kafka)
    if missing := sorted({DIRECTORY.name, POLICIES.name} - there.keys()):
        raise ErasureBlocked(
            [
                (
                    f"There is no log under the prefix {settings.topic_prefix!r}: no topic "
                    f"{', '.join(missing)}."
                )
            ]
        )
    person = await copying.find(kafka, there, asked.address, asked.pseudonym)
    directory, on_call = await copying.reference(kafka, there, ON_CALL)
    # Blobs of their attachments must be known before the descriptions are erased.
    person = person.model_copy(
        update={"blobs": person.blobs | await stored.blobs_of(places, person)}
    )
    # Everything that would be left without anybody, told at once.
    if reasons := [
        *checks.in_the_way(person, directory, on_call),
        *files.in_the_way(settings.data_dir, person),
    ]:
        raise ErasureBlocked(reasons)
    numbers = await copying.count(kafka, there, person)
    now = datetime.now(UTC)
    # Nothing of them in the log: MongoDB and files may have something all the same.
    if asked.dry_run or not numbers.records:
        documents = await stored.sweep(store, places, person, now, dry_run=asked.dry_run)
        touched, unreadable = files.sweep(settings.data_dir, person, dry_run=asked.dry_run)
        await course.end(
            kafka
        )  # a try that was killed before it touched anything may have left its copies
        return ErasureSummary(
            asked.pseudonym, asked.dry_run, numbers.as_json(), dict(documents), touched, unreadable
        )
    copied = await _copy_topics(kafka, there, person, numbers, now, asked)
    return await _forward(settings, kafka, store, places, copied, set())


async def _copy_topics(
    kafka: Rewriting,
    there: dict[str, TopicShape],
    person: PersonToErase,
    numbers: ErasureCounts,
    now: datetime,
    asked: ErasureOrder,
) -> CopiedTopics:
    """Everything stands beside the log as it will be; the log itself is as it was."""
    # Rests of a try that was killed before its copies were complete.
    await course.end(kafka)
    await course.begin(
        kafka, person.pseudonym, now, min(shape.replication for shape in there.values())
    )
    try:
        topics = {
            topic: await copying.copy(kafka, topic, there[topic], person)
            for topic in sorted(numbers.records)
        }
        copied = CopiedTopics(
            person=person,
            at=now,
            by=asked.by,
            topics=topics,
            committed=await copying.read_committed(kafka, set(topics)),
            records=dict(numbers.records),
            texts=sum(numbers.texts.values()),
            not_judged=numbers.not_judged,
        )
        # Once more: somebody may have started a service while the copies were made.
        await _nobody_works(kafka, asked.patience)
    except (ErasureBlocked, copying.CopyDiffers):
        await course.end(kafka)  # nothing was touched, so the services may go on
        raise
    await course.record_copied(kafka, copied)
    return copied


async def _forward(
    settings: CommandSettings,
    kafka: Rewriting,
    store: Store,
    places: Sequence[FileHome],
    copied: CopiedTopics,
    replaced: set[str],
) -> ErasureSummary:
    # Only forward from here. Topics that are in their place are left alone.
    for topic, bounds in copied.topics.items():
        if topic not in replaced:
            await copying.replace(kafka, topic, bounds, copied.at)
    # The groups' offsets first: a service that starts too early must find its old place.
    await _offsets_stand(kafka, copied)
    person = copied.person
    await stored.drop_views(store)
    documents = await stored.sweep(store, places, person, copied.at)
    touched, unreadable = files.sweep(settings.data_dir, person)
    await _record(settings, kafka, copied)
    # Making `erasures` takes time, in which Kafka may have forgotten them once more.
    await _offsets_stand(kafka, copied, looks=1)
    await course.end(kafka)
    numbers = {"records": copied.records, "texts": copied.texts, "not_judged": copied.not_judged}
    return ErasureSummary(person.pseudonym, False, numbers, dict(documents), touched, unreadable)


async def _offsets_stand(kafka: Rewriting, copied: CopiedTopics, looks: int = 2) -> None:
    """Raises Unavailable. Looked at twice, since Kafka forgets a deleted topic's offsets a moment
    later.
    """
    until = time.monotonic() + FORGETS_WITHIN_S
    stood = 0
    while stood < looks:
        stood = stood + 1 if await copying.commit_again(kafka, copied.committed) else 0
        if time.monotonic() > until:
            raise Unavailable(
                "kafka",
                f"the groups' offsets did not stand in {FORGETS_WITHIN_S:.0f} s; run it again",
            )
        await asyncio.sleep(1.0 if stood < looks else 0)


async def _record(settings: CommandSettings, kafka: Rewriting, copied: CopiedTopics) -> None:
    """That it happened, once."""
    await create_missing(settings.kafka_bootstrap_servers, settings)
    name = copied.person.pseudonym
    event = PersonErased(
        id=derive("ers", name, copied.at.isoformat()),
        key=name,
        at=copied.at,
        pseudonym=name,
        by=copied.by,
        records=copied.records,
        texts=copied.texts,
    )
    shape = await kafka.shape(ERASURES.name)
    # Killed after this record, the command comes here again: it must stand once.
    async for _, raw in copying.records(kafka, ERASURES.name, shape):
        if event.id.encode() in dict(raw.headers).values():
            return
    headers = tuple(headers_for(event, "operator"))
    async with kafka.writer(ERASURES.name) as writer:
        await writer.append(
            0,
            RawRecord(
                shape.bounds[0][1],
                name.encode(),
                event.wire(),
                headers,
                int(copied.at.timestamp() * 1000),
            ),
        )


def _say(told: ErasureSummary) -> None:
    say: Callable[[str], None] = lambda line: client.out.print(  # noqa: E731
        line, markup=False, highlight=False, soft_wrap=True
    )
    for topic, number in told.numbers.get("records", {}).items():
        say(f"{number:>9,} records of {topic}")
    for name, number in told.documents.items():
        say(f"{number:>9,} documents of {name}")
    for path in told.files:
        say(f"          {path}")
    for path in told.unreadable:
        say(f"look at it yourself, it is no text and names them: {path}")
    if told.nothing:
        say("nothing to do")
        return
    if told.numbers.get("not_judged"):
        said = (
            "replies of others on their tickets: address and full name are replaced, the rest "
            "is not judged"
        )
        say(f"{told.numbers['not_judged']:>9,} {said}")
    say(f"{'would become' if told.dry_run else 'is now'} {told.pseudonym}, {told.seconds} s")
    if not told.dry_run:
        say(AFTERWARDS)


AFTERWARDS = (
    "Start the services again. The views are made anew; `signalbox verify` counts what "
    "lost its text as erased. Kafka deletes the old segments after "
    "log.segment.delete.delay.ms (60 s as shipped); MongoDB's oplog and backups forget in "
    "their own time. On other machines with a data directory: signalbox erase EMAIL --here."
)
