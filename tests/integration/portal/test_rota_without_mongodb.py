"""Who is on call is known while MongoDB is away: it stands in the log, and the portal follows that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx

from shared.events import PolicyPublished
from tests.integration.portal.conftest import World, serving

AT = "2026-03-02T12:00:00+00:00"
NOBODY_LISTENS = "mongodb://127.0.0.1:9/"


def document(person: str) -> dict[str, Any]:
    return {
        "people": {name: {"email": f"{name}@example.com"} for name in ("ada", "bob")},
        "schedules": {
            "support": {
                "zone": "UTC",
                "rotation": {"people": [person], "starts_at": "2026-01-05T00:00:00+00:00"},
            }
        },
        "escalation": {
            "support": {"steps": [{"schedule": "support", "wait": "5m"}], "fallback": "bob"}
        },
    }


def version(number: int, doc: dict[str, Any]) -> PolicyPublished:
    return PolicyPublished(
        id=f"p{number}", key="on-call", at=datetime.now(UTC), version=number, document=doc
    )


async def person_at(base: str, wanted: str) -> str:
    """Who is on call at AT, asked until it is `wanted`."""
    async with (
        asyncio.timeout(30),
        httpx.AsyncClient(base_url=base, headers={"Authorization": "Bearer token-agent"}) as client,
    ):
        while True:
            answer = await client.get("/v1/on-call", params={"at": AT}, timeout=15)
            if answer.status_code == 200 and answer.json()["items"][0]["person"] == wanted:
                return wanted
            await asyncio.sleep(0.02)


async def test_who_is_on_call_is_said_without_mongodb(world: World) -> None:
    await world.say([version(1, document("ada"))])
    async with serving(world.settings.model_copy(update={"mongodb_uri": NOBODY_LISTENS})) as base:
        assert await person_at(base, "ada") == "ada"
        await world.say(
            [
                version(2, document("bob")),
                version(2, document("ada")),
                version(3, {"people": "nonsense"}),
            ]
        )
        assert await person_at(base, "bob") == "bob", (
            "the first of two with one number counts, and nonsense changes nothing"
        )
        assert (await get(base, "/v1/on-call/coverage")).status_code == 200


async def get(base: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(
        base_url=base, headers={"Authorization": "Bearer token-agent"}, timeout=15
    ) as client:
        return await client.get(path)
