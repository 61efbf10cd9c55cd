"""Each attack that is named has tests that exist."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.e2e.attacks import ATTACKS

ROOT = Path(__file__).parents[2]


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("named", sorted({test for attack in ATTACKS for test in attack.tests}))
def test_the_test_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).is_file(), "the file is gone"
    assert name in functions_of(path), "the test is gone: what makes this attack now?"


def test_every_attack_is_made_by_a_test_and_named_once() -> None:
    assert all(attack.tests and attack.outcome for attack in ATTACKS)
    assert len({attack.what for attack in ATTACKS}) == len(ATTACKS)
