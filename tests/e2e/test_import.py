"""A Zendesk export becomes accounts and tickets with their history; a second import makes nothing
twice, and nobody hears of it.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ROOT, Stack
from tests.support.waiting import eventually
from tests.support.zendesk import write_export


def run(stack: Stack, path: Path, *options: str, what: str = "zendesk") -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "import",
        what,
        str(path),
        "--url",
        stack.portal,
        "--token",
        "demo-admin",
        "--json",
    ]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_an_export_is_taken_over_once(
    stack: Stack, desk: Desk, far_end: FarEnd, tmp_path: Path
) -> None:
    mark = secrets.token_hex(4)
    folder = write_export(tmp_path, mark)
    dry = run(stack, folder, "--dry-run", "--plan-of", "Zander Ltd=premier")
    assert dry["tickets"] == {"read": 5, "imported": 4, "skipped": {"were deleted there": 1}}
    assert dry["comments"]["read"] == dry["comments"]["imported"] + 1
    assert [each["line"] for each in dry["problems"]] == [6]
    assert (
        desk.admin.call("GET", f"/v1/directory/accounts/zoe{mark}@zander.example").status_code
        == 404
    ), "a dry run makes nothing"

    done = run(stack, folder, "--plan-of", "Zander Ltd=premier")
    assert done["tickets"] == dry["tickets"]
    assert done["stand_ins"] == {"user-4@zendesk.invalid": "By phone"}
    account = desk.admin.get(f"/v1/directory/accounts/zoe{mark}@zander.example")["document"]
    assert (account["plan"], account["roles"]) == ("premier", ["requester"])

    def of(person: str) -> dict[str, Any]:
        def listed() -> list[dict[str, Any]]:
            """Theirs, once the views hold what was imported."""
            requester = f"{person}{mark}@zander.example"
            everything = desk.agent.listed(q="", status="")
            return [ticket for ticket in everything if ticket["requester"] == requester]

        (found,) = eventually(listed, what=f"the ticket of {person}")
        return dict(found)

    closed = desk.agent.ticket(of("zoe")["id"], status="closed")
    assert (closed["opened_at"][:19], closed["priority"], closed["clocks"]) == (
        "2024-03-01T12:00:00",
        "urgent",
        [],
    )
    said = [(reply["audience"], reply["body"][:10]) for reply in closed["replies"]]
    assert said == [
        ("staff", "Probably t"),
        ("everyone", "Please dep"),
        ("everyone", f"Zed <zed{mark}"[:10]),
    ]
    opened = desk.agent.ticket(of("zed")["id"], status="new")
    assert (opened["subject"], opened["kind"], opened["clocks"]) == ("(no subject)", "question", [])

    seqs = [desk.agent.ticket(ticket["id"])["seq"] for ticket in (closed, opened)]
    again = run(stack, folder, "--plan-of", "Zander Ltd=free")
    assert (again["accounts"]["new"], again["tickets"]["imported"]) == (0, 4)
    marker = desk.agent.acts(opened["id"], "replies", body="Are you still there?", audience="staff")
    assert desk.agent.outcome(marker["request_id"])["state"] == "done", (
        "so whatever the second import asked is decided too"
    )
    assert [desk.agent.ticket(ticket["id"])["seq"] for ticket in (closed, opened)] == [
        seqs[0],
        seqs[1] + 1,
    ]
    assert (
        desk.admin.get(f"/v1/directory/accounts/zoe{mark}@zander.example")["document"]["plan"]
        == "premier"
    ), "who is here stays as they are"
    assert not [item for item in far_end.got() if mark in json.dumps(item)], (
        "no mail, no webhook, no page"
    )


def test_a_plain_file_is_taken_over_once(
    stack: Stack, desk: Desk, far_end: FarEnd, tmp_path: Path
) -> None:
    """Semicolons and Windows' encoding, as a spreadsheet writes them."""
    mark = secrets.token_hex(4)
    file = tmp_path / "tickets.csv"
    rows = (
        "id;subject;body;requester;created_at;status;comment;comment author;comment is staff",
        f"{mark};St\u00f6rung;H10 since noon.;zoe@{mark}.example;2024-03-01T12:00:00Z;solved;;;",
        f"{mark};;;;;;Deploy again.;ann@desk.example;yes",
        f"{mark}-2;Nobody's;H12.;;2024-03-02T12:00:00Z;open;;;",
    )
    file.write_bytes("\r\n".join(rows).encode("cp1252"))
    for _ in range(2):
        done = run(stack, file, "--source", "olddesk", what="tickets")
        assert done["tickets"] == {"read": 2, "imported": 2, "skipped": {}}
        assert done["comments"] == {"read": 1, "imported": 1, "skipped": {}}
    assert list(done["stand_ins"]) == [f"user-ticket-{mark}-2@olddesk.invalid"]

    def imported() -> list[dict[str, Any]]:
        listed = desk.agent.listed(q="", status="")
        return [ticket for ticket in listed if mark in ticket["requester"]]

    found = eventually(lambda: len(imported()) == 2 and imported(), what="both tickets")
    (ours,) = [each for each in found if each["requester"] == f"zoe@{mark}.example"]
    ticket = desk.agent.ticket(ours["id"], status="solved")
    assert ticket["subject"] == "St\u00f6rung"
    assert [(r["author"], r["body"]) for r in ticket["replies"]] == [
        ("ann@desk.example", "Deploy again.")
    ]
    (kept,) = [each for each in found if each["id"] != ours["id"]]
    desk.agent.acts(kept["id"], "replies", body="Who are you?")
    eventually(
        lambda: len(desk.agent.ticket(kept["id"])["replies"]) == 1, what="the answer to nobody"
    )
    assert not [item for item in far_end.got() if mark in json.dumps(item)], (
        "nothing is sent to a stand-in"
    )
