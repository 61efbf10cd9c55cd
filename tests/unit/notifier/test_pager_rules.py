"""Which policy is in force, and what is said while none is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifier.pager.rules import Rulebook
from shared.errors import Unavailable
from shared.events import PolicyPublished
from shared.wire import Message
from tests.unit.notifier.lane_words import policy


def published(version: int, document: dict[str, Any], name: str = "on-call") -> Message:
    event = PolicyPublished(
        id=f"pol_{version}",
        key=name,
        at=datetime(2025, 3, 3, tzinfo=UTC),
        version=version,
        document=document,
    )
    return Message("policies", 0, version, name, event.wire(), {}, 0.0)


def document(fallback: str = "lead") -> dict[str, Any]:
    return policy(fallback=fallback).model_dump(mode="json")


def book(*messages: Message) -> Rulebook:
    found = Rulebook()
    found.follow(lambda: True)
    for message in messages:
        found.take(message)
    return found


def test_the_newest_version_is_in_force_and_named_in_the_stamp() -> None:
    rules = book(published(1, document()), published(2, document("primary"))).rules()
    assert rules.on_call.escalation["support"].fallback == "primary"
    assert (rules.stamp, rules.escalation) == ({"on-call": 2}, "support")


@pytest.mark.parametrize(
    "later",
    [
        published(1, document("primary")),
        published(2, {"people": {}}),
        Message("policies", 0, 9, "on-call", b"{", {}, 0.0),
    ],
)
def test_the_first_of_two_with_one_number_counts_and_rubbish_changes_nothing(
    later: Message,
) -> None:
    rules = book(published(1, document()), later).rules()
    assert rules.on_call.escalation["support"].fallback == "lead"
    assert rules.stamp == {"on-call": 1}


async def test_until_it_is_known_pages_wait() -> None:
    behind = Rulebook()
    behind.take(published(1, document()))
    with pytest.raises(Unavailable):
        behind.rules()
    assert "policies" in (await behind.unready() or "")
    assert behind.lacks() is None


@pytest.mark.parametrize("messages", [(), (published(1, {**document(), "escalation": {}}),)])
async def test_without_a_document_it_is_ready_and_says_what_it_lacks(
    messages: tuple[Message, ...],
) -> None:
    empty = book(*messages)
    assert not empty.rules().is_set_up
    assert await empty.unready() is None
    assert "reach nobody" in (empty.lacks() or "")
    empty.take(published(2, document()))
    assert empty.rules().is_set_up
    assert empty.lacks() is None
