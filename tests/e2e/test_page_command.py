"""`signalbox page` at an engineer's terminal, on the running stack."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.desk import Desk, FarEnd


def run(desk: Desk, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "page",
        *words,
        "--token",
        "demo-primary",
        "--url",
        desk.stack.portal,
        "--json",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_page_is_listed_and_acknowledged_once(desk: Desk, far_end: FarEnd) -> None:
    customer = desk.new_customer("premier")
    ticket = customer.submits("Everything is down", app=f"{customer.name}-app", priority="urgent")
    (sent,) = far_end.gets(ticket, "page", to="primary")
    page = json.loads(sent["body"])["page_id"]

    listed = json.loads(run(desk, "list").stdout)
    assert [found["state"] for found in listed if found["id"] == page] == ["open"]
    first, again = run(desk, "ack", page), run(desk, "ack", page)

    assert (first.returncode, json.loads(first.stdout)["state"]) == (0, "done"), first.stderr
    assert (again.returncode, json.loads(again.stdout)["code"]) == (1, "already-acknowledged")
    assert desk.primary.get(f"/v1/pages/{page}")["state"] == "acknowledged"
