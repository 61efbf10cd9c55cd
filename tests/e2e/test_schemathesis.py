"""Whatever the OpenAPI documents allow, and much they do not, is answered, never with a 5xx, and
with what the document says: a known status, a known media type, a body of the shape that is named.

Schemathesis reads the live documents. It goes in as staff on a ticket that exists, and as a
customer straight into intake with made-up ids. As an administrator it would publish policies for
everybody else's tests: `tests/integration/intake` does that in process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.goals import LONG
from tests.support.desk import Desk
from tests.support.stack import Stack

pytestmark = pytest.mark.long

EXAMPLES = 5 if LONG else 2
"""Bodies and parameters made up for each operation."""
AT_LEAST = 40 * EXAMPLES
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
UNSENT = "Serialization not possible"
"""Schemathesis cannot write a mail (`message/rfc822`): the mail corpus does that."""


def everything(folder: Path, base: str, token: str, **parameters: str) -> dict[str, Any]:
    """Schemathesis' report. `parameters` are ids to use where an address takes them; else they are
    made up.
    """
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(
        "[parameters]\n"
        + "".join(f'"path.{name}" = "{value}"\n' for name, value in parameters.items())
        if parameters
        else ""
    )
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(config),
        "run",
        f"{base}/openapi.json",
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "fuzzing",
        "--max-examples",
        str(EXAMPLES),
        "--workers",
        "1",
        "--seed",
        "20261122",
        "--generation-database",
        "none",
        "--exclude-path",
        "/v1/stream",
        "--suppress-health-check",
        "all",
        "--warnings",
        "off",
        "--no-color",
        "--report-json-path",
        str(report),
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())
    return dict(found)


def judge(report: dict[str, Any], at_least: int) -> None:
    assert not report["failures"], json.dumps(report["failures"], indent=1)[:5000]
    assert {error["title"] for error in report["errors"]} <= {UNSENT}, report["errors"]
    operations = report["operations"]
    assert operations["tested"] + operations["errored"] == operations["selected"], operations
    assert report["test_cases"]["generated"] >= at_least, report["test_cases"]


def test_every_call_of_the_portal_answers_what_it_says(
    stack: Stack, desk: Desk, tmp_path: Path
) -> None:
    shop = desk.new_customer("free")
    ticket = shop.submits("For every call there is", app=f"{shop.name}-app")
    desk.agent.ticket(ticket, status="new")
    judge(
        everything(tmp_path, stack.portal, desk.new_account("agent").token, ticket_id=ticket),
        at_least=AT_LEAST,
    )


def test_every_call_of_intake_answers_what_it_says(
    stack: Stack, desk: Desk, tmp_path: Path
) -> None:
    judge(everything(tmp_path, stack.intake, desk.new_customer("premier").token), at_least=AT_LEAST)
