"""Folders of product code stay small enough to be read at a glance."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST = 15
FOLDERS = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for part in ("services", "shared", "cli", "deploy")
    for path in (ROOT / part).rglob("__init__.py")
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_at_most_fifteen_modules(folder: str) -> None:
    modules = [path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST, sorted(path.name for path in modules)


NOUNS = [folder for folder in FOLDERS if folder.count("/") > folder.startswith("services/")]


@pytest.mark.parametrize("folder", NOUNS)
def test_the_architecture_says_what_is_in_a_folder(folder: str) -> None:
    text = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text()))
    assert text, f"{folder}/__init__.py says nothing"
    first = text.split("\n\n")[0].replace("\n", " ")
    line = f"| `{folder}` | {first} |"
    assert line in (ROOT / "ARCHITECTURE.md").read_text().splitlines(), line
