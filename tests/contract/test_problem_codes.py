"""Every code that some part refuses with has a line for people, and the table has no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.http.problem_codes import UNAVAILABLE, codes, meaning_of
from shared.http.problems import _CODES

ROOT = Path(__file__).resolve().parents[2]
REFUSING = {"Refused": 0, "refused": 0, "refuse": 0, "_wrong": 0}
"""Calls whose first argument is a code; `_wrong` with code, pointer, detail and status."""
OF_PROBLEMS = {"response": 1, "document": 1}
MADE_ELSEWHERE = (
    set(_CODES.values()) | {"kafka-unavailable", "mongodb-unavailable"} | {"intake-unavailable"}
)


def code_in(call: ast.Call) -> str | None:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    at = REFUSING.get(name)
    if isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "problems":
        at = OF_PROBLEMS.get(name)
    if at is None or len(call.args) <= (3 if name == "_wrong" else at):
        return None
    given = call.args[at]
    is_text = isinstance(given, ast.Constant) and isinstance(given.value, str)
    return given.value if is_text and " " not in given.value else None  # type: ignore[attr-defined]


def codes_in_use() -> Iterator[tuple[str, str]]:
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and (code := code_in(node)):
                    yield code, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_code_has_its_line_and_no_line_is_left_over() -> None:
    used = dict(codes_in_use())
    assert len(used) > 90
    assert {code: at for code, at in used.items() if code not in codes()} == {}
    assert codes().keys() - used.keys() - MADE_ELSEWHERE == set()


@pytest.mark.parametrize("code", codes())
def test_it_is_said_in_sentences(code: str) -> None:
    for sentence in codes()[code]:
        assert sentence[0].isupper()
        assert sentence.endswith((".", "`."))
        assert len(sentence) <= 120


def test_no_code_has_two_lines() -> None:
    text = (ROOT / "shared/http/problem_codes.yaml").read_text("utf-8")
    named = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert len(named) == len(codes())


def test_a_part_that_is_away_is_known_by_its_ending() -> None:
    assert meaning_of("scanner-unavailable") == UNAVAILABLE
    assert meaning_of("no-such-code") is None
