"""A Zendesk export is mapped; whatever cannot be is said with its line."""

from __future__ import annotations

import json
from pathlib import Path

from cli.zendesk_export import BODY_BYTES, parts_of, read
from services.intake.forms import fill
from services.intake.imports import ImportForm
from tests.support.zendesk import TICKETS, write_export


def test_users_become_accounts_and_staff_do_not(tmp_path: Path) -> None:
    found = read(write_export(tmp_path), "free", {"Zander Ltd": "premier"})
    assert found.accounts == {
        "zoe@zander.example": {"email": "zoe@zander.example", "name": "Zoe Zander", "plan": "premier", "roles": ["requester"]},
        "zed@zander.example": {"email": "zed@zander.example", "name": "Zed", "plan": "free", "roles": ["requester"]},
    }
    assert found.unmapped == {"4": "By phone"}


def test_tickets_keep_their_times_and_words(tmp_path: Path) -> None:
    found = read(write_export(tmp_path), "free", {})
    (_, closed), (_, opened) = found.tickets
    assert (closed["at"], closed["ended_at"], closed["closed"]) == ("2024-03-01T12:00:00Z", "2024-03-02T09:00:00Z", True)
    assert closed["priority"] == "urgent"
    assert [(c["id"], c["author_is_staff"], c["public"]) for c in closed["comments"]] == [
        ("9003", True, False), ("9002", True, True), ("9004", False, True),
    ], "the first comment is the description"  # fmt: skip
    assert (opened["subject"], opened["kind"], "ended_at" in opened, "priority" in opened) == ("(no subject)", "question", False, False)
    for _, body in found.tickets:
        for part in parts_of(body):
            assert fill(ImportForm, part).source == "zendesk"


def test_what_cannot_be_imported_is_said_with_its_line(tmp_path: Path) -> None:
    found = read(write_export(tmp_path), "free", {})
    assert sorted(str(problem).partition(": ")[0] for problem in found.problems) == [f"tickets.ndjson:{line}" for line in (3, 4, 6)]
    assert found.counts["deleted"] == 1


def test_comments_may_lie_beside_and_a_long_ticket_comes_in_parts(tmp_path: Path) -> None:
    folder = write_export(tmp_path)
    long = [
        {"id": n, "author_id": 1 if n % 2 else 3, "body": "x" * 50_000, "created_at": f"2024-05-05T09:{n:02}:00Z", "attachments": [{}]}
        for n in range(9)
    ]
    (folder / "comments").mkdir()
    (folder / "comments" / "502.json").write_text(json.dumps({"comments": long}))
    found = read(folder, "free", {})
    body = found.tickets[1][1]
    parts = list(parts_of({**body, "ended_at": "2024-06-01T00:00:00Z"}))
    assert len(parts) > 2
    assert [comment["id"] for part in parts for comment in part["comments"]] == [str(n) for n in range(9)]
    assert all(len(json.dumps(part)) < BODY_BYTES + 60_000 for part in parts)
    assert ["ended_at" in part for part in parts] == [False] * (len(parts) - 1) + [True]
    assert sum("attachments" in str(problem) for problem in found.problems) == 9


def test_a_text_too_long_is_cut_and_said(tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text(json.dumps({"id": 1, "email": "z@z.example", "name": "Z"}))
    (tmp_path / "tickets.jsonl").write_text(json.dumps({**TICKETS[1], "requester_id": 1, "description": "é\0" * 90_000}))
    found = read(tmp_path, "free", {})
    fill(ImportForm, next(parts_of(found.tickets[0][1])))
    assert "is cut" in str(found.problems[0])
