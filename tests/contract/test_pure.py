"""A module that calls itself pure is held to it: the contract in pyproject.toml names it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def held() -> list[re.Pattern[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [
        re.compile(re.escape(name).replace(r"\*", "[^.]+") + r"(\..*)?")
        for contract in contracts["contracts"]
        if contract["name"].startswith(("decisions are pure", "the language"))
        for name in contract["source_modules"]
    ]


def calls_itself_pure(path: Path) -> bool:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return re.search(r"\bPure\b", text) is not None


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    patterns = held()
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for part in ("services", "shared", "cli")
        for path in (ROOT / part).rglob("*.py")
        if calls_itself_pure(path)
    ]
    assert len(modules) > 150
    free = [name for name in modules if not any(pattern.fullmatch(name) for pattern in patterns)]
    assert not free, "add them to the contract in pyproject.toml, or do not call them pure"
