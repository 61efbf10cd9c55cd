"""Policy documents as YAML or JSON files: read, checked, every mistake told with its line, its path and what to change."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic import BaseModel, ValidationError

from shared.mistakes import words
from shared.policy import COMPONENTS, DESK, ON_CALL, ComponentsPolicy, DeskPolicy, OnCallPolicy
from shared.policy.checks import mistakes_in

DEFAULT = Path(__file__).parents[1] / "deploy" / "policies" / "default.yaml"
MODELS: dict[str, type[BaseModel]] = {DESK: DeskPolicy, ON_CALL: OnCallPolicy, COMPONENTS: ComponentsPolicy}

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """`line` counts from 1; `path` as in `calendars.business.week.mon[0].opens`."""

    line: int
    path: str
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.words}" if self.path else f"line {self.line}: {self.words}"


@dataclass(frozen=True)
class Checked:
    """A file that was read. `policy` is None where there are mistakes; `document` is what it says, as it says it."""

    name: str
    document: dict[str, Any]
    policy: DeskPolicy | OnCallPolicy | ComponentsPolicy | None
    mistakes: tuple[Mistake, ...]


def check(text: str, name: str | None = None) -> Checked:
    """Read a document. `name` None: told by what it holds."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        return Checked(name or DESK, {}, None, (Mistake(mark.line + 1 if mark else 1, "", f"this is no YAML: {said}"),))
    if not isinstance(document, dict) or node is None:
        return Checked(name or DESK, {}, None, (Mistake(1, "", "a policy document is a mapping of fields"),))
    kind = name or _told_by(document)
    lines: dict[Place, int] = {}
    mistakes = list(walk(node, (), lines))
    policy: BaseModel | None = None
    try:
        policy = MODELS[kind].model_validate(document)
        found = [(place, said) for place, said in mistakes_in(policy)]
    except ValidationError as error:
        found = [(_clean(problem["loc"]), _advice(problem)) for problem in error.errors(include_url=False)]
    mistakes += [_placed(place, said, lines, text) for place, said in found]
    usable = policy if isinstance(policy, DeskPolicy | OnCallPolicy | ComponentsPolicy) and not mistakes else None
    return Checked(kind, document, usable, tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


def _told_by(document: Mapping[str, Any]) -> str:
    if "people" in document or "schedules" in document:
        return ON_CALL
    return COMPONENTS if "components" in document else DESK


def read(path: Path, name: str | None = None) -> Checked:
    """The document in a file, or on standard input for `-`. Ends the command where it cannot be read."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error
    return check(text, name or (path.stem if path.stem in MODELS else None))


def desk_policy(path: Path) -> DeskPolicy:
    """The desk policy in `path`. Ends the command with what is wrong where it cannot be used."""
    found = read(path, DESK)
    if not isinstance(found.policy, DeskPolicy):
        told = "\n".join(str(mistake) for mistake in found.mistakes)
        raise typer.BadParameter(f"{path.name} is no policy:\n{told}", param_hint="--policy")
    return found.policy


def walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Iterator[Mistake]:
    """Note where everything stands; a field that is there twice is a mistake that YAML itself is silent about."""
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*place, key.value)
            lines[inner] = key.start_mark.line + 1
            if key.value in seen:
                yield Mistake(key.start_mark.line + 1, _path(inner), "it is there twice: remove one")
            seen.add(key.value)
            yield from walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from walk(value, (*place, number), lines)


def _clean(place: tuple[Any, ...]) -> Place:
    return tuple(part for part in place if part != "[key]")


def _placed(place: Place, said: str, lines: Mapping[Place, int], text: str) -> Mistake:
    """The most exact line there is: the place itself, what the words name, or the nearest part around it."""
    place = _named_in(said, place, lines)
    around = place
    while around and around not in lines:
        around = around[:-1]
    line = lines.get(around, 1)
    if not place and (quoted := re.search(r"'([^']+)'", said)):
        within = re.search(rf"(?<![\w-]){re.escape(quoted[1])}(?![\w-])", text)
        line = text.count("\n", 0, within.start()) + 1 if within else line
    return Mistake(line, _path(place), said)


def _named_in(said: str, place: Place, lines: Mapping[Place, int]) -> Place:
    """`escalation.support.steps.1: there is no schedule …` names its place itself (steps count from 1)."""
    named = re.match(r"([\w.-]+): ", said)
    if named:
        parts: list[str | int] = [int(part) - 1 if part.isdigit() else part for part in named[1].split(".")]
        for inner in ((*place, *parts), (*place, "week", *parts)):
            if inner in lines:
                return inner
    return place


def _path(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _advice(problem: Any) -> str:
    """Pydantic's words, and what to change."""
    said = words(problem["msg"])
    match problem["type"]:
        case "extra_forbidden":
            field = str(problem["loc"][-1])
            near = difflib.get_close_matches(field, _FIELDS, n=1)
            return f"there is no field {field!r}" + (f"; did you mean {near[0]!r}?" if near else ": remove it")
        case "missing":
            return "it is missing: add it"
        case "too_short":
            return "it is empty: add at least one entry"
        case "greater_than" if "timedelta" in str(problem.get("ctx")) or "gt" in (problem.get("ctx") or {}):
            return f"{said}; examples of a span are 45s, 30m, 4h, 2d"
        case "time_delta_parsing" | "time_delta_type":
            return f"{problem['input']!r} is no span of time; examples are 45s, 30m, 4h, 2d"
        case "time_parsing" | "time_type":
            return f'{problem["input"]!r} is no time of day; write it in quotes, as "09:00"'
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
