"""The demo's data and its far end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.tickets.submit import _item
from deploy.demo.behaviour import Behaviour, Mode
from deploy.demo.directory import documents, policies
from deploy.demo.receipts import Receipts
from deploy.demo.scenario import stories, texts
from deploy.demo.seed import credentials
from services.intake.world.directory import check
from shared.policy import DeskPolicy, OnCallPolicy

NAMES = {
    "free",
    "premium",
    "enterprise",
    "legacy",
    "premier",
    "stranger",
    "agent",
    "agent2",
    "reviewer",
    "csa",
    "ops",
    "admin",
    "primary",
    "secondary",
    "lead",
    "redisco",
    "mailgrid",
    "logdrain",
}


def test_every_document_is_one_that_intake_would_take() -> None:
    found = [*documents("http://127.0.0.1:8025"), *credentials([])]
    for document in found:
        check(document.kind, document.id, document.body)
    assert {d.id.partition("@")[0] for d in found if d.kind == "accounts"} == NAMES
    assert "${SINK}" not in str(found)
    DeskPolicy.model_validate(policies()["default"])
    OnCallPolicy.model_validate(policies()["on-call"])


def test_passwords_hash_to_the_same_document_every_time() -> None:
    one = [document for document in documents() if document.kind == "accounts"][:1]
    assert credentials(one) == credentials(one)


def test_stories_are_many_and_always_the_same() -> None:
    assert len({text["subject"] for text in texts()["tickets"]}) >= 60
    told = list(stories(500))
    assert told[:20] == list(stories(20))
    assert {story.who for story in told} == {"free", "premium", "enterprise", "legacy", "premier"}
    assert {step.action for story in told for step in story.steps} == {"replies", "solve"}
    for story in told:
        assert "{" not in story.fields["subject"] + story.fields["body"]
        assert not (story.who == "free" and "priority" in story.fields)


async def add(receipts: Receipts, id_: str, **more: Any) -> None:
    receipts.add(
        more.get("kind", "mail"),
        "x",
        id_,
        subject="s",
        body="b",
        headers={},
        ticket_id=more.get("ticket_id"),
    )


async def test_receipts_outlive_a_restart_but_for_a_line_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    receipts = Receipts(path)
    await add(receipts, "one")
    await add(receipts, "two", kind="page", ticket_id="tkt_1")
    receipts.close()
    with path.open("ab") as file:
        file.write(b'{"n": 3, "ki')
    again = Receipts(path)
    await add(again, "three")
    assert [(r["n"], r["id"]) for r in again.since(0)] == [(1, "one"), (2, "two"), (3, "three")]
    assert [r["id"] for r in again.since(0, "page")] == ["two"]
    assert [r["id"] for r in again.since(1)] == ["two", "three"]
    again.close()
    third = Receipts(path)
    assert [r["id"] for r in third.since(0)] == ["one", "two", "three"]
    third.close()


async def test_waiting_for_a_receipt(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path / "sink.jsonl")
    assert await receipts.wait(0, None, None, None, 0) == []
    waiting = asyncio.ensure_future(receipts.wait(0, "page", None, None, 5))
    await asyncio.sleep(0)
    await add(receipts, "not this")
    await add(receipts, "this", kind="page")
    assert [r["id"] for r in await waiting] == ["this"]
    receipts.close()


def test_the_most_exact_path_wins() -> None:
    behaviour = Behaviour()
    behaviour.set("*", Mode.HANG, 0)
    behaviour.set("/pager", Mode.ERROR, 0)
    behaviour.set("/pager/lead", Mode.SLOW, 2)
    found = [
        behaviour.of(path)[0] for path in ("/pager/lead", "/pager/primary", "/webhooks/redisco")
    ]
    assert found == [Mode.SLOW, Mode.ERROR, Mode.HANG]
    behaviour.set("*", Mode.OK, 0)
    assert behaviour.of("/pager/lead")[0] is Mode.OK


def test_items_of_the_urgent_form_on_the_command_line() -> None:
    assert _item("access-granted=yes") == ("access_granted", True)
    assert _item("third_party_services=a, b") == ("third_party_services", ["a", "b"])
    assert _item("logs=a=b") == ("logs", "a=b")
    with pytest.raises(typer.BadParameter):
        _item("logs")
