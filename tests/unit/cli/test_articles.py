"""`signalbox articles`: what it prints, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app

pytestmark = pytest.mark.costly

HEAD = "slug: cats\ntitle: About cats\nsummary: What one should know of them.\ntopic: support\nupdated: 2026-11-01\n"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["articles", *words])
    return result.exit_code, result.stdout


def test_search_finds_as_the_portal_does() -> None:
    code, printed = run("search", "H12", "request", "timeout", "--limit", "1", "--json")
    assert code == 0
    assert [item["url"] for item in orjson.loads(printed)["items"]] == ["/help/h12-request-timeout"]

    code, printed = run("search", "undo last deploy")
    assert code == 0
    assert printed.startswith("Roll back a release  /help/roll-back-a-release")


def test_search_says_where_nothing_is_found() -> None:
    assert run("search", "qqqqxxxx") == (1, "no article is about that\n")
    assert run("search", "qqqqxxxx", "--json") == (1, '{"items":[]}\n')


def test_check_passes_what_ships_and_names_what_is_wrong(tmp_path: Path) -> None:
    assert run("check")[0] == 0

    (tmp_path / "cats.md").write_text(f"---\n{HEAD}---\n\nSee [dogs](/help/dogs).\n")
    code, printed = run("check", "--folder", str(tmp_path), "--json")
    found = orjson.loads(printed)
    assert code == 1
    assert not found["ok"]
    assert {"file": "cats.md", "text": "the link /help/dogs leads nowhere"} in found["mistakes"]
    assert (
        "cats.md: the link /help/dogs leads nowhere" in run("check", "--folder", str(tmp_path))[1]
    )
