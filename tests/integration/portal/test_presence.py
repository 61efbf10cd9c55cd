"""Who is at a ticket: said by each page, over when it is not said again."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from services.portal.desk.presence import FRESH, Presence
from shared.events import Actor, Role
from shared.storage.store import Store

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
ADA = Actor(email="Ada@example.com", name="Ada", roles=(Role.AGENT,))
ABEL = Actor(email="abel@example.com", name="Abel", roles=(Role.AGENT,))
ZOE = Actor(email="zoe@example.com", roles=(Role.CSA,))


async def test_colleagues_see_each_other_for_as_long_as_they_are_there(mongodb_uri: str) -> None:
    store = Store(mongodb_uri, f"presence_{secrets.token_hex(4)}")
    here = Presence(store)
    await here.index()
    try:
        assert await here.say(ADA, "tkt_a", "looking", NOW) == []
        assert await here.say(ABEL, "tkt_a", "writing", NOW) == [
            {"name": "Ada", "state": "looking"}
        ]
        assert await here.say(ZOE, "tkt_b", "looking", NOW) == [], "another ticket"
        assert await here.say(ZOE, "tkt_a", "looking", NOW) == [
            {"name": "Abel", "state": "writing"},
            {"name": "Ada", "state": "looking"},
        ]
        await here.say(ABEL, "tkt_a", "gone", NOW)
        assert [one["name"] for one in await here.say(ADA, "tkt_a", "looking", NOW)] == [
            "zoe@example.com"
        ]
        later = NOW + FRESH + timedelta(seconds=1)
        assert await here.say(ADA, "tkt_a", "looking", later) == [], "whoever says nothing is gone"
    finally:
        await store.drop()
        store.close()


async def test_without_mongodb_nobody_is_seen_and_nothing_fails() -> None:
    away = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50&connectTimeoutMS=50"
    store = Store(away, "nowhere", timeout_ms=50)
    assert await Presence(store).say(ADA, "tkt_a", "writing", NOW) == []
    store.close()
