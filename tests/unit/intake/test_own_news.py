"""What an account says of its own news, in process: what is answered, and what reaches the
directory.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared import events as e
from shared.people.subscriptions import opt_out_id, stop_id, subscription_id
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import call, is_problem

WHO, EMAIL = "demo-premium", "premium@example.com"
UPDATES, REDISCO, STOP = (
    "/v1/account/status-updates",
    "/v1/account/opt-outs/redisco",
    "/v1/account/mail-stop",
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def asks(
    bench: Bench, method: str, path: str, body: dict[str, Any] | None = None
) -> list[tuple[str, Any]]:
    """The documents that the call wrote."""
    before = len(bench.log.on("directory"))
    answer = await call(bench, method, path, body or {}, WHO)
    assert answer.status_code == 200, answer.text
    written = bench.log.on("directory")[before:]
    found = [
        fact
        for fact in written
        if isinstance(fact, e.DirectoryRecorded) and fact.kind == "subscriptions"
    ]
    assert len(found) == len(written)
    return [(fact.doc_id, fact.document) for fact in found]


async def test_updates_are_on_at_once_changed_and_off_again(bench: Bench) -> None:
    key = subscription_id(EMAIL)
    ((written, document),) = await asks(bench, "PUT", UPDATES, {"components": ["Routing"]})
    assert (written, document["target"], document["components"]) == (key, EMAIL, ["routing"])
    assert document["confirmed_at"] and "wish" not in document, (
        "nobody is asked by mail whether it was them"
    )
    ((_, changed),) = await asks(bench, "PUT", UPDATES)
    assert (changed["components"], changed["confirmed_at"]) == ([], document["confirmed_at"])
    assert await asks(bench, "DELETE", UPDATES) == [(key, None)]
    assert await asks(bench, "DELETE", UPDATES) == [], "ending twice is ending"


async def test_an_opt_out_is_taken_back(bench: Bench) -> None:
    key = opt_out_id("redisco", EMAIL)
    ((written, document),) = await asks(bench, "PUT", REDISCO)
    assert (written, document["provider"], document["email"]) == (key, "redisco", EMAIL)
    assert await asks(bench, "PUT", REDISCO) == [], "leaving twice is leaving, since the first time"
    assert await asks(bench, "DELETE", REDISCO) == [(key, None)]
    assert await asks(bench, "DELETE", REDISCO) == []


async def test_mail_that_came_back_is_sent_again_when_its_owner_says_so(bench: Bench) -> None:
    key = stop_id(EMAIL)
    assert await asks(bench, "DELETE", STOP) == [], "nothing was stopped"
    bench.log.holds(
        "subscriptions",
        key,
        {"what": "stop", "email": EMAIL, "why": "bounced", "at": "2026-03-03T15:00:00Z"},
    )
    assert await asks(bench, "DELETE", STOP) == [(key, None)]


async def test_who_and_what_must_be_known(bench: Bench) -> None:
    is_problem(
        await call(bench, "PUT", "/v1/account/opt-outs/nobody", {}, WHO), 404, "no-such-provider"
    )
    is_problem(
        await call(bench, "PUT", UPDATES, {"components": ["Nothing"]}, WHO),
        422,
        "no-such-component",
    )
    is_problem(await call(bench, "PUT", UPDATES, {}, None), 401, "unauthenticated")
