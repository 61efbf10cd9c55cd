"""A forgotten password: who asks learns nothing, and the link counts once, for one account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.people.identity import token_id
from shared.people.passwords import Passwords
from shared.people.sign_in import PASSWORD_RESETS, password_link_binding, reset_id, reset_in
from shared.signed.links import RESET_PASSWORD, SET_UP, sign
from tests.unit.intake.building import NOW, QUICK, SECRET, Bench

pytestmark = pytest.mark.costly

ANN, OLD, NEW = "ann@shop.example", "an old long password", "a new and longer one"
HASHED = QUICK.hash(OLD)


@pytest.fixture
async def bench() -> Bench:
    made = Bench(empty=True)
    made.log.holds("accounts", ANN, {"email": ANN, "plan": "free", "since": NOW.isoformat()})
    made.log.holds("credentials", ANN, {"password_hash": HASHED, "account_since": NOW.isoformat()})
    return made


async def post(bench: Bench, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.post(path, json=body, headers=headers)


def link(
    bench: Bench, person: str = ANN, *, purpose: str = RESET_PASSWORD, minutes: int = 30
) -> str:
    """As the courier signs it."""
    standing = password_link_binding(
        bench.log.get("credentials", person), bench.log.get("accounts", person)
    )
    return sign(SECRET.encode(), purpose, standing, person, NOW + timedelta(minutes=minutes))


async def sets(bench: Bench, token: str, password: str = NEW, **headers: str) -> httpx.Response:
    return await post(bench, "/v1/passwords", {"token": token, "password": password}, **headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_an_unknown_address_is_answered_and_written_down_alike(bench: Bench) -> None:
    found = [
        await post(bench, "/v1/password-resets", {"email": email})
        for email in (ANN, "nobody@shop.example")
    ]
    assert [one.status_code for one in found] == [202, 202]
    assert found[0].json() == found[1].json()
    assert [type(event).__name__ for event in bench.log.on("directory")] == [
        "DirectoryRecorded"
    ] * 2
    kept = bench.log.get(PASSWORD_RESETS, reset_id("nobody@shop.example"))
    wish = reset_in(kept)
    assert wish is not None and wish.email == "nobody@shop.example"


async def test_strangers_cannot_fill_the_directory() -> None:
    assert len({reset_id(f"u{n}@spam.example") for n in range(20_000)}) <= 4096


async def test_the_link_sets_a_password_once(bench: Bench) -> None:
    token = link(bench)
    assert (await sets(bench, token)).json() == {"email": ANN, "changed": True}
    known = bench.log.get("credentials", ANN)
    assert known is not None
    assert await Passwords(hasher=QUICK).fits(known["password_hash"], NEW)
    assert known["account_since"] == NOW.isoformat().replace("+00:00", "Z")
    assert known["changed_by"] == "mail"
    assert code(await sets(bench, token, "yet another long one")) == (403, "link-not-good")


async def test_a_link_ends_when_the_password_is_changed_by_other_means(bench: Bench) -> None:
    token = link(bench)
    bench.log.holds("credentials", ANN, {"password_hash": HASHED + "x"})
    assert code(await sets(bench, token)) == (403, "link-not-good")


async def test_a_link_ends_with_the_account(bench: Bench) -> None:
    token = link(bench)
    later = (NOW + timedelta(hours=1)).isoformat()
    bench.log.holds("accounts", ANN, {"email": ANN, "plan": "free", "since": later})
    assert code(await sets(bench, token)) == (403, "link-not-good")


@pytest.mark.parametrize("wrong", ["over", "purpose", "person", "no account", "forged", "empty"])
async def test_no_other_link_sets_a_password(bench: Bench, wrong: str) -> None:
    token = {
        "over": link(bench, minutes=0),
        "purpose": link(bench, purpose=SET_UP),
        "person": link(bench).replace(link(bench).split(".")[0], "ZXZlQHNob3AuZXhhbXBsZQ"),
        "no account": link(bench, "eve@shop.example"),
        "forged": link(bench)[:-2] + "AA",
        "empty": "..",
    }[wrong]
    assert code(await sets(bench, token)) == (403, "link-not-good")
    assert bench.log.written == []


async def test_a_weak_password_uses_up_nothing(bench: Bench) -> None:
    token = link(bench)
    answer = await sets(bench, token, "short")
    assert code(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "#/password"
    assert (await sets(bench, token)).status_code == 200


async def test_neither_password_nor_link_is_written_down(bench: Bench) -> None:
    token = link(bench)
    await sets(bench, token)
    written = repr(bench.log.written)
    assert NEW not in written and token not in written and token_id(token) not in written


async def test_the_same_key_twice_sets_one_password(bench: Bench) -> None:
    token = link(bench)
    both = [await sets(bench, token, **{"Idempotency-Key": "one"}) for _ in "12"]
    assert [one.json() for one in both] == [{"email": ANN, "changed": True}] * 2
    assert len(bench.log.written) == 1
    other = await sets(bench, link(bench), **{"Idempotency-Key": "one"})
    assert code(other) == (422, "idempotency-key-reused")


async def test_whoever_asks_too_often_is_told_to_wait_whoever_it_is(bench: Bench) -> None:
    for email in (ANN, "nobody@shop.example"):
        found = [
            (await post(bench, "/v1/password-resets", {"email": email})).status_code
            for _ in range(6)
        ]
        assert found == [202] * 5 + [429], email
