"""Ended is ended: what a token made ends with it, and what an account left behind is worth nothing
to whoever gets the address next.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from services.intake.directory.generations import ends_with, since_of, with_generation
from services.intake.world.directory import check
from shared.people.identity import MOST_PARENTS
from shared.people.subscriptions import KIND, Subscription, subscription_id
from tests.unit.intake.building import NOW, Bench

WHO = "premier@example.com"
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("the old password")


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def call(
    bench: Bench, method: str, path: str, who: str = "demo-admin", json: Any = None
) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(
            method, path, json=json, headers={"Authorization": f"Bearer {who}"}
        )


async def made(bench: Bench, who: str, **fields: Any) -> dict[str, Any]:
    answer = await call(bench, "POST", "/v1/tokens", who, {"name": "ci", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def is_good(bench: Bench, token: str) -> bool:
    return (await call(bench, "GET", "/v1/tokens", token)).status_code == 200


async def test_what_a_token_made_ends_with_it_however_far_down(bench: Bench) -> None:
    first = await made(bench, "demo-premier")
    child = await made(bench, first["token"])
    grandchild = await made(bench, child["token"])
    other = await made(bench, "demo-premier")
    assert await is_good(bench, grandchild["token"])
    await call(bench, "DELETE", f"/v1/tokens/{first['id']}", "demo-premier")
    assert [await is_good(bench, one["token"]) for one in (first, child, grandchild, other)] == [
        False,
        False,
        False,
        True,
    ]


async def test_an_admins_token_that_made_somebody_elses_takes_it_along(bench: Bench) -> None:
    admins = await made(bench, "demo-admin", scopes=["read", "write", "admin"])
    theirs = await made(bench, admins["token"], email=WHO)
    assert await is_good(bench, theirs["token"])
    await call(bench, "DELETE", f"/v1/tokens/{admins['id']}")
    assert not await is_good(bench, theirs["token"])


async def test_a_chain_of_tokens_has_an_end(bench: Bench) -> None:
    token = (await made(bench, "demo-premier"))["token"]
    for _ in range(MOST_PARENTS - 1):  # the demo's own is a token too
        token = (await made(bench, token))["token"]
        assert await is_good(bench, token)
    refused = await call(bench, "POST", "/v1/tokens", token, {"name": "one more"})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/too-many-parents")


@pytest.mark.parametrize("way", ["one document", "a load"])
async def test_what_an_account_had_ends_with_it_and_does_not_come_back(
    bench: Bench, way: str
) -> None:
    bench.log.holds("credentials", WHO, {"password_hash": HASH})
    wish = Subscription(kind="email", target=WHO, confirmed_at=NOW).kept()
    bench.log.holds(KIND, subscription_id(WHO), wish)
    path = f"/v1/directory/accounts/{WHO}"
    before = (await call(bench, "GET", path)).json()["document"]
    token = await made(bench, "demo-premier")
    child = await made(bench, token["token"])
    kept = {
        one: dict(bench.reference.get("tokens", one) or {}) for one in (token["id"], child["id"])
    }
    if way == "a load":
        load = {"documents": [{"kind": "accounts", "id": WHO, "document": None}]}
        assert (await call(bench, "POST", "/v1/directory", json=load)).status_code == 200
    else:
        assert (await call(bench, "DELETE", path)).status_code == 200
    left = [
        *(("tokens", one) for one in kept),
        ("credentials", WHO),
        (KIND, subscription_id(WHO)),
        ("accounts", WHO),
    ]
    assert [bench.reference.get(*one) for one in left] == [None] * len(left)
    # Somebody else gets the address, and a replica somewhere still has the old documents.
    assert (await call(bench, "PUT", path, json=before)).status_code == 200
    for one, document in kept.items():
        bench.log.holds("tokens", one, document)
    assert not await is_good(bench, token["token"])
    assert not await is_good(bench, child["token"])
    own = await made(bench, "demo-admin", email=WHO)
    assert await is_good(bench, own["token"])


async def test_a_load_makes_an_account_with_its_password_and_token_at_once(bench: Bench) -> None:
    email = "zoe@example.com"
    load = [
        {"kind": "credentials", "id": email, "document": {"password_hash": HASH}},
        {"kind": "accounts", "id": email, "document": {"email": email, "plan": "free"}},
    ]
    answer = await call(bench, "POST", "/v1/directory", json={"documents": load})
    assert answer.status_code == 200, answer.text
    account, known = (bench.reference.get(kind, email) for kind in ("accounts", "credentials"))
    assert account is not None
    assert known is not None
    assert account["since"] == known["account_since"]
    again = (await call(bench, "POST", "/v1/directory", json={"documents": load})).json()
    assert [item["change"] for item in again["items"]] == ["unchanged", "unchanged"]


def test_which_account_a_document_is_of_is_not_the_callers_to_say() -> None:
    since, other = "2026-11-01T00:00:00Z", "2020-01-01T00:00:00Z"
    standing = {"email": WHO, "plan": "free", "since": since}
    known = {("accounts", WHO): standing}

    def documents(kind: str, doc_id: str) -> dict[str, Any] | None:
        return known.get((kind, doc_id))

    claimed = {"email": WHO, "plan": "free", "since": other, "links_since": other}
    assert with_generation("accounts", WHO, claimed, documents, NOW) == standing
    for kind, doc_id, document in (
        ("tokens", "x", {"email": WHO.upper(), "account_since": other}),
        ("credentials", WHO, {"password_hash": HASH, "account_since": other}),
    ):
        assert with_generation(kind, doc_id, document, documents, NOW)["account_since"] == since
    made = with_generation("accounts", "new@example.com", claimed, documents, NOW)
    assert made["since"] == NOW.isoformat()
    assert "links_since" not in made
    # An account from before this field has never been removed: nothing changes for it.
    standing.pop("since")
    assert with_generation("accounts", WHO, claimed, documents, NOW) == standing
    assert since_of(standing, NOW) is None
    assert since_of(None, NOW) == NOW.isoformat()
    assert ends_with("nobody@example.com", ["x"], documents) == []


def test_a_kept_document_with_its_generation_is_written_back_unchanged() -> None:
    account = check("accounts", WHO, {"email": WHO, "plan": "free", "since": NOW.isoformat()})
    again = with_generation("accounts", WHO, account, lambda *_: account, NOW + timedelta(days=1))
    assert check("accounts", WHO, again) == account


async def test_calendar_addresses_are_renewed_by_their_owner_and_by_nobody_for_them(
    bench: Bench,
) -> None:
    before = bench.reference.get("accounts", WHO)
    assert before is not None
    answer = await call(bench, "DELETE", "/v1/account/calendar-links", "demo-premier")
    assert answer.status_code == 200, answer.text
    once = bench.reference.get("accounts", WHO)
    assert once is not None
    assert once["links_since"] == answer.json()["links_since"]
    assert {name: once[name] for name in before} == before, "nothing else of the account changes"
    await call(bench, "DELETE", "/v1/account/calendar-links", "demo-premier")
    twice = bench.reference.get("accounts", WHO)
    assert twice is not None
    assert twice["links_since"] > once["links_since"], "also at the same instant"
    assert "links_since" not in (bench.reference.get("accounts", "admin@example.com") or {})
    reader = await made(bench, "demo-premier", scopes=["read"])
    refused = await call(bench, "DELETE", "/v1/account/calendar-links", reader["token"])
    assert refused.status_code == 403
