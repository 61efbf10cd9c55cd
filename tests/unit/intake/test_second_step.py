"""Switching the second step on and off: only by its owner with the password, or by whoever runs the
installation; and nothing in the log that makes a code.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest

from shared.events import Via
from shared.people.identity import mint
from shared.people.second_step import open_secret, second_step_in
from shared.people.sign_in import SECOND_STEPS, password_link_binding
from shared.signed.links import OPERATOR, SECOND_STEP, sign
from tests.unit.intake.building import NOW, QUICK, SECRET, Bench

FREE, PASSWORD = "free@example.com", "an old long password"
PATH = "/v1/account/second-step"
HASHED = QUICK.hash(PASSWORD)


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    made.log.holds("credentials", FREE, {"password_hash": HASHED})
    return made


async def call(
    bench: Bench, method: str, path: str, body: Any = None, who: str = "", **headers: str
) -> httpx.Response:
    bearer = who or mint(FREE, Via.WEB, SECRET, NOW)
    sent = {"Authorization": f"Bearer {bearer}"} if who != "nobody" else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(method, path, json=body, headers=sent)


async def begun(bench: Bench) -> dict[str, Any]:
    answer = await call(bench, "POST", PATH, {})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def good(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = pyotp.TOTP(found["secret"]).at(NOW)
    return {"enrolment": found["enrolment"], "code": code, "current_password": PASSWORD, **more}


async def switched_on(bench: Bench) -> tuple[str, list[str]]:
    found = await begun(bench)
    answer = await call(bench, "PUT", PATH, good(found))
    assert answer.status_code == 200, answer.text
    return found["secret"], answer.json()["recovery_codes"]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_secret_counts_once_its_code_came_back(bench: Bench) -> None:
    found = await begun(bench)
    assert bench.log.written == [], "nothing is recorded before"
    wrong = good(found, code="000000" if pyotp.TOTP(found["secret"]).at(NOW) != "000000" else "1")
    assert code(await call(bench, "PUT", PATH, wrong)) == (422, "wrong-code")
    answer = await call(bench, "PUT", PATH, good(found))
    assert answer.json()["on"] and len(answer.json()["recovery_codes"]) == 10
    assert answer.headers["cache-control"] == "no-store"
    kept = second_step_in(bench.log.get(SECOND_STEPS, FREE))
    assert kept is not None
    assert open_secret(SECRET.encode(), FREE, kept.secret) == found["secret"]
    assert kept.used == int(NOW.timestamp()) // 30


async def test_the_log_holds_neither_secret_nor_codes(bench: Bench) -> None:
    secret, codes = await switched_on(bench)
    written = repr(bench.log.written)
    assert secret not in written
    assert not any(each in written for each in codes)
    rows = bench.door.answers._db.execute("SELECT body FROM answers").fetchall()
    assert all(row == (None,) for row in rows)


async def test_sent_again_it_is_switched_on_once_with_the_same_codes(bench: Bench) -> None:
    found = await begun(bench)
    both = [await call(bench, "PUT", PATH, good(found), Idempotency_Key="one") for _ in "12"]
    assert both[0].json() == both[1].json()
    assert len(bench.log.written) == 1


async def test_the_password_or_a_login_that_is_under_way_is_needed(bench: Bench) -> None:
    found = await begun(bench)
    refused = await call(bench, "PUT", PATH, good(found, current_password="wrong one"))
    assert code(refused) == (403, "wrong-password")
    known = {kind: bench.log.get(kind, FREE) for kind in ("credentials", "accounts")}
    page = password_link_binding(known["credentials"], known["accounts"])
    soon = NOW + timedelta(minutes=10)
    for token, expected in (
        (sign(b"another secret", SECOND_STEP, page, FREE, soon), 403),
        (sign(SECRET.encode(), SECOND_STEP, page, "eve@example.com", soon), 403),
        (sign(SECRET.encode(), SECOND_STEP, page, FREE, NOW), 403),
        (sign(SECRET.encode(), SECOND_STEP, page, FREE, soon), 200),
    ):
        body = good(found, current_password="", signing_in=token)
        assert (await call(bench, "PUT", PATH, body)).status_code == expected


async def test_a_login_under_way_puts_no_other_secret_in_the_place_of_one(bench: Bench) -> None:
    """Whoever has the password and not the code must not get around it by switching on anew."""
    await switched_on(bench)
    page = password_link_binding(
        bench.log.get("credentials", FREE), bench.log.get("accounts", FREE)
    )
    token = sign(SECRET.encode(), SECOND_STEP, page, FREE, NOW + timedelta(minutes=10))
    body = good(await begun(bench), current_password="", signing_in=token)
    assert code(await call(bench, "PUT", PATH, body)) == (403, "wrong-password")


async def test_somebody_elses_enrolment_counts_for_nothing(bench: Bench) -> None:
    found = await begun(bench)
    who = mint("premier@example.com", Via.WEB, SECRET, NOW)
    assert code(await call(bench, "PUT", PATH, good(found), who)) == (409, "enrolment-over")


async def test_a_token_changes_no_second_step(bench: Bench) -> None:
    for method, path in (("POST", PATH), ("PUT", PATH), ("DELETE", PATH)):
        body = good(await begun(bench)) if method == "PUT" else {}
        assert code(await call(bench, method, path, body, "demo-free")) == (403, "session-needed")


async def test_off_with_the_password_alone(bench: Bench) -> None:
    await switched_on(bench)
    refused = await call(bench, "DELETE", PATH, {"current_password": "wrong one"})
    assert code(refused) == (403, "wrong-password")
    assert bench.log.get(SECOND_STEPS, FREE) is not None
    answer = await call(bench, "DELETE", PATH, {"current_password": PASSWORD})
    assert answer.json() == {"on": False}
    assert bench.log.get(SECOND_STEPS, FREE) is None


async def test_a_recovery_code_counts_once(bench: Bench) -> None:
    _, codes = await switched_on(bench)
    body = {"code": codes[3].upper().replace("-", " ")}
    both = [await call(bench, "POST", f"{PATH}/recovery", body, Idempotency_Key="r") for _ in "12"]
    assert [one.json() for one in both] == [{"left": 9}] * 2, "a retry is the same use"
    assert code(await call(bench, "POST", f"{PATH}/recovery", body)) == (422, "wrong-code")
    other = await call(bench, "POST", f"{PATH}/recovery", {"code": "aaaaa-bbbbb"})
    assert code(other) == (422, "wrong-code")


async def test_new_codes_end_the_old_ones(bench: Bench) -> None:
    secret, old = await switched_on(bench)
    answer = await call(bench, "POST", f"{PATH}/codes", {"current_password": PASSWORD})
    new = answer.json()["recovery_codes"]
    assert len(new) == 10 and set(new).isdisjoint(old)
    assert code(await call(bench, "POST", f"{PATH}/recovery", {"code": old[0]}))[0] == 422
    assert (await call(bench, "POST", f"{PATH}/recovery", {"code": new[0]})).status_code == 200
    kept = second_step_in(bench.log.get(SECOND_STEPS, FREE))
    assert kept is not None and open_secret(SECRET.encode(), FREE, kept.secret) == secret


async def test_only_administrators_and_the_operator_reset_it(bench: Bench) -> None:
    await switched_on(bench)
    where = f"/v1/second-steps/{FREE}"
    for who in ("demo-ops", "demo-agent", "demo-free"):
        assert (await call(bench, "DELETE", where, None, who)).status_code == 403
    answer = await call(bench, "DELETE", where, None, "demo-admin")
    assert answer.json() == {"email": FREE, "on": False, "was_on": True}
    assert bench.log.get(SECOND_STEPS, FREE) is None
    event = bench.log.on("directory")[-1]
    assert getattr(event, "actor").email == "admin@example.com"  # noqa: B009
    await switched_on(bench)
    soon = NOW + timedelta(minutes=2)
    proof = sign(SECRET.encode(), OPERATOR, FREE, "operator", soon)
    other = sign(SECRET.encode(), OPERATOR, "eve@example.com", "operator", soon)
    path = "/v1/setup/second-step-resets"
    refused = await call(bench, "POST", path, {"email": FREE, "proof": other}, "nobody")
    assert code(refused) == (403, "not-the-operator")
    done = await call(bench, "POST", path, {"email": FREE, "proof": proof}, "nobody")
    assert done.json()["was_on"] is True


async def test_a_removed_account_takes_it_along(bench: Bench) -> None:
    await switched_on(bench)
    await call(bench, "DELETE", f"/v1/directory/accounts/{FREE}", None, "demo-admin")
    assert bench.log.get(SECOND_STEPS, FREE) is None
