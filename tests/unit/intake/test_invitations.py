"""Invitations: administrators alone invite, and each link makes one account, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.people.passwords import Passwords
from shared.people.sign_in import INVITATIONS, invitation_id, invitation_in
from shared.signed.links import INVITATION, sign
from tests.unit.intake.building import NOW, SECRET, Bench

pytestmark = pytest.mark.costly

ANN, PASSWORD = "ann@shop.example", "correct horse battery"


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def call(
    bench: Bench, method: str, path: str, body: Any = None, who: str | None = "demo-admin"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(method, path, json=body, headers=headers)


async def invites(bench: Bench, **more: Any) -> httpx.Response:
    return await call(bench, "POST", "/v1/invitations", {"email": ANN, **more})


def link(bench: Bench, email: str = ANN, *, days: float = 1) -> str:
    """As the courier signs it."""
    found = invitation_in(bench.log.get(INVITATIONS, invitation_id(email)))
    assert found is not None
    return sign(SECRET.encode(), INVITATION, found.standing(), email, NOW + timedelta(days=days))


async def accepts(bench: Bench, token: str, **more: Any) -> httpx.Response:
    body = {"token": token, "password": PASSWORD, **more}
    return await call(bench, "POST", "/v1/invitations/accept", body, None)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_an_invitation_becomes_an_account_with_its_roles(bench: Bench) -> None:
    made = await invites(bench, name="Ann", roles=["agent", "ops"])
    assert made.status_code == 201, made.text
    assert made.json()["roles"] == ["agent", "ops"]
    assert made.json()["expires_at"] == (NOW + timedelta(days=7)).isoformat()
    answer = await accepts(bench, link(bench), name="Ann Shop")
    assert answer.json() == {"email": ANN, "accepted": True}
    account = bench.log.get("accounts", ANN) or {}
    assert (account["roles"], account["name"]) == (["agent", "ops"], "Ann Shop")
    known = bench.log.get("credentials", ANN) or {}
    assert await Passwords().fits(known["password_hash"], PASSWORD)
    assert known["account_since"] == account["since"]
    assert bench.log.get(INVITATIONS, invitation_id(ANN)) is None


async def test_a_link_counts_once(bench: Bench) -> None:
    await invites(bench)
    token = link(bench)
    assert (await accepts(bench, token)).status_code == 200
    assert code(await accepts(bench, token)) == (403, "link-not-good")


async def test_renewing_ends_the_link_before_and_withdrawing_the_last(bench: Bench) -> None:
    key = (await invites(bench)).json()["id"]
    first = link(bench)
    assert (await call(bench, "POST", f"/v1/invitations/{key}/renew")).status_code == 200
    second = link(bench)
    assert code(await accepts(bench, first)) == (403, "link-not-good")
    gone = await call(bench, "DELETE", f"/v1/invitations/{key}")
    assert gone.json() == {"id": key, "email": ANN, "withdrawn": True}
    assert code(await accepts(bench, second)) == (403, "link-not-good")
    assert bench.log.get("accounts", ANN) is None


@pytest.mark.parametrize("wrong", ["over", "forged", "another", "empty"])
async def test_no_other_link_makes_an_account(bench: Bench, wrong: str) -> None:
    await invites(bench)
    token = {
        "over": link(bench, days=0),
        "forged": link(bench)[:-2] + "AA",
        "another": link(bench).replace(link(bench).split(".")[0], "ZXZlQHNob3AuZXhhbXBsZQ"),
        "empty": "..",
    }[wrong]
    assert code(await accepts(bench, token)) == (403, "link-not-good")


async def test_a_weak_password_uses_up_nothing(bench: Bench) -> None:
    await invites(bench)
    token = link(bench)
    assert code(await accepts(bench, token, password="short")) == (422, "invalid")
    assert (await accepts(bench, token)).status_code == 200


async def test_an_imported_account_without_a_password_keeps_what_it_is(bench: Bench) -> None:
    document = {"email": ANN, "plan": "premier", "name": "Ann", "roles": ["agent"]}
    bench.log.holds("accounts", ANN, document)
    assert (await invites(bench, roles=["ops"])).status_code == 201
    await accepts(bench, link(bench))
    account = bench.log.get("accounts", ANN) or {}
    assert account["roles"] == ["agent", "ops"]
    assert (account["plan"], account["name"]) == ("premier", "Ann")


async def test_who_has_a_password_is_not_invited(bench: Bench) -> None:
    bench.log.holds("accounts", ANN, {"email": ANN, "plan": "free"})
    bench.log.holds("credentials", ANN, {"password_hash": "$argon2id$v=19$x"})
    assert code(await invites(bench)) == (409, "already-registered")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"roles": ["provider"]}, "#"),
        ({"roles": ["agent"], "provider": "redisco"}, "#"),
        ({"roles": ["provider"], "provider": "nobody"}, "#/provider"),
        ({"roles": ["emperor"]}, "#/roles/0"),
        ({"email": "no address"}, "#/email"),
        ({"plan": "gold"}, "#/plan"),
    ],
)
async def test_mistakes_are_told_where_they_are(
    bench: Bench, body: dict[str, Any], pointer: str
) -> None:
    answer = await invites(bench, **body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"].rstrip("/") for error in answer.json()["errors"]] == [pointer]
    assert bench.log.written == []


async def test_only_administrators_invite_and_look(bench: Bench) -> None:
    await invites(bench)
    key = invitation_id(ANN)
    for method, path in (
        ("POST", "/v1/invitations"),
        ("GET", "/v1/invitations"),
        ("POST", f"/v1/invitations/{key}/renew"),
        ("DELETE", f"/v1/invitations/{key}"),
    ):
        for who in ("demo-agent", "demo-ops", "demo-premier"):
            answer = await call(bench, method, path, {"email": "x@shop.example"}, who)
            assert answer.status_code == 403, (method, path, who)
        assert (await call(bench, method, path, {}, None)).status_code == 401
    items = (await call(bench, "GET", "/v1/invitations")).json()["items"]
    assert [(one["email"], one["is_over"]) for one in items] == [(ANN, False)]


async def test_neither_password_nor_link_is_written_down(bench: Bench) -> None:
    await invites(bench)
    token = link(bench)
    await accepts(bench, token)
    written = repr(bench.log.written)
    assert PASSWORD not in written and token not in written
