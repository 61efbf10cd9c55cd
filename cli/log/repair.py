"""`signalbox repair partition TOPIC/PARTITION`: what is damaged of a partition of the embedded
Kafka, and the same partition without it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from cli import client
from cli.client import AsJson
from cli.settings import CommandSettings
from shared.bus.segment import Gap, scan, without
from shared.settings import load

app = typer.Typer(help="Mend what a disk has damaged.", no_args_is_help=True)

_DERIVED = ("*.index", "*.timeindex", "*.txnindex", "*.snapshot")
"""Kafka makes these anew from the records where they are missing."""


@dataclass(frozen=True)
class DamagedFile:
    """A file of the partition, its damaged bytes, and how many whole batches it has."""

    path: Path
    gaps: list[Gap]
    batches: int

    def shown(self) -> dict[str, Any]:
        gaps = [asdict(gap) for gap in self.gaps]
        return {"file": self.path.name, "whole_batches": self.batches, "damaged": gaps}


def find_damage(folder: Path) -> list[DamagedFile]:
    """The damaged files of a partition's folder. Raises OSError."""
    found = []
    for path in sorted(folder.glob("*.log")):
        batches, gaps = scan(path.read_bytes(), int(path.stem))
        if gaps:
            found.append(DamagedFile(path, gaps, len(batches)))
    return found


def skip_damage(folder: Path, damaged: list[DamagedFile], records: Path) -> None:
    """Write the damaged files anew without their damage. First `records` gets a copy of each as it
    was, and `skipped.json`: what was left out. Raises OSError.
    """
    # First the copy, then the mending: nothing is lost that somebody may still read.
    records.mkdir(parents=True)
    for one in damaged:
        shutil.copy2(one.path, records)
    skipped = {"partition": folder.name, "files": [one.shown() for one in damaged]}
    _write(records / "skipped.json", orjson.dumps(skipped, option=orjson.OPT_INDENT_2))
    for one in damaged:
        # Written beside and renamed: killed half way, the old file is there.
        half = one.path.with_suffix(".mending")
        _write(half, without(one.path.read_bytes(), one.gaps))
        half.replace(one.path)
    for pattern in _DERIVED:
        for path in folder.glob(pattern):
            path.unlink()


def is_in_use(log: Path) -> bool:
    """Whether a broker holds the lock of its log folder."""
    if not (log / ".lock").exists():
        return False
    with (log / ".lock").open("r+b") as file:
        # Kafka holds this lock while it runs. Asking for it lets go at once, as the file is closed.
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _write(path: Path, raw: bytes) -> None:
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


@app.command()
def partition(
    name: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION", help="As /readyz names it.")],
    data_dir: Annotated[Path | None, typer.Option(help="The data folder of `up`.")] = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave the damage out; the stack must be stopped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is damaged. Exit code 1 where something is and was not left out."""
    settings = load(CommandSettings)
    data = data_dir or settings.data_dir
    topic, _, number = name.rpartition("/")
    folder = data / "kafka" / "log" / f"{settings.topic_prefix}{topic}-{number}"
    # The topic and number become part of a path: only what is really there is taken.
    if not topic or not number.isdigit() or not folder.is_dir():
        raise typer.BadParameter(f"there is no {folder}", param_hint="TOPIC/PARTITION")
    # Looking is allowed while Kafka runs; changing its files is not.
    if skip and is_in_use(folder.parent):
        client.err.print("Kafka is running: stop `signalbox up` first.", markup=False)
        raise typer.Exit(client.REFUSED)
    damaged = find_damage(folder)
    records = data / "repairs" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{folder.name}"
    is_skipped = skip and bool(damaged)
    if is_skipped:
        skip_damage(folder, damaged, records)
    if as_json:
        shown = [one.shown() for one in damaged]
        client.show_json({"damaged": shown, "record": str(records) if is_skipped else None})
    else:
        _say(damaged, records if is_skipped else None)
    # 1: something is damaged, and still there.
    raise typer.Exit(int(bool(damaged) and not is_skipped))


def _say(damaged: list[DamagedFile], records: Path | None) -> None:
    lines = [
        f"{one.path.name}: bytes {gap.at} to {gap.end} are damaged; lost are the records "
        "from offset"
        f" {gap.first} to {gap.last if gap.last is not None else 'the end'}"
        for one in damaged
        for gap in one.gaps
    ]
    if not lines:
        lines = ["Every record is whole."]
    elif records is None:
        lines.append("Stop `signalbox up`, then run this again with --skip to go on without them.")
    else:
        lines.append(f"They are left out. The files as they were: {records}")
    for line in lines:
        client.out.print(line, markup=False, soft_wrap=True)
