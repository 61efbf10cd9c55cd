"""Who is on our staff, as the directory's records come."""

from __future__ import annotations

from typing import Any

import orjson

from services.portal.desk.colleagues import Colleagues
from shared.events import Actor
from shared.wire import Message

ADA = Actor(email="Ada@example.com")


def record(key: str, document: dict[str, Any] | None) -> Message:
    value = orjson.dumps({"type": "DirectoryRecorded", "document": document})
    return Message("directory", 0, 0, key, value, {}, 0.0)


def test_staff_are_chosen_among_and_nobody_else() -> None:
    people = Colleagues()
    for email, roles in (
        ("ada@example.com", ["agent"]),
        ("zoe@example.com", ["csa"]),
        ("ben@example.com", ["on-call", "agent"]),
        ("customer@example.com", ["requester"]),
        ("rae@example.com", ["provider"]),
    ):
        people.take(record(f"accounts:{email}", {"name": email[:3].title(), "roles": roles}))
    people.take(record("apps:agent", {"name": "agent", "roles": ["agent"]}))
    assert [one["name"] for one in people.list_others(ADA)] == ["Ben", "Zoe"]


def test_who_leaves_is_no_colleague_any_more() -> None:
    people = Colleagues()
    for key in ("accounts:zoe@example.com", "accounts:ben@example.com"):
        people.take(record(key, {"name": "", "roles": ["agent"]}))
    people.take(record("accounts:zoe@example.com", None))
    people.take(record("accounts:ben@example.com", {"name": "Ben", "roles": ["requester"]}))
    assert people.list_others(ADA) == []
