"""What verifies and simulates cannot write: no module of it names a producer, and none is ever
made.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CLI = Path(__file__).parents[3] / "cli"
READ_ONLY = [
    path for folder in ("proof", "what_if") for path in sorted((CLI / folder).glob("[!_]*.py"))
]


@pytest.mark.parametrize("path", READ_ONLY, ids=lambda path: path.stem)
def test_it_names_nothing_that_writes(path: Path) -> None:
    names = {
        node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
    }
    names |= {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names |= {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert not names & {
        "Producer",
        "Consumer",
        "send_many",
        "create_topic",
        "delete_all",
        "commit_offsets",
        "Spine",
    }
