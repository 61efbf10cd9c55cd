"""Time zone and style of dates are their owner's to choose, and stay when an admin changes the rest
of the account.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.intake.building import Bench

FREE = "free@example.com"


async def put(bench: Bench, path: str, body: dict[str, Any], who: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.put(path, json=body, headers={"Authorization": f"Bearer {who}"})


async def test_what_one_chose_stays_until_one_chooses_otherwise() -> None:
    bench = Bench()
    path, chosen = "/v1/account/preferences", {"time_zone": "Europe/Berlin", "date_style": "de-DE"}
    assert (await put(bench, path, chosen, "demo-free")).json() == {"email": FREE, **chosen}
    account = dict(bench.log.get("accounts", FREE) or {})
    assert {name: account[name] for name in chosen} == chosen
    theirs = {"email": FREE, "plan": "premium", "time_zone": "Asia/Tokyo"}
    answer = await put(bench, f"/v1/directory/accounts/{FREE}", theirs, "demo-admin")
    assert answer.status_code == 200, answer.text
    account = dict(bench.log.get("accounts", FREE) or {})
    assert (account["plan"], account["time_zone"]) == ("premium", "Europe/Berlin")
    await put(bench, path, {}, "demo-free")
    account = dict(bench.log.get("accounts", FREE) or {})
    assert "time_zone" not in account and "date_style" not in account


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "#/time_zone"),
        ({"time_zone": "../etc/passwd"}, "#/time_zone"),
        ({"date_style": "<b>"}, "#/date_style"),
    ],
)
async def test_what_no_page_could_use_is_refused(body: dict[str, Any], field: str) -> None:
    answer = await put(Bench(), "/v1/account/preferences", body, "demo-free")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [field]
