"""A policy document as somebody writes it, YAML or JSON: read, checked, every mistake told with its
line, its path and what to change. Pure.

The same for `signalbox policy check` and for the editor at /admin/policies.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.http.mistakes import words
from shared.policy import (
    BRAND,
    COMPONENTS,
    DESK,
    MACROS,
    ON_CALL,
    BrandPolicy,
    ComponentsPolicy,
    DeskPolicy,
    MacrosPolicy,
    OnCallPolicy,
)
from shared.policy.addresses import HIDDEN
from shared.policy.on_call.coverage import CoverageFinding
from shared.policy.writing.documents import MODELS, examine
from shared.yaml_text import Place, read_yaml

Policy = DeskPolicy | OnCallPolicy | ComponentsPolicy | BrandPolicy | MacrosPolicy


@dataclass(frozen=True)
class Mistake:
    """`line` counts from 1; `path` as in `calendars.business.week.mon[0].opens`."""

    line: int
    path: str
    words: str

    def __str__(self) -> str:
        return (
            f"line {self.line}: {self.path}: {self.words}"
            if self.path
            else f"line {self.line}: {self.words}"
        )


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read. `policy` is None where there are mistakes; `document` is what it says,
    as it says it. `warnings`: what the rota leaves open; it can be applied all the same.
    """

    name: str
    document: dict[str, Any]
    policy: Policy | None
    mistakes: tuple[Mistake, ...]
    warnings: tuple[CoverageFinding, ...] = ()


def check(
    text: str,
    name: str | None,
    now: datetime,
    is_apprise: Callable[[str], bool] | None = None,
    *,
    is_sent: bool = False,
) -> CheckedFile:
    """Read a document. `name` None: told by what it holds. `is_sent`: it goes to the server, which
    keeps what stands there `(hidden)`; otherwise that is a mistake.
    """
    # Syntax first, then shape, then meaning. Mistakes of all three go into one list.
    read_as = read_yaml(text)
    document, lines = read_as.value, read_as.lines
    wrong = [Mistake(spot.line, path_of(spot.place), spot.words) for spot in read_as.wrong]
    if not isinstance(document, dict):
        if not wrong:
            wrong = [Mistake(1, "", "a policy document is a mapping of fields")]
        return CheckedFile(name or DESK, {}, None, tuple(wrong))
    # Without a name the kind is told by fields that only one document has.
    kind = name or _guess_name(document)
    found = examine(kind, document, now, is_apprise)
    said = [(_clean(problem["loc"]), _advice(problem)) for problem in found.problems]
    # The server has the hidden values and puts them back; in a file of its own they are missing.
    said += [
        (place, words)
        for place, words in found.mistakes
        if not (is_sent and _is_masked(document, place))
    ]
    mistakes = [*wrong, *(_locate_mistake(place, words, lines, text) for place, words in said)]
    usable = found.policy if isinstance(found.policy, Policy) and not mistakes else None
    ordered = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
    return CheckedFile(kind, document, usable, ordered, found.warnings)


def _guess_name(document: Mapping[str, Any]) -> str:
    if "people" in document or "schedules" in document:
        return ON_CALL
    if "macros" in document:
        return MACROS
    if "components" in document:
        return COMPONENTS
    return BRAND if {"desk", "plans"} & document.keys() else DESK


def _is_masked(document: Any, place: Place) -> bool:
    # Any step may fail: the place is that of a mistake.
    found = document
    for part in place:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return False
    return bool(found == HIDDEN)


def _clean(place: tuple[Any, ...]) -> Place:
    # pydantic adds "[key]" for a wrong key of a mapping; no document has such a part.
    return tuple(part for part in place if part != "[key]")


def _locate_mistake(place: Place, said: str, lines: Mapping[Place, int], text: str) -> Mistake:
    """The most exact line there is: the place itself, what the words name, or the nearest part
    around it.
    """
    place = _find_named_place(said, place, lines)
    # A missing field has no line of its own: the nearest part around it has.
    around = place
    while around and around not in lines:
        around = around[:-1]
    line = lines.get(around, 1)
    # No place at all: look for the word that the message quotes.
    if not place and (quoted := re.search(r"'([^']+)'", said)):
        within = re.search(rf"(?<![\w-]){re.escape(quoted[1])}(?![\w-])", text)
        line = text.count("\n", 0, within.start()) + 1 if within else line
    return Mistake(line, path_of(place), said)


def _find_named_place(said: str, place: Place, lines: Mapping[Place, int]) -> Place:
    """`escalation.support.steps.1: there is no schedule …` names its place itself (steps count from
    1).
    """
    named = re.match(r"([\w.-]+): ", said)
    if named:
        parts: list[str | int] = [
            int(part) - 1 if part.isdigit() else part for part in named[1].split(".")
        ]
        # Windows of a calendar stand under `week`, which the message leaves out.
        for inner in ((*place, *parts), (*place, "week", *parts)):
            if inner in lines:
                return inner
    return place


def path_of(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(
        "."
    )


def _advice(problem: Any) -> str:
    """Pydantic's words, and what to change."""
    said = words(problem["msg"])
    match problem["type"]:
        case "extra_forbidden":
            field = str(problem["loc"][-1])
            # A field of any document, not only of this part: good enough for a typing mistake.
            near = difflib.get_close_matches(field, _FIELDS, n=1)
            return f"there is no field {field!r}" + (
                f"; did you mean {near[0]!r}?" if near else ": remove it"
            )
        case "missing":
            return "it is missing: add it"
        case "too_short":
            return "it is empty: add at least one entry"
        case "greater_than" if "timedelta" in str(problem.get("ctx")) or "gt" in (
            problem.get("ctx") or {}
        ):
            return f"{said}; examples of a span are 45s, 30m, 4h, 2d"
        case "string_type" if not isinstance(problem.get("input"), dict | list):
            return f"{problem['input']!r} is no text: write it in quotes"
        case "bool_type":
            return f"{problem['input']!r} is neither true nor false: write true or false"
        case _:
            return said


def _fields(model: type[BaseModel], found: set[str]) -> set[str]:
    for name, info in model.model_fields.items():
        found.add(name)
        for inner in _models_in(info.annotation):
            _fields(inner, found)
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


_FIELDS = sorted(set().union(*(_fields(model, set()) for model in MODELS.values())))
