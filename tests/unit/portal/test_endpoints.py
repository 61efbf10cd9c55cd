"""Disabled webhooks: who sees which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.portal.operations.endpoints import find_disabled, list_disabled
from shared.events import Actor, Role
from shared.people.subscriptions import KIND, Endpoint, endpoint_id

AT = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://watch.example/hook"
RECEIVERS = ("provider:redisco", "provider:mailgrid", "subscriber:sub_a", "subscriber:sub_b")


class Directory:
    """Four webhooks that said 410; that of sub_b is enabled again. And a document of another kind."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {"stp_a": {"what": "stop"}}
        for number, receiver in enumerate(RECEIVERS):
            at = AT + timedelta(hours=number)
            enabled_at = at + timedelta(days=1) if receiver == "subscriber:sub_b" else None
            endpoint = Endpoint(receiver=receiver, url=URL, disabled_at=at, enabled_at=enabled_at)
            self.documents[endpoint_id(receiver, URL)] = endpoint.kept()

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return self.documents.get(doc_id) if kind == KIND else None


@pytest.mark.parametrize(
    ("actor", "seen"),
    [
        (Actor(email="a@x", roles=(Role.AGENT,)), [2, 1, 0]),
        (Actor(email="p@x", roles=(Role.PROVIDER,), provider="redisco"), [0]),
        (Actor(email="p@x", roles=(Role.PROVIDER,), provider="logdrain"), []),
        (Actor(email="c@x"), []),
    ],
)
def test_staff_see_every_disabled_webhook_and_a_provider_its_own(
    actor: Actor, seen: list[int]
) -> None:
    directory = Directory()
    found = list_disabled(directory, list(directory.documents), actor)
    assert [one["receiver"] for one in found] == [RECEIVERS[n] for n in seen]


def test_one_webhook() -> None:
    directory = Directory()
    shown = find_disabled(directory, "subscriber:sub_a", URL)
    assert shown is not None and shown["url"] == URL
    assert find_disabled(directory, "subscriber:sub_b", URL) is None
    assert find_disabled(directory, "subscriber:sub_a", URL + "2") is None
