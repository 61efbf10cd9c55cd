"""A directory as somebody writes it: YAML or JSON (kinds, under them ids, under them documents), or
a table as CSV. Read, with the line of each part. Pure.

    accounts:
      rae@example.com: {name: Rae, plan: premium, roles: [requester]}
    apps:
      shop: {owner: rae@example.com, stage: production, addons: [redisco]}

A document names itself by its id, so `email`, `name` or `slug` may be left out where it would only
repeat it; null removes it. A table has one kind: a column `email` makes it accounts, `owner` apps,
`slug` providers; several values of a cell stand with semicolons between them.

The same for `signalbox directory load` and for the upload at /admin/upload.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from shared.errors import Refused
from shared.policy.writing.written import Mistake, path_of
from shared.yaml_text import Place, read_yaml

NAMED_BY = {"accounts": "email", "providers": "slug", "apps": "name", "teams": "slug"}
ORDER = ("accounts", "providers", "teams", "apps", "tokens", "credentials")
"""In this order they are loaded: what is named before what names it, as far as that goes."""


class Checks(NamedTuple):
    """`id_of(kind, given)`: the id it is kept under; `check(kind, id, document)`. Both raise
    Refused.
    """

    id_of: Callable[[str, str], str]
    check: Callable[[str, str, Mapping[str, Any]], object]


# The first of these that is among the columns decides.
_TABLES = (("owner", "apps"), ("slug", "providers"), ("email", "accounts"))
"""The column that says of which kind a table is."""
_LISTS = frozenset({"roles", "collaborators", "addons", "aliases", "hosts", "users", "members"})


@dataclass(frozen=True)
class DirectoryEntry:
    """A document of the file, and the line it begins in. `given`: its id as it is written."""

    kind: str
    id: str
    document: dict[str, Any] | None
    line: int
    given: str = ""

    @property
    def sent(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "document": self.document}


@dataclass(frozen=True)
class DirectoryText:
    """`lines`: place → line, for what is said about it later."""

    entries: tuple[DirectoryEntry, ...]
    mistakes: tuple[Mistake, ...]
    lines: Mapping[Place, int]

    def line_of(self, kind: str, doc_id: str, pointer: str = "#") -> int:
        """The line of a part of a document, or of the nearest part around it."""
        # The pointer is of the document as it is sent; the lines are of the file as it is written.
        place: Place = (
            kind,
            self._given.get((kind, doc_id), doc_id),
            *[
                int(part) if part.isdecimal() else part
                for part in pointer.lstrip("#/").split("/")
                if part
            ],
        )
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    @cached_property
    def _given(self) -> dict[tuple[str, str], str]:
        """Ids as they are written, where that is another way."""
        return {
            (entry.kind, entry.id): entry.given
            for entry in self.entries
            if entry.given not in ("", entry.id)
        }


def read(text: str, checks: Checks) -> DirectoryText:
    """YAML or JSON, with every mistake in it."""
    read_as = read_yaml(text)
    found, lines = read_as.value, read_as.lines
    mistakes = [Mistake(spot.line, path_of(spot.place), spot.words) for spot in read_as.wrong]
    if not isinstance(found, dict):
        if not mistakes:
            mistakes = [Mistake(1, "", f"a directory is a mapping of {', '.join(ORDER)}")]
        return DirectoryText((), tuple(mistakes), lines)
    # Only its lines are used, to place mistakes while entries are read.
    made = DirectoryText((), (), lines)
    entries: list[DirectoryEntry] = []
    for kind, documents in found.items():
        for result in _of_kind(str(kind), documents, made, checks):
            if isinstance(result, Mistake):
                mistakes.append(result)
            else:
                entries.append(result)
    return _together(entries, mistakes, lines)


def read_table(text: str, checks: Checks) -> DirectoryText:
    """CSV with a line of headings."""
    # Spreadsheets put a byte order mark at the beginning.
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    columns = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    kind = next((kind for column, kind in _TABLES if column in columns), None)
    if kind is None:
        wanted = ", ".join(f"{column} ({kind})" for column, kind in _TABLES)
        said = f"the first line names the columns, and one of them says what they are: {wanted}"
        return DirectoryText((), (Mistake(1, "", said),), {})
    named_by = NAMED_BY[kind]
    lines: dict[Place, int] = {(): 1}
    entries: list[DirectoryEntry] = []
    mistakes: list[Mistake] = []
    for row in rows:
        line = rows.line_num
        cells = {
            column: value.strip()
            # A row may have more or fewer cells than there are headings: what has no heading is
            # left out.
            for column, value in zip(columns, row.values(), strict=False)
            if isinstance(value, str) and value.strip()
        }
        if not cells:
            continue
        document = {name: _cell(name, value) for name, value in cells.items() if name != named_by}
        given = str(cells.get(named_by, ""))
        # Said before the row can be refused: its mistakes need the line.
        lines[kind, given] = line
        if not given:
            mistakes.append(Mistake(line, kind, f"the column {named_by} is empty"))
            continue
        mistakes += _take(kind, given, document, line, _always(line), checks, entries)
    return _together(entries, mistakes, lines)


def _always(line: int) -> Callable[[str], int]:
    """A row of a table has one line."""
    return lambda _: line


def _cell(name: str, value: str) -> Any:
    if name not in _LISTS:
        return value
    return [part.strip() for part in value.split(";") if part.strip()]


def _together(
    entries: list[DirectoryEntry], mistakes: list[Mistake], lines: Mapping[Place, int]
) -> DirectoryText:
    # Sorting is stable: within a kind the order of the file stays.
    entries.sort(key=lambda entry: ORDER.index(entry.kind))
    ordered = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
    return DirectoryText(tuple(entries), ordered, lines)


def _of_kind(
    kind: str, documents: Any, file: DirectoryText, checks: Checks
) -> Iterator[DirectoryEntry | Mistake]:
    line = file.lines.get((kind,), 1)
    if kind not in ORDER:
        # The commonest mistake is `account` for `accounts`.
        near = difflib.get_close_matches(kind, ORDER, n=1)
        yield Mistake(
            line,
            kind,
            "there is no such kind"
            + (f"; did you mean {near[0]}?" if near else f"; there are {', '.join(ORDER)}"),
        )
    elif not isinstance(documents, dict):
        yield Mistake(line, kind, "it is a mapping of ids to documents")
    else:
        for doc_id, document in documents.items():
            yield from _entry(kind, str(doc_id), document, file, checks)


def _entry(
    kind: str, given: str, document: Any, file: DirectoryText, checks: Checks
) -> Iterator[DirectoryEntry | Mistake]:
    line = file.line_of(kind, given)
    if document is not None and not isinstance(document, dict):
        yield Mistake(
            line, f"{kind}/{given}", "a document is a mapping of fields, or null to remove it"
        )
        return
    # `_take` fills it with one entry, or with none where it found mistakes.
    entries: list[DirectoryEntry] = []

    def line_of(pointer: str) -> int:
        return file.line_of(kind, given, pointer)

    yield from _take(kind, given, document, line, line_of, checks, entries)
    yield from entries


def _take(
    kind: str,
    given: str,
    document: dict[str, Any] | None,
    line: int,
    line_of: Callable[[str], int],
    checks: Checks,
    entries: list[DirectoryEntry],
) -> list[Mistake]:
    """Add the entry to `entries`; what is wrong with it, where something is."""
    try:
        doc_id = checks.id_of(kind, given)
        if document is not None:
            named_by = NAMED_BY.get(kind)
            # The id goes in first: a document that names itself in another way keeps its own word,
            # and is checked.
            document = {**({named_by: doc_id} if named_by else {}), **document}
            checks.check(kind, doc_id, document)
    except Refused as refusal:
        # Refusals of a schema list each mistake; others have one sentence.
        errors = refusal.extra.get("errors")
        listed = errors if isinstance(errors, list) else None
        return [
            Mistake(
                line_of(str(error["pointer"])),
                f"{kind}/{given}/{str(error['pointer']).lstrip('#/')}".rstrip("/"),
                plain(str(error["pointer"]), str(error["detail"])),
            )
            for error in listed or [{"pointer": "#", "detail": refusal.detail}]
        ]
    entries.append(DirectoryEntry(kind, doc_id, document, line, given))
    return []


_ADDRESSES = frozenset(
    {"email", "owner", "collaborators", "users", "members", "agent_email", "support_email"}
)
_WEB = frozenset({"webhook_url", "status_url"})


def plain(pointer: str, detail: str) -> str:
    """The words without the regular expression that was not met."""
    # pydantic's words. The name of the field tells which of three patterns it was.
    if "should match pattern" not in detail:
        return detail
    fields = set(pointer.split("/"))
    if fields & _ADDRESSES:
        return "this is no e-mail address"
    return (
        "an address begins with http:// or https://"
        if fields & _WEB
        else "lower-case letters, digits, dots, hyphens and underscores only"
    )


def batches(
    entries: tuple[DirectoryEntry, ...], most: int, most_bytes: int
) -> Iterator[list[DirectoryEntry]]:
    """The entries in their order, so many at once as intake takes."""
    batch: list[DirectoryEntry] = []
    size = 0
    for entry in entries:
        # An estimate: what is sent is JSON.
        length = len(yaml.safe_dump(entry.sent).encode()) + 20
        if batch and (len(batch) >= most or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
