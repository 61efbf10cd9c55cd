"""Records (JSON objects) of files, whatever shape a desk or a script gave them.

A file holds one object, an array, pages of an API (`{"tickets": […], "users": […]}`), or one of
these a line. It may be UTF-8 with or without a mark, UTF-16 with one, or Windows' cp1252. What
cannot be read is a problem with its file and line, never an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cli.history.report import Problem

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
KINDS = ("tickets", "users", "organizations", "comments", "audits")
# A wrapped single object → the kind it is of.
_ONE = {"ticket": "tickets", "user": "users", "organization": "organizations"}
# Byte order marks. Without one: UTF-8, else what Windows writes.
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SHOWN = 60

Record = dict[str, Any]


@dataclass(frozen=True)
class RecordOrigin:
    """Where a record came from: the file below the folder, its line (0: none of its own), and its
    kind, one of KINDS.
    """

    file: str
    line: int
    kind: str


def text_of(raw: bytes) -> str:
    """The text of a file in one of the encodings that exports come in; never fails."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def kind_of_file(file: str) -> str:
    """What a file holds by its name or its folder's; empty where they do not say."""
    # The file's own name first, then its folders.
    for part in reversed(Path(file).with_suffix("").parts):
        found = {part.lower().rfind(kind[:-1]): kind for kind in KINDS}
        place = max(found)
        if place >= 0:
            return found[place]  # the last word: `ticket_comments` are comments
    return ""


def records(folder: Path, problems: list[Problem]) -> Iterator[tuple[RecordOrigin, Record]]:
    """Every record below `folder` in the order of the files' names."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield from records_of(path, str(path.relative_to(folder)), problems)


def records_of(
    path: Path, name: str, problems: list[Problem]
) -> Iterator[tuple[RecordOrigin, Record]]:
    """Those of one file, called `name` in problems."""
    try:
        text = text_of(path.read_bytes())
    except OSError as error:
        problems.append(Problem(name, 0, "", f"it cannot be read: {error.strerror}"))
        return
    hint = kind_of_file(name)
    # The whole file as one value; where that fails, each line by itself.
    try:
        whole = parse(text)
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        # One line that is no JSON: each line by itself would say the same.
        if len(lines) < 2:
            problems.append(Problem(name, 0, "", f"this is no JSON: {error}"))
            return
        for number, line in lines:
            try:
                one = parse(line)
            except ValueError as bad:
                problems.append(Problem(name, number, "", f"this is no JSON: {bad}"))
                continue
            yield from _spread(one, RecordOrigin(name, number, hint), problems)
        return
    yield from _spread(whole, RecordOrigin(name, 0, hint), problems)


def parse(text: str) -> Any:
    """A JSON value. Half of a surrogate pair, which some exports hold, becomes a question mark.
    Raises ValueError in words.
    """
    try:
        return orjson.loads(text)
    except ValueError as error:
        # Python's own parser takes half a surrogate pair and control characters, which orjson
        # refuses.
        try:
            return _scrub(json.loads(text, strict=False))
        except (ValueError, RecursionError):
            raise ValueError(str(error)) from None


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrub(each) for each in value]
    if isinstance(value, dict):
        return {str(_scrub(key)): _scrub(each) for key, each in value.items()}
    return value


def _spread(
    value: Any, place: RecordOrigin, problems: list[Problem]
) -> Iterator[tuple[RecordOrigin, Record]]:
    """The records in a value: a list of them, a page, a wrapped one, or one."""
    if isinstance(value, list):
        for each in value:
            yield from _spread(each, place, problems)
        return
    if not isinstance(value, dict):
        kind = place.kind or "known record"
        problems.append(
            Problem(place.file, place.line, "", f"this is no {kind}: {str(value)[:_SHOWN]!r}")
        )
        return
    # An object with an id is a record, even where it holds `comments`.
    is_record = "id" in value and not any(name in value for name in _ONE)
    pages = [] if is_record else [name for name in (*_ONE, *KINDS) if name in value]
    if not pages:
        yield RecordOrigin(place.file, place.line, place.kind or _kind_of(value)), value
        return
    wrapped = value.get("ticket")
    if isinstance(wrapped, dict):
        # One ticket, with its comments beside it.
        beside = {name: value[name] for name in ("comments", "audits") if name in value}
        yield RecordOrigin(place.file, place.line, "tickets"), {**beside, **wrapped}
        pages = [name for name in pages if name not in ("ticket", "comments", "audits")]
    for name in pages:
        yield from _spread(
            value[name], RecordOrigin(place.file, place.line, _ONE.get(name, name)), problems
        )


def _kind_of(record: Record) -> str:
    """By its fields, where neither the file nor the page says."""
    # From what only one kind has to what several have.
    if "requester_id" in record or "subject" in record:
        return "tickets"
    if "author_id" in record or "ticket_id" in record:
        return "audits" if "events" in record else "comments"
    return "users" if "email" in record or "role" in record else ""


def objects(value: Any) -> Iterable[Record]:
    """Those members of a list that are objects."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
