"""The first administrator: a link counts once, for whom it was made, and only from whoever has the
installation's secret.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.people.passwords import Passwords
from shared.policy import DESK, ON_CALL, OnCallPolicy
from shared.signed.links import OPERATOR, SET_UP, sign
from tests.unit.intake.building import NOW, SECRET, Bench

pytestmark = pytest.mark.costly

PASSWORD = "correct horse battery"


@pytest.fixture
def bench() -> Bench:
    return Bench(empty=True)


async def post(bench: Bench, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.post(path, json=body, headers=headers)


def proof(email: str = "", secret: str = SECRET, minutes: float = 2) -> str:
    return sign(secret.encode(), OPERATOR, email, "operator", NOW + timedelta(minutes=minutes))


async def link(bench: Bench, email: str = "") -> str:
    body = {"proof": proof(email), **({"email": email} if email else {})}
    answer = await post(bench, "/v1/setup/links", body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    path: str = answer.json()["path"]
    return path.removeprefix("/setup?token=")


async def begins(bench: Bench, token: str, email: str = "ann@shop.example", **more: Any) -> Any:
    return await post(
        bench, "/v1/setup", {"token": token, "email": email, "password": PASSWORD, **more}
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_the_first_administrator_begins_with_the_documents_they_chose(bench: Bench) -> None:
    answer = await begins(bench, await link(bench), name="Ann")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "email": "ann@shop.example",
        "documents": ["default", "components", "macros", "on-call"],
    }
    account = bench.log.get("accounts", "ann@shop.example")
    known = bench.log.get("credentials", "ann@shop.example")
    assert account is not None and known is not None
    assert (account["roles"], account["name"]) == (["admin"], "Ann")
    assert await Passwords().fits(known["password_hash"], PASSWORD)
    assert known["account_since"] == account["since"]
    assert bench.reference.policy(DESK) is not None
    found = bench.reference.policy(ON_CALL)
    assert found is not None
    on_call = OnCallPolicy.model_validate(found.document)
    assert on_call.people["administrator"].methods[0].address == "ann@shop.example"


async def test_nothing_is_begun_with_that_was_not_ticked(bench: Bench) -> None:
    answer = await begins(bench, await link(bench), shipped=False, page_me=False)
    assert answer.json()["documents"] == []
    assert bench.reference.policy(DESK) is None


async def test_a_link_counts_once_and_never_again_for_anybody(bench: Bench) -> None:
    token = await link(bench)
    assert (await begins(bench, token)).status_code == 200
    for email in ("ann@shop.example", "eve@shop.example"):
        assert code(await begins(bench, token, email)) == (403, "link-not-good")
    assert code(await post(bench, "/v1/setup/links", {"proof": proof()})) == (409, "already-set-up")


async def test_a_link_for_somebody_is_for_nobody_else_and_keeps_what_they_are(
    bench: Bench,
) -> None:
    bench.log.holds(
        "accounts",
        "bob@shop.example",
        {"email": "bob@shop.example", "plan": "free", "name": "Bob", "roles": ["agent"]},
    )
    token = await link(bench, "bob@shop.example")
    assert code(await begins(bench, token, "eve@shop.example")) == (403, "link-not-good")
    assert (await begins(bench, token, "bob@shop.example")).status_code == 200
    account = bench.log.get("accounts", "bob@shop.example") or {}
    assert (account["roles"], account["name"], account["plan"]) == (
        ["admin", "agent"],
        "Bob",
        "free",
    )
    assert code(await begins(bench, token, "bob@shop.example")) == (403, "link-not-good")


@pytest.mark.parametrize(
    "given",
    [
        proof(secret="another secret, longer"),
        proof("ann@shop.example"),
        proof(minutes=-5),
        sign(SECRET.encode(), SET_UP, "", "operator", NOW + timedelta(minutes=2)),
        "nonsense",
    ],
)
async def test_only_whoever_has_the_secret_gets_a_link(bench: Bench, given: str) -> None:
    assert code(await post(bench, "/v1/setup/links", {"proof": given})) == (403, "not-the-operator")


async def test_a_weak_password_uses_up_nothing(bench: Bench) -> None:
    token = await link(bench)
    answer = await begins(bench, token, password="short")
    assert code(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "#/password"
    assert bench.log.get("accounts", "ann@shop.example") is None
    assert (await begins(bench, token)).status_code == 200


async def test_neither_password_nor_link_is_remembered(bench: Bench) -> None:
    token = await link(bench)
    await begins(bench, token)
    written = repr(bench.log.written)
    assert PASSWORD not in written
    assert token not in written


async def test_whoever_guesses_is_slowed_down(bench: Bench) -> None:
    few = Bench(rate="3/minute", empty=True)
    found = [code(await begins(few, "a.1.b")) for _ in range(5)]
    assert found[0] == (403, "link-not-good")
    assert found[-1] == (429, "too-many-requests")


async def test_the_same_key_twice_sets_up_once(bench: Bench) -> None:
    body = {"token": await link(bench), "email": "ann@shop.example", "password": PASSWORD}
    both = [await post(bench, "/v1/setup", body, **{"Idempotency-Key": "one"}) for _ in "12"]
    assert [answer.status_code for answer in both] == [200, 200]
    assert both[0].json() == both[1].json()
    other = await post(
        bench, "/v1/setup", {**body, "email": "eve@shop.example"}, **{"Idempotency-Key": "one"}
    )
    assert code(other) == (422, "idempotency-key-reused")
    assert len(bench.log.on("directory")) == 2
