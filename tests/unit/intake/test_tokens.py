"""API tokens over HTTP: made, shown once, limited, listed, revoked; and the password."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from services.intake.accounts.tokens import token_text
from services.intake.http.door import RequestGate
from shared.events import DirectoryRecorded, Via
from shared.people.identity import mint, token_id
from tests.unit.intake.building import NOW, SECRET, Bench

pytestmark = pytest.mark.costly

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ROUTES = {
    "read": ("GET", "/v1/tokens"),
    "write": ("POST", "/v1/tickets"),
    "admin": ("GET", "/v1/directory/accounts"),
}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def call(
    bench: Bench, method: str, path: str, who: str, json: Any = None, key: str | None = None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who}", **({"Idempotency-Key": key} if key else {})}
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(method, path, json=json, headers=headers)


async def made(bench: Bench, who: str = "demo-premier", **fields: Any) -> dict[str, Any]:
    answer = await call(bench, "POST", "/v1/tokens", who, {"name": "ci", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_token_works_is_listed_without_itself_and_ends_when_revoked(bench: Bench) -> None:
    found = await made(bench, name="ci runner")
    token = found["token"]
    assert token.startswith("sbt_")
    assert found["scopes"] == ["read", "write"]
    listed = (await call(bench, "GET", "/v1/tokens", token)).json()["items"]
    assert [(t["name"], t["hint"]) for t in listed] == [("demo", ""), ("ci runner", token[-4:])]
    assert token not in (await call(bench, "GET", "/v1/tokens", token)).text
    assert (await call(bench, "DELETE", f"/v1/tokens/{found['id']}", "demo-premier")).json()[
        "revoked"
    ] is True
    assert code(await call(bench, "GET", "/v1/tokens", token)) == (401, "unauthenticated")


async def test_what_is_logged_opens_nothing(bench: Bench) -> None:
    found = await made(bench)
    (event,) = bench.log.on("directory")
    assert isinstance(event, DirectoryRecorded)
    assert event.doc_id == token_id(found["token"])
    assert found["token"] not in event.wire().decode()
    assert event.actor is not None
    assert event.actor.email == "premier@example.com"


async def test_a_repeat_makes_no_second_token(bench: Bench) -> None:
    first, again = [
        await call(bench, "POST", "/v1/tokens", "demo-premier", {"name": "ci"}, key="k1")
        for _ in range(2)
    ]
    assert first.json() == again.json()
    assert len(bench.log.on("directory")) == 1
    assert code(
        await call(bench, "POST", "/v1/tokens", "demo-premier", {"name": "other"}, key="k1")
    ) == (422, "idempotency-key-reused")


async def test_a_revoked_token_does_not_come_back_under_its_key(bench: Bench) -> None:
    found = (
        await call(bench, "POST", "/v1/tokens", "demo-premier", {"name": "ci"}, key="k1")
    ).json()
    await call(bench, "DELETE", f"/v1/tokens/{found['id']}", "demo-premier")
    again = await call(bench, "POST", "/v1/tokens", "demo-premier", {"name": "ci"}, key="k1")
    assert code(again) == (422, "idempotency-key-reused")
    assert code(await call(bench, "GET", "/v1/tokens", found["token"])) == (401, "unauthenticated")


@pytest.mark.parametrize("scope", ["read", "write", "mail", "admin"])
async def test_a_scope_limits_what_a_token_is_good_for(bench: Bench, scope: str) -> None:
    token = (await made(bench, "demo-admin", scopes=[scope]))["token"]
    for need, (method, path) in ROUTES.items():
        answer = await call(bench, method, path, token, {} if method == "POST" else None)
        is_refused = (
            answer.status_code == 403 and answer.json()["type"] == "/problems/insufficient-scope"
        )
        assert is_refused is (need != scope), (need, answer.text)


async def test_a_token_makes_none_that_may_more_or_lives_longer(bench: Bench) -> None:
    parent = (await made(bench, scopes=["write"], expires_in_days=2))["token"]
    assert code(
        await call(bench, "POST", "/v1/tokens", parent, {"name": "x", "scopes": ["read"]})
    ) == (403, "insufficient-scope")
    child = await made(bench, parent, scopes=["write"], expires_in_days=300)
    assert child["expires_at"] == (NOW + timedelta(days=2)).isoformat().replace("+00:00", "Z")


async def test_an_expired_token_opens_nothing(bench: Bench) -> None:
    found = await made(bench, expires_in_days=1)
    assert (await call(bench, "GET", "/v1/tokens", found["token"])).status_code == 200
    document = bench.reference.get("tokens", found["id"])
    bench.log.holds("tokens", found["id"], {**(document or {}), "expires_at": NOW.isoformat()})
    assert code(await call(bench, "GET", "/v1/tokens", found["token"])) == (401, "unauthenticated")


async def test_others_tokens_do_not_exist_but_for_admins(bench: Bench) -> None:
    theirs = (await made(bench))["id"]
    for who in ("demo-free", "demo-agent"):
        assert code(await call(bench, "DELETE", f"/v1/tokens/{theirs}", who)) == (404, "not-found")
        assert code(await call(bench, "GET", "/v1/tokens?email=premier@example.com", who)) == (
            404,
            "not-found",
        )
        assert code(
            await call(
                bench, "POST", "/v1/tokens", who, {"name": "x", "email": "premier@example.com"}
            )
        ) == (404, "not-found")
    scoped = (await made(bench, "demo-admin", scopes=["read", "write"]))["token"]
    assert code(await call(bench, "DELETE", f"/v1/tokens/{theirs}", scoped)) == (404, "not-found")
    listed = await call(bench, "GET", "/v1/tokens?email=Premier@example.com", "demo-admin")
    assert theirs in {token["id"] for token in listed.json()["items"]}
    assert (await call(bench, "DELETE", f"/v1/tokens/{theirs}", "demo-admin")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": " "},
        {"name": "a\r\nb"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["all"]},
        {"name": "x", "scopes": ["admin"]},
        {"name": "x", "expires_in_days": 0},
        {"name": "x", "expires_in_days": True},
        {"name": {"$ne": 1}},
        {"name": "x", "token": "mine"},
    ],
)
async def test_a_form_that_does_not_fit_makes_nothing(bench: Bench, body: dict[str, Any]) -> None:
    assert code(await call(bench, "POST", "/v1/tokens", "demo-premier", body)) == (422, "invalid")
    assert bench.log.on("directory") == []


async def test_tokens_are_not_without_number(bench: Bench) -> None:
    for number in range(50):
        bench.log.holds("tokens", token_id(str(number)), {"email": "free@example.com"})
    assert code(await call(bench, "POST", "/v1/tokens", "demo-free", {"name": "x"})) == (
        409,
        "too-many-tokens",
    )


async def test_the_use_of_a_token_is_noted_and_told(bench: Bench) -> None:
    seen = {}

    class Uses:
        def seen(self, token: str, at: Any) -> None:
            seen[token] = at

    door = RequestGate(bench.reference, bench.door.clock, SECRET, bench.door.allowance, Uses())
    from starlette.requests import Request

    door.caller(
        Request({"type": "http", "headers": [(b"authorization", b"Bearer demo-free")]}), "read"
    )
    assert seen == {token_id("demo-free"): NOW}


async def _change(bench: Bench, bearer: str, current: str, new: str) -> httpx.Response:
    return await call(
        bench,
        "POST",
        "/v1/account/password",
        bearer,
        {"current_password": current, "new_password": new},
    )


async def test_the_password_is_changed_by_whoever_knows_it_and_is_signed_in(bench: Bench) -> None:
    bench.log.holds(
        "credentials", "free@example.com", {"password_hash": QUICK.hash("old password")}
    )
    session = mint("free@example.com", Via.WEB, SECRET, NOW)
    assert code(await _change(bench, "demo-free", "old password", "a fine new one")) == (
        403,
        "session-needed",
    )
    assert code(await _change(bench, session, "wrong", "a fine new one")) == (403, "wrong-password")
    assert code(await _change(bench, session, "old password", "short")) == (422, "invalid")
    assert code(await _change(bench, session, "old password", "free@example.com")) == (
        422,
        "invalid",
    )
    assert code(await _change(bench, session, "old password", "old password")) == (422, "invalid")
    assert bench.log.on("directory") == []
    assert (await _change(bench, session, "old password", "a fine new one")).status_code == 200
    kept = (bench.reference.get("credentials", "free@example.com") or {})["password_hash"]
    assert PasswordHasher().verify(kept, "a fine new one")


async def test_guessing_the_current_password_is_slowed_down(bench: Bench) -> None:
    bench.log.holds(
        "credentials", "free@example.com", {"password_hash": QUICK.hash("old password")}
    )
    session = mint("free@example.com", Via.WEB, SECRET, NOW)
    answers = [
        code(await _change(bench, session, f"guess {n}", "a fine new one")) for n in range(12)
    ]
    assert answers[:10] == [(403, "wrong-password")] * 10
    assert answers[10:] == [(429, "too-many-tries")] * 2
    assert code(
        await _change(
            bench, mint("premium@example.com", Via.WEB, SECRET, NOW), "x", "a fine new one"
        )
    ) == (409, "no-password")


def test_a_token_depends_on_the_secret_the_account_and_the_key() -> None:
    assert (
        len(
            {
                token_text(s, e, k)
                for s in ("s1", "s2")
                for e in ("a@b.c", "d@b.c")
                for k in ("1", "2")
            }
        )
        == 8
    )
