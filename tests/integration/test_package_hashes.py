"""A package whose hash is not the one in the lock is not installed: what the registry serves may
change, what we run does not.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

PACKAGE = "mdurl"  # small, pure, and needs nothing


def fetched(lines: str, folder: Path) -> subprocess.CompletedProcess[str]:
    requirements = folder / "requirements.lock"
    requirements.write_text(lines)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--require-hashes",
        "--no-deps",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "-d",
        str(folder / "fetched"),
        "-r",
        str(requirements),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-run.lock"])
def test_every_line_of_the_lock_has_its_hashes(lock: str) -> None:
    lines = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    packages = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert len(packages) > 50
    assert [line.split("\n")[0] for line in packages if "--hash=sha256:" not in line] == []


def test_a_changed_hash_fails_the_install(tmp_path: Path) -> None:
    lines = re.split(r"\n(?=\S)", (ROOT / "requirements-run.lock").read_text())
    (line,) = [line for line in lines if line.startswith(f"{PACKAGE}==")]
    line = re.sub(r"\n\s+#.*", "", line)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.mkdir()
    wrong.mkdir()
    good = fetched(line, right)
    assert good.returncode == 0, good.stderr[-2000:]
    assert list((right / "fetched").iterdir())

    changed = fetched(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, line), wrong)
    assert changed.returncode != 0
    assert "DO NOT MATCH THE HASHES" in changed.stderr
    assert not (wrong / "fetched").exists() or not list((wrong / "fetched").iterdir())
