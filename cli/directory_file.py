"""A directory as a YAML (or JSON) file: kinds, under them ids, under them documents. Read and checked, every mistake with its line.

    accounts:
      rae@example.com: {name: Rae, plan: premium, roles: [requester]}
    apps:
      shop: {owner: rae@example.com, stage: production, addons: [redisco]}

A document names itself by its id, so `email`, `name` or `slug` may be left out where it would only repeat it; null removes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cli.policy_file import Mistake, Place, walk
from services.intake.directory import DOCUMENTS, check, id_of
from shared.errors import Refused

NAMED_BY = {"accounts": "email", "providers": "slug", "apps": "name", "teams": "slug"}
ORDER = ("accounts", "providers", "teams", "apps", "tokens", "credentials")
"""In this order they are loaded: what is named before what names it, as far as that goes."""


@dataclass(frozen=True)
class Entry:
    """A document of the file, and the line it begins in."""

    kind: str
    id: str
    document: dict[str, Any] | None
    line: int

    @property
    def sent(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "document": self.document}


@dataclass(frozen=True)
class DirectoryFile:
    """`lines`: place → line, for what is said about it later."""

    entries: tuple[Entry, ...]
    mistakes: tuple[Mistake, ...]
    lines: Mapping[Place, int]

    def line_of(self, kind: str, doc_id: str, pointer: str = "#") -> int:
        """The line of a part of a document, or of the nearest part around it."""
        place: Place = (kind, doc_id, *[int(part) if part.isdecimal() else part for part in pointer.lstrip("#/").split("/") if part])
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read(text: str) -> DirectoryFile:
    """The file, with every mistake in it. What the directory itself must know (who else there is) is asked of intake."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        return DirectoryFile((), (Mistake(mark.line + 1 if mark else 1, "", f"this is no YAML: {said}"),), {})
    lines: dict[Place, int] = {}
    mistakes = list(walk(node, (), lines)) if node is not None else []
    if not isinstance(found, dict):
        return DirectoryFile((), (Mistake(1, "", f"a directory is a mapping of {', '.join(ORDER)}"),), lines)
    made = DirectoryFile((), (), lines)
    entries: list[Entry] = []
    for kind, documents in found.items():
        for result in _of_kind(str(kind), documents, made):
            if isinstance(result, Mistake):
                mistakes.append(result)
            else:
                entries.append(result)
    entries.sort(key=lambda entry: ORDER.index(entry.kind))
    return DirectoryFile(tuple(entries), tuple(sorted(mistakes, key=lambda mistake: mistake.line)), lines)


def _of_kind(kind: str, documents: Any, file: DirectoryFile) -> Iterator[Entry | Mistake]:
    line = file.lines.get((kind,), 1)
    if kind not in DOCUMENTS:
        near = difflib.get_close_matches(kind, ORDER, n=1)
        yield Mistake(line, kind, "there is no such kind" + (f"; did you mean {near[0]}?" if near else f"; there are {', '.join(ORDER)}"))
    elif not isinstance(documents, dict):
        yield Mistake(line, kind, "it is a mapping of ids to documents")
    else:
        for doc_id, document in documents.items():
            yield from _entry(kind, str(doc_id), document, file)


def _entry(kind: str, given: str, document: Any, file: DirectoryFile) -> Iterator[Entry | Mistake]:
    line = file.line_of(kind, given)
    if document is not None and not isinstance(document, dict):
        yield Mistake(line, f"{kind}/{given}", "a document is a mapping of fields, or null to remove it")
        return
    try:
        doc_id = id_of(kind, given)
        if document is not None:
            named_by = NAMED_BY.get(kind)
            document = {**({named_by: doc_id} if named_by else {}), **document}
            check(kind, doc_id, document)
    except Refused as refusal:
        errors = refusal.extra.get("errors")
        for error in errors if isinstance(errors, list) else [{"pointer": "#", "detail": refusal.detail}]:
            pointer = str(error["pointer"])
            path = f"{kind}/{given}/{pointer.lstrip('#/')}".rstrip("/")
            yield Mistake(file.line_of(kind, given, pointer), path, _plain(pointer, str(error["detail"])))
        return
    yield Entry(kind, doc_id, document, line)


_ADDRESSES = frozenset({"email", "owner", "collaborators", "users", "members", "agent_email", "support_email"})
_WEB = frozenset({"webhook_url", "status_url"})


def _plain(pointer: str, detail: str) -> str:
    """The words without the regular expression that was not met."""
    if "should match pattern" not in detail:
        return detail
    fields = set(pointer.split("/"))
    if fields & _ADDRESSES:
        return "this is no e-mail address"
    return (
        "an address begins with http:// or https://" if fields & _WEB else "lower-case letters, digits, dots, hyphens and underscores only"
    )


def batches(entries: tuple[Entry, ...], most: int, most_bytes: int) -> Iterator[list[Entry]]:
    """The entries in their order, so many at once as intake takes."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        length = len(yaml.safe_dump(entry.sent).encode()) + 20
        if batch and (len(batch) >= most or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
