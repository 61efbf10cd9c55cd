"""The locked time-zone data decides, whatever the machine has: a false zone file is planted, and
nothing changes.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

ASKS = """
from datetime import datetime, UTC
{first}
import zoneinfo
zone = zoneinfo.ZoneInfo("America/New_York")
print(datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(zone).utcoffset(), zoneinfo.TZPATH)
"""


@pytest.fixture
def planted(tmp_path: Path) -> dict[str, str]:
    """An environment with a host's zone file that says New York is at UTC."""
    spec = importlib.util.find_spec("tzdata")
    assert spec is not None and spec.origin is not None
    utc = Path(spec.origin).parent / "zoneinfo" / "UTC"
    (tmp_path / "America").mkdir()
    (tmp_path / "America" / "New_York").write_bytes(utc.read_bytes())
    return {**os.environ, "PYTHONTZPATH": str(tmp_path)}


def said(environment: dict[str, str], first: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASKS.format(first=first)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_false_zone_file_of_the_host_has_no_effect(planted: dict[str, str]) -> None:
    assert said(planted, "").startswith("0:00:00"), "the planted file would count"
    assert said(planted, "import shared.policy") == "-1 day, 20:00:00 ()"
    cached = "import zoneinfo; zoneinfo.ZoneInfo('America/New_York'); import shared"
    assert said(planted, cached) == "-1 day, 20:00:00 ()"


def test_the_command_goes_by_the_locked_data(planted: dict[str, str]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "due", "--plan", "enterprise", "--json"),
            *("--priority", "high", "--opened", "2026-12-01T08:30-05:00"),
        ],
        env=planted,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"due_at":"2026-12-01T18:00:00Z"' in done.stdout


def test_whoever_asks_for_a_zone_has_imported_shared() -> None:
    """Every module that names `zoneinfo` outside `shared` imports something of ours as well."""
    asking = 0
    for file in sorted([*ROOT.glob("services/**/*.py"), *ROOT.glob("cli/**/*.py")]):
        named = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        if "zoneinfo" in named:
            asking += 1
            assert any(str(name).startswith(("shared", "services", "cli")) for name in named), file
    assert asking >= 3
