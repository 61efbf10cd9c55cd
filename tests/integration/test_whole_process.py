"""What only a whole process shows: its log on standard error, and what it has imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.naughty import NAUGHTY


def test_a_full_disk_loses_lines_and_ends_nothing() -> None:
    """A whole process that logs to a disk without room: to Linux, /dev/full is one."""
    code = (
        "import logging, structlog\n"
        "from shared.telemetry.logs import LOST_LINES, configure_logging\n"
        "configure_logging('test')\n"
        "for number in range(100):\n"
        "    structlog.get_logger().error('a line', number=number)\n"
        "    logging.getLogger('library').error('another')\n"
        "print('alive', LOST_LINES._value.get() > 0)\n"
    )
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-c", code], stderr=full, stdout=subprocess.PIPE)
    assert ended.stdout == b"alive True\n"


def test_a_line_with_a_traceback_and_line_breaks_is_one_line_without_the_secret() -> None:
    code = """
import structlog
from shared.telemetry.logs import configure_logging
configure_logging("test")
try:
    raise ValueError("password=" + "swordfish9" + chr(13) + chr(10) + "forged")
except ValueError:
    structlog.get_logger().exception("bad")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    (line,) = done.stderr.splitlines()
    assert "ValueError" in json.loads(line)["exception"]
    assert "swordfish9" not in json.loads(line)["exception"].splitlines()[-2]


def test_whatever_is_logged_is_one_line_of_json() -> None:
    texts = [*NAUGHTY, "a\r\nb", "a\nforged", "a\x0b\x0c\x1c\x85\u2028\u2029b", "\x00\x1b[31mred"]
    code = """
import json, sys, structlog
from shared.telemetry.logs import configure_logging
configure_logging("test")
for text in json.loads(sys.stdin.read()):
    structlog.get_logger().warning(text, subject=text)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stderr.removesuffix("\n").split("\n")
    assert [json.loads(line)["subject"] for line in lines] == texts
    assert "\r" not in done.stderr


def test_without_traces_nothing_is_imported_or_sent() -> None:
    code = (
        "import sys\n"
        "from shared.telemetry import trace_export\n"
        "from shared.telemetry.logs import configure_logging\n"
        "configure_logging('x')\n"
        "assert not trace_export.is_on()\n"
        "assert 'opentelemetry.sdk' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={})
    assert done.returncode == 0, done.stderr
