"""A Zendesk export becomes accounts and tickets with their history; a second import makes nothing twice, and nobody hears of it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ROOT, Stack
from tests.support.zendesk import write_export


def run(stack: Stack, folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "cli.main", "import", "zendesk", str(folder), "--url", stack.portal, "--token", "demo-admin", "--json"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_an_export_is_taken_over_once(stack: Stack, desk: Desk, far_end: FarEnd, tmp_path: Path) -> None:
    mark = secrets.token_hex(4)
    folder = write_export(tmp_path, mark)
    dry = run(stack, folder, "--dry-run", "--plan-of", "Zander Ltd=premier")
    assert (dry["imported"]["accounts"], dry["imported"]["tickets"], len(dry["problems"])) == (2, 2, 3)
    assert desk.admin.call("GET", f"/v1/directory/accounts/zoe{mark}@zander.example").status_code == 404, "a dry run makes nothing"

    done = run(stack, folder, "--plan-of", "Zander Ltd=premier")
    assert (done["imported"]["accounts"], done["imported"]["tickets"]) == (2, 2)
    account = desk.admin.get(f"/v1/directory/accounts/zoe{mark}@zander.example")["document"]
    assert (account["plan"], account["roles"]) == ("premier", ["requester"])

    def of(person: str) -> dict[str, Any]:
        (found,) = [t for t in desk.agent.listed(q="", status="") if t["requester"] == f"{person}{mark}@zander.example"]
        return dict(found)

    closed = desk.agent.ticket(of("zoe")["id"], status="closed")
    assert (closed["opened_at"][:19], closed["priority"], closed["clocks"]) == ("2024-03-01T12:00:00", "urgent", [])
    said = [(reply["audience"], reply["body"][:10]) for reply in closed["replies"]]
    assert said == [("staff", "Probably t"), ("everyone", "Please dep"), ("everyone", f"Zed <zed{mark}"[:10])]
    opened = desk.agent.ticket(of("zed")["id"], status="new")
    assert (opened["subject"], opened["kind"], opened["clocks"]) == ("(no subject)", "question", [])

    seqs = [desk.agent.ticket(ticket["id"])["seq"] for ticket in (closed, opened)]
    again = run(stack, folder, "--plan-of", "Zander Ltd=free")
    assert (again["imported"]["accounts"], again["imported"]["tickets"]) == (0, 2)
    marker = desk.agent.acts(opened["id"], "replies", body="Are you still there?", audience="staff")
    assert desk.agent.outcome(marker["request_id"])["state"] == "done", "so whatever the second import asked is decided too"
    assert [desk.agent.ticket(ticket["id"])["seq"] for ticket in (closed, opened)] == [seqs[0], seqs[1] + 1]
    assert desk.admin.get(f"/v1/directory/accounts/zoe{mark}@zander.example")["document"]["plan"] == "premier", (
        "who is here stays as they are"
    )
    assert not [item for item in far_end.got() if mark in json.dumps(item)], "no mail, no webhook, no page"
