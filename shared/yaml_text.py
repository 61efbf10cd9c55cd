"""YAML read as it is written: a file of policies, of the directory, of the demo. Pure.

PyYAML goes by YAML 1.1, where an unquoted 10:00 is the number 600, `no` is false, 010 is eight,
1_000 a thousand and 2026-12-24 a date. Here plain text is text, but for what JSON has too:
`true`, `false`, `null` (or `~`, or nothing), whole numbers such as 50, and numbers such as 1.5. So
a document means the same as YAML and as JSON, and its model says where text is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Place = tuple[str | int, ...]

MOST_NODES, MOST_LEVELS = 200_000, 30
"""An alias is read as often as it is named: some lines can name a billion."""

_TAG = "tag:yaml.org,2002:"
# What counts as more than text, with the letters it may begin with. Everything else is text.
_PLAIN = (
    ("bool", re.compile(r"true|false"), "tf"),
    ("null", re.compile(r"|~|null"), ["", "~", "n"]),
    ("int", re.compile(r"-?(?:0|[1-9][0-9]*)"), "-0123456789"),
    ("float", re.compile(r"-?(?:0|[1-9][0-9]{0,15})\.[0-9]{1,15}"), "-0123456789"),
    ("merge", re.compile(r"<<"), "<"),
)


class _AsWritten(yaml.SafeLoader):
    """Composes nodes; which plain texts are more than text is said here alone."""

    # Empty: PyYAML's own (dates, octals, `yes`) are not wanted.
    yaml_implicit_resolvers: dict[str, Any] = {}


for _name, _pattern, _first in _PLAIN:
    _AsWritten.add_implicit_resolver(
        # The whole text must fit: PyYAML itself looks only at its beginning.
        _TAG + _name,
        re.compile(f"(?:{_pattern.pattern})$"),
        list(_first),
    )


@dataclass(frozen=True)
class YamlProblem:
    """Something wrong in the text itself. `line` counts from 1."""

    line: int
    place: Place
    words: str


@dataclass
class YamlDocument:
    """`value`: what the text says; `lines`: place → line; `wrong`: what YAML is silent about."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    wrong: list[YamlProblem] = field(default_factory=list)
    nodes: int = 0


class _TooMuch(Exception):
    """Aliases within aliases, or an alias of itself."""


def read_yaml(text: str) -> YamlDocument:
    """The value of a text, with the line of each of its parts. Never raises."""
    found = YamlDocument()
    # Composed and not loaded: nodes have lines, and repeated keys are still there.
    try:
        node = yaml.compose(text, Loader=_AsWritten)
        if node is not None:
            found.value = _value(node, (), found)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 1
        found.wrong.append(YamlProblem(line, (), f"this is no YAML: {said}"))
    except _TooMuch as error:
        found.wrong.append(YamlProblem(1, (), str(error)))
    except RecursionError:
        found.wrong.append(YamlProblem(1, (), f"more than {MOST_LEVELS} levels deep"))
    return found


def plain_value(text: str) -> Any:
    """The value of a text of our own. Raises ValueError where something is wrong with it."""
    found = read_yaml(text)
    for spot in found.wrong:
        raise ValueError(f"line {spot.line}: {spot.words}")
    return found.value


def _value(node: yaml.Node, place: Place, found: YamlDocument) -> Any:
    found.nodes += 1
    if found.nodes > MOST_NODES:
        raise _TooMuch(f"more than {MOST_NODES} values: an alias is named too often")
    if len(place) > MOST_LEVELS:
        raise _TooMuch(f"more than {MOST_LEVELS} levels deep, or an alias of itself")
    # The place of a field is the line of its name, set in `_read_mapping`.
    found.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _read_mapping(node, place, found)
    if isinstance(node, yaml.SequenceNode):
        return [_value(inner, (*place, i), found) for i, inner in enumerate(node.value)]
    return _scalar(node, place, found)


def _read_mapping(node: yaml.MappingNode, place: Place, found: YamlDocument) -> dict[str, Any]:
    made: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            found.wrong.append(YamlProblem(line, place, "the name of a field is plain text"))
            continue
        if key.tag == _TAG + "merge":
            # Of several merges the first wins, as YAML says; a field of its own wins over all.
            for inner in _read_merged(value, place, found):
                merged = {**inner, **merged}
            continue
        name = _text(key.value, line, place, found)
        inner_place = (*place, name)
        if name in made:
            # PyYAML would take the last one in silence.
            found.wrong.append(YamlProblem(line, inner_place, "it is there twice: remove one"))
        found.lines[inner_place] = line
        made[name] = _value(value, inner_place, found)
    return {**merged, **made}


def _read_merged(node: yaml.Node, place: Place, found: YamlDocument) -> Iterator[dict[str, Any]]:
    for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if isinstance(part, yaml.MappingNode):
            yield _value(part, place, found)
        else:
            line = node.start_mark.line + 1
            found.wrong.append(YamlProblem(line, place, "<< takes a mapping"))


def _scalar(node: yaml.Node, place: Place, found: YamlDocument) -> Any:
    written, line = str(node.value), node.start_mark.line + 1
    # A tag that somebody wrote (`!!python/…`) is none of these, and refused.
    match node.tag.removeprefix(_TAG):
        case "bool":
            return written == "true"
        case "null":
            return None
        case "int":
            # 19 digits first: `int` of a very long text is slow.
            if len(written) <= 19 and abs(int(written)) < 2**63:
                return int(written)
            found.wrong.append(
                YamlProblem(line, place, "a number beyond 64 bits: write it in quotes")
            )
            return None
        case "float":
            return float(written)
        case "str" | "merge":
            return _text(written, line, place, found)
        case tag:
            found.wrong.append(
                YamlProblem(line, place, f"the tag {tag!r} is not read here: leave it out")
            )
            return None


def _text(written: str, line: int, place: Place, found: YamlDocument) -> str:
    """JSON writes a letter beyond U+FFFF as two escapes, which YAML leaves as they are."""
    try:
        return written.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        found.wrong.append(YamlProblem(line, place, "half of a letter: a lone surrogate"))
        return ""
