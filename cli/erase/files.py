"""What this machine's data directory holds of a person: copies of the log, which are made again;
logs; what waits to be sent on.

| below the data directory | |
|---|---|
| `intake/**/directory.sqlite`, `policies.json`, `incidents.json`, `auditor/`, `status-page/` | copies of the log: deleted |
| `intake/**/answers.sqlite` | answers that were given: the address and the full name are replaced |
| `intake/**.drained` | in Kafka, kept for a day: deleted |
| `intake/spool`, `intake/mail-*`, `intake/blobs`, `intake/attachments` | not in Kafka or MongoDB yet: nobody is erased before they are |
| `sink.jsonl` | the demo's far end: lines to or about them are deleted |
| `kafka/`, `mongodb/` | the embedded engines' own: they forget by themselves (`command.py` says when) |
| `files/` | kept files: `stored.py` goes through them |
| everything else, the logs | the address and the full name are replaced |
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cli.erase import answers
from cli.erase.person import PersonToErase
from services.intake.spool.journal import Journal

# Paths below the data directory, as the table above says.
_COPIES = (
    "intake/**/directory.sqlite*",
    "intake/**/policies.json",
    "intake/**/incidents.json",
    "auditor/*",
    "status-page/**/*",
)
_DRAINED = "intake/**/*.drained"
_WAITING = (
    "intake/mail-*/**/*",
    "intake/blobs/*",
    "intake/attachments/*",
    "intake/**/*.damaged",
    "intake/**/aside.journal",
)
_SWEPT_ELSEWHERE = frozenset({"kafka", "mongodb", "files"})
_FAR_END = "sink.jsonl"


def in_the_way(data: Path, person: PersonToErase) -> list[str]:
    """What must go on its way first: one sentence each."""
    found = [
        # Submissions in the spool are accepted and nowhere else: erasing around them would lose
        # them.
        (
            f"{folder} holds submissions that Kafka does not have yet. Start intake and let it "
            "drain them first."
        )
        for folder in sorted(
            {path.parent for path in (data / "intake").glob("**/spool/**/*") if path.is_file()}
        )
        if Journal.is_left_over(folder)
    ]
    copies = {path for pattern in (*_COPIES, _DRAINED) for path in data.glob(pattern)}
    for pattern in _WAITING:
        for path in sorted(set(data.glob(pattern)) - copies):
            if path.is_file() and (
                path.name.removesuffix(".json") in person.blobs | person.attachments
                or _names(path, person)
            ):
                found.append(
                    f"{path} waits and concerns them. Start intake and let it be taken, or "
                    "look at it and delete it."
                )
    return found


def sweep(
    data: Path, person: PersonToErase, *, dry_run: bool = False
) -> tuple[list[str], list[str]]:
    """(files deleted or changed, files that name them and are no text: a person must look). Paths
    are relative to `data`.
    """
    touched: list[Path] = []
    left: list[Path] = []
    # Copies and drained files go whole; they are made again from the log.
    for pattern in (*_COPIES, _DRAINED):
        theirs = [
            path
            for path in sorted(data.glob(pattern))
            if path.is_file() and (path.suffix == ".drained" or _any_names(path, person))
        ]
        touched += theirs
        for path in () if dry_run else theirs:
            path.unlink(missing_ok=True)
    # Damaged files are told, not touched: intake puts them aside.
    for path in sorted(data.glob(answers.PATTERN)):
        try:
            if answers.rewrite_answers(path, person, dry_run=dry_run):
                touched.append(path)
        except sqlite3.Error:
            left.append(path)
    done = {*touched, *answers.find_companions(data)}
    # Everything else: text is rewritten, what is no text is told.
    for path in _others(data):
        if path in done or not _concerns(path, person):
            continue
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            left.append(path)
            continue
        touched.append(path)
        if not dry_run:
            _rewrite(path, _without(path, text, person))
    return [str(path.relative_to(data)) for path in touched], [
        str(path.relative_to(data)) for path in left
    ]


def _any_names(path: Path, person: PersonToErase) -> bool:
    """A copy goes as a whole: the file and what SQLite keeps beside it."""
    together = path.parent.glob(f"{path.name.partition('.')[0]}.*")
    return any(person.stands_in(each.read_bytes()) for each in together if each.is_file())


def _others(data: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(data):
        if Path(folder) == data:
            # In place: this is how `os.walk` is kept from going down there.
            folders[:] = [name for name in folders if name not in _SWEPT_ELSEWHERE]
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _names(path: Path, person: PersonToErase) -> bool:
    raw = path.read_bytes()
    try:
        return person.is_named(raw.decode())
    except UnicodeDecodeError:
        return person.stands_in(raw)


def _concerns(path: Path, person: PersonToErase) -> bool:
    if path.name == _FAR_END:
        return any(
            _is_about(line, person) for line in path.read_text(errors="replace").splitlines()
        )
    return _names(path, person)


def _is_about(line: str, person: PersonToErase) -> bool:
    return person.is_named(line) or any(ticket in line for ticket in person.tickets)


def _without(path: Path, text: str, person: PersonToErase) -> str:
    if path.name == _FAR_END:
        return "".join(
            # A line of the far end is one delivery: it goes whole.
            line
            for line in text.splitlines(keepends=True)
            if not _is_about(line, person)
        )
    return person.replaced(text)


def _rewrite(path: Path, text: str) -> None:
    """In one step, with the rights it had."""
    # Killed half way, the old file is still whole.
    fresh = path.with_name(f".{path.name}.erasing")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, path.stat().st_mode & 0o777)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
