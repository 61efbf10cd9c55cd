"""`signalbox backup` and `signalbox restore`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import client
from cli.backup.archive import Archive, ArchiveWriter, BadArchive
from cli.backup.manifest import Manifest
from cli.backup.restoring import Copies, NotEmpty
from cli.backup.restoring import restore as restore_into
from cli.backup.taking import take
from cli.client import AsJson
from cli.erase.copying import CopyDiffers
from cli.proof.parallel import quietly
from cli.settings import CommandSettings
from shared.bus.rewriting import Rewriting
from shared.errors import Unavailable
from shared.files import open_files
from shared.settings import load
from shared.storage.store import Store

Where = Annotated[Path, typer.Argument(help="A folder; or a file whose name ends with .tar.")]


def backup(
    where: Where,
    patience: Annotated[
        float,
        typer.Option(help="Seconds until a file that the log names and nobody has is missing."),
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Back up the log and the files together, as they are now. Services may go on.

    Everything people wrote is in it, and only you may read it: keep it where nobody else can. The
    secret that signs (SIGNALBOX_SECRET, or the file `secret`) is not in it: keep that too. Exit
    code 1: it was made, and files that the log names are missing; they are named.
    """
    began = time.monotonic()
    manifest = _run(_backup(load(CommandSettings), where, patience))
    _say(manifest, began, as_json=as_json, missing=manifest.missing)
    if manifest.missing:
        # The backup was made and can be used; the exit code says that something is missing.
        raise typer.Exit(client.REFUSED)


def restore(
    where: Where,
    check: Annotated[
        bool, typer.Option("--check", help="Read all of it, compare the digests, change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty Kafka: the same topics, offsets and commits, and the files.

    Stop the services first; afterwards start them, and the views are made anew. Copies of the log
    on this machine go; on other machines delete them (docs/operations.md). Exit code 1: refused,
    and why.
    """
    began = time.monotonic()
    manifest, written = _run(_restore(load(CommandSettings), where, check))
    _say(manifest, began, as_json=as_json, written=written)


async def _backup(settings: CommandSettings, where: Path, patience: float) -> Manifest:
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    files = open_files(settings, store)
    try:
        if trouble := await files.unready():
            raise Unavailable("files", trouble)
        async with Rewriting(settings.kafka_bootstrap_servers, settings.topic_prefix) as kafka:
            with ArchiveWriter(where) as into:
                return await take(kafka, files, into, patience)
    finally:
        await files.close()
        store.close()


async def _restore(settings: CommandSettings, where: Path, check: bool) -> tuple[Manifest, int]:
    archive = Archive(where)
    # Needs no Kafka: a backup is checked on any machine.
    if check:
        for _ in archive.verified():
            pass
        return archive.manifest, 0
    store = Store(settings.mongodb_uri, settings.mongodb_database)
    files = open_files(settings, store)
    copies = Copies(settings.topic_replication, settings.topic_min_insync)
    try:
        await store.ping()
        if trouble := await files.unready():
            raise Unavailable("files", trouble)
        async with Rewriting(settings.kafka_bootstrap_servers, settings.topic_prefix) as kafka:
            written = await restore_into(archive, kafka, files, store, settings.data_dir, copies)
    finally:
        await files.close()
        store.close()
    return archive.manifest, written


def _run(work: Any) -> Any:
    quietly()
    try:
        return asyncio.run(work)
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    # Refusals of a kind each, told in their own words.
    except (BadArchive, NotEmpty, CopyDiffers, ValueError) as problem:
        client.err.print(str(problem), markup=False, soft_wrap=True)
        raise typer.Exit(client.REFUSED) from None
    except OSError as problem:
        client.err.print(str(problem), markup=False, soft_wrap=True)
        raise typer.Exit(client.REFUSED) from None


def _say(manifest: Manifest, began: float, *, as_json: bool, **more: Any) -> None:
    told = {
        "made_at": manifest.made_at.isoformat(),
        "topics": {topic: part.records for topic, part in manifest.topics.items()},
        "files": len(manifest.files),
        **more,
        "seconds": round(time.monotonic() - began, 1),
    }
    if as_json:
        client.show_json(told)
        return
    for topic, records in told["topics"].items():
        client.out.print(f"{records:>9,} records of {topic}", highlight=False)
    client.out.print(f"{told['files']:>9,} files", highlight=False)
    for name in more.get("missing", ()):
        client.out.print(f"          missing: {name}", highlight=False, markup=False)
    client.out.print(f"as of {told['made_at']}, {told['seconds']} s", highlight=False)
