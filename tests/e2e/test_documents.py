"""The commands that README.md and docs/api.md show are run as they stand, at the address of this
stack.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
SHOWN = ("README.md", "docs/api.md", "docs/tour.md")
_TOOLS = {"curl", "swaks", ".venv/bin/signalbox"}
_STREAMS = "-sN"
_ENDED_BY_US = 28


def commands(page: str) -> list[str]:
    """The commands in the fenced blocks of a page; a line that ends with a backslash goes on."""
    blocks = re.findall(r"```\n(.*?)```", (ROOT / page).read_text(), re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.split() and line.split()[0] in _TOOLS]


SHOWN_COMMANDS = [
    pytest.param(command, id=f"{page}-{number}")
    for page in SHOWN
    for number, command in enumerate(commands(page))
]


def test_there_are_commands() -> None:
    assert len(SHOWN_COMMANDS) > 8


@pytest.mark.parametrize("command", SHOWN_COMMANDS)
def test_it_works_as_it_stands(command: str, stack: Stack, tmp_path: Path) -> None:
    if shutil.which(command.split()[0]) is None and not (ROOT / command.split()[0]).exists():
        pytest.skip(f"{command.split()[0]} is not installed here")
    (tmp_path / ".curlrc").write_text("fail\nmax-time = 5\n")
    here = command.replace("http://127.0.0.1:8000", stack.portal)
    here = here.replace("127.0.0.1:2525", stack.smtp).replace("--tickets 200", "--tickets 20")
    env = {**os.environ, "CURL_HOME": str(tmp_path), "SIGNALBOX_PORTAL_URL": stack.portal}
    done = subprocess.run(
        ["bash", "-c", here], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    fine = {0, _ENDED_BY_US} if _STREAMS in command else {0}
    assert done.returncode in fine, f"{here}\n{done.stdout}\n{done.stderr}"
