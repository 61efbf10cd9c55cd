"""The alert rules, checked and tried by Debian's promtool (package `prometheus`), where it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "alerts"

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "signalbox.rules.yaml"),
        ("test", "rules", "signalbox.rules.test.yaml"),
        ("check", "config", "prometheus.yaml"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    done = promtool(*words)
    assert done.returncode == 0, done.stdout + done.stderr
