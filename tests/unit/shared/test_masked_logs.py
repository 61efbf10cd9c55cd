"""The last defence: a secret that reaches a log line is masked there."""

from __future__ import annotations

import json
import subprocess
import sys

from shared.telemetry import mask_secrets
from tests.support.naughty import NAUGHTY
from tests.unit.text.samples import PW

ADDRESS = f"postgres://u:{PW}@h.example.com/d"


def test_texts_errors_and_collections_are_masked_and_numbers_stay() -> None:
    event = {"event": ADDRESS, "error": ValueError(ADDRESS), "many": [ADDRESS, 1], "by": {"a": ADDRESS}, "n": 5, "fine": ["a", 2]}
    shown = mask_secrets(None, "info", dict(event))
    assert PW not in str(shown)
    assert (shown["n"], shown["fine"]) == (5, ["a", 2])


def test_a_line_with_a_traceback_and_line_breaks_is_one_line_without_the_secret() -> None:
    code = """
import structlog
from shared.telemetry import configure_logging
configure_logging("test")
try:
    raise ValueError("password=" + "swordfish9" + chr(13) + chr(10) + "forged")
except ValueError:
    structlog.get_logger().exception("bad")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    (line,) = done.stderr.splitlines()
    assert "ValueError" in json.loads(line)["exception"]
    assert "swordfish9" not in json.loads(line)["exception"].splitlines()[-2]


def test_whatever_is_logged_is_one_line_of_json() -> None:
    texts = [*NAUGHTY, "a\r\nb", "a\nforged", "a\x0b\x0c\x1c\x85\u2028\u2029b", "\x00\x1b[31mred"]
    code = """
import json, sys, structlog
from shared.telemetry import configure_logging
configure_logging("test")
for text in json.loads(sys.stdin.read()):
    structlog.get_logger().warning(text, subject=text)
"""
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=True)
    lines = done.stderr.removesuffix("\n").split("\n")
    assert [json.loads(line)["subject"] for line in lines] == texts
    assert "\r" not in done.stderr
