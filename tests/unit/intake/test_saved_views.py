"""Saved views: who keeps, sees, renames and removes which."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.intake.building import Bench

MINE = {
    "name": "Urgent and mine",
    "place": "queue",
    "asked": {"home": "mine", "priority": "urgent"},
}
FOUND = {"name": "Pool", "place": "search", "asked": {"q": "pool status:live"}, "of": "team"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def call(bench: Bench, method: str, path: str, body: Any = None, who: str = "agent") -> Any:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        headers = {"Authorization": f"Bearer demo-{who}"}
        return await client.request(method, path, json=body, headers=headers)


async def test_ones_own_is_ones_own_and_the_teams_is_everybodys(bench: Bench) -> None:
    mine = (await call(bench, "POST", "/v1/views", MINE)).json()
    team = (await call(bench, "POST", "/v1/views", FOUND)).json()
    assert (mine["of"], mine["href"]) == ("me", "/queue?home=mine&priority=urgent")
    assert (team["of"], team["href"]) == ("team", "/search?q=pool+status%3Alive")

    async def names(who: str) -> list[str]:
        return [
            each["name"]
            for each in (await call(bench, "GET", "/v1/views", who=who)).json()["items"]
        ]

    assert await names("agent") == ["Urgent and mine", "Pool"]
    assert await names("agent2") == ["Pool"]
    for method, body in (("PUT", {"name": "Hers"}), ("DELETE", None)):
        answer = await call(bench, method, f"/v1/views/{mine['id']}", body, "agent2")
        assert answer.status_code == 404
    renamed = await call(bench, "PUT", f"/v1/views/{team['id']}", {"name": "Ponds"}, "agent2")
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Ponds")
    assert await names("agent") == ["Urgent and mine", "Ponds"]
    assert (await call(bench, "DELETE", f"/v1/views/{mine['id']}")).status_code == 200
    assert await names("agent") == ["Ponds"]


@pytest.mark.parametrize("who", ["premier", "redisco"])
async def test_views_are_for_staff(bench: Bench, who: str) -> None:
    assert (await call(bench, "POST", "/v1/views", {"name": 1}, who)).status_code == 403
    assert (await call(bench, "GET", "/v1/views", who=who)).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 61},
        {"place": "pages"},
        {"asked": {}},
        {"asked": {"home": ""}},
        {"asked": {"cursor": "x"}},
        {"asked": {"home": "a\nb"}},
        {"of": "ops"},
    ],
)
async def test_what_cannot_be_kept_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    assert (await call(bench, "POST", "/v1/views", MINE | wrong)).status_code == 422
