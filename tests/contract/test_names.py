"""Names in the product: a class name stands for one thing, and a function is named by what it does."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("services", "shared", "cli", "deploy")

TWICE_ON_PURPOSE: dict[str, str] = {}
"""Class name → why it may stand in two files."""

IRREGULAR = frozenset(
    [
        "begun",
        "bound",
        "broken",
        "brought",
        "built",
        "chosen",
        "done",
        "drawn",
        "driven",
        "felt",
        "found",
        "given",
        "gone",
        "grown",
        "heard",
        "held",
        "hidden",
        "kept",
        "known",
        "laid",
        "lost",
        "made",
        "meant",
        "met",
        "owed",
        "paid",
        "said",
        "seen",
        "sent",
        "shown",
        "spent",
        "spoken",
        "stood",
        "taken",
        "thrown",
        "told",
        "understood",
        "won",
        "worn",
        "written",
    ]
)
"""Participles that do not end in -ed or -ing."""

NO_PARTICIPLES = frozenset(
    ["embed", "feed", "need", "seed", "speed", "bring", "ping", "ring", "string"]
)

NOUNS: frozenset[str] = frozenset()
"""Functions whose first word only looks like one: they are named by the thing they give, or by a
framework.
"""

MOST_PARTICIPLES = 0.03
"""Share of functions: what codebases we learn from have (docs/design.md, "Plain words")."""


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (str(path.relative_to(ROOT)), ast.parse(path.read_text()))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).glob("**/*.py"))
    )


def functions() -> Iterator[tuple[str, str]]:
    """(place, name) of every function and method that is no property."""
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node):
                yield f"{path}:{node.lineno}", node.name


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(each) for each in function.decorator_list)


def is_participle(name: str) -> bool:
    word = name.lstrip("_").split("_")[0]
    if word in NO_PARTICIPLES:
        return False
    return word in IRREGULAR or word.endswith(("ed", "ing"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("told_of", True),
        ("_masked", True),
        ("beginning", True),
        ("mask", False),
        ("is_shown", False),
        ("seed_directory", False),
        ("ring", False),
    ],
)
def test_what_is_a_participle(name: str, expected: bool) -> None:
    assert is_participle(name) is expected


def test_a_class_name_stands_in_one_file() -> None:
    found = defaultdict(list)
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path)
    twice = {name: paths for name, paths in found.items() if len(set(paths)) > 1}
    assert {name: paths for name, paths in twice.items() if name not in TWICE_ON_PURPOSE} == {}
    assert TWICE_ON_PURPOSE.keys() <= twice.keys(), "what is no longer double"


def test_functions_are_verbs() -> None:
    every = list(functions())
    named = [(place, name) for place, name in every if is_participle(name) and name not in NOUNS]
    assert len(named) <= MOST_PARTICIPLES * len(every), named
