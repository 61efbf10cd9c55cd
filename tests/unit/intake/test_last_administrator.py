"""Somebody can always change things here: the last administrator stays one, whichever way is tried.
And a deactivated account is kept, and opens nothing.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.unit.intake.building import Bench

ADMIN = "/v1/directory/accounts/admin@example.com"
AMIR = {"email": "admin@example.com", "plan": "free", "roles": ["admin"]}
SINCE = "2026-11-22T03:00:00Z"
LOAD = "/v1/directory"


async def ask(
    bench: Bench, method: str, path: str, body: Any = None, who: str = "demo-admin"
) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        headers = {"Authorization": f"Bearer {who}"}
        return await client.request(method, path, json=body, headers=headers)


def loading(document: dict[str, Any] | None) -> dict[str, Any]:
    entry = {"kind": "accounts", "id": "admin@example.com", "document": document}
    return {"documents": [entry]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", ADMIN, None),
        ("PUT", ADMIN, AMIR | {"roles": ["agent"]}),
        ("PUT", ADMIN, AMIR | {"deactivated_at": SINCE}),
        ("POST", LOAD, loading(None)),
        ("POST", LOAD, loading(AMIR | {"roles": []})),
        ("POST", f"{LOAD}?dry_run=true", loading(None)),
    ],
)
async def test_the_last_administrator_stays_one(method: str, path: str, body: Any) -> None:
    bench = Bench()

    answer = await ask(bench, method, path, body)

    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].endswith("/last-administrator")
    assert bench.log.on("directory") == []

    bench.log.holds("accounts", "zoe@example.com", AMIR | {"email": "zoe@example.com"})
    assert (await ask(bench, method, path, body)).status_code == 200


async def test_one_load_may_change_places() -> None:
    bench = Bench()
    zoe = {
        "kind": "accounts",
        "id": "zoe@example.com",
        "document": AMIR | {"email": "zoe@example.com"},
    }

    answer = await ask(bench, "POST", LOAD, {"documents": [*loading(None)["documents"], zoe]})

    assert answer.status_code == 200, answer.text


async def test_a_deactivated_account_opens_nothing_until_it_is_active_again() -> None:
    bench = Bench()
    agent = dict(bench.log.get("accounts", "agent@example.com") or {})
    path = "/v1/directory/accounts/agent@example.com"
    assert (await ask(bench, "GET", "/v1/tokens", who="demo-agent")).status_code == 200

    await ask(bench, "PUT", path, agent | {"deactivated_at": SINCE})
    refused = await ask(bench, "GET", "/v1/tokens", who="demo-agent")
    assert (refused.status_code, bench.reference.directory.account("agent@example.com")) == (
        401,
        None,
    )

    await ask(bench, "PUT", path, agent)
    assert (await ask(bench, "GET", "/v1/tokens", who="demo-agent")).status_code == 200
