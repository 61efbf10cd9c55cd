"""Webhooks that answered 410 Gone: disabled by the record of it, enabled by whoever may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.subscriptions.endpoints import make_disable_handlers
from shared import events as e
from shared.people.subscriptions import (
    KIND,
    Subscription,
    endpoint_id,
    endpoint_in,
    subscription_id,
)
from shared.signed import links
from tests.unit.intake.building import NOW, SECRET, Bench
from tests.unit.intake.test_http import call

pytestmark = pytest.mark.costly

HOOK = "https://watch.example/hook"
KEY = subscription_id(HOOK)
RECEIVER = f"subscriber:{KEY}"
OWN = "http://sink/webhooks/redisco"


def failed(to: str = RECEIVER, url: str = HOOK, **fields: Any) -> e.NoticeFailed:
    return e.NoticeFailed(
        **{
            "id": "fct_1",
            "key": "ntc_1",
            "seq": 3,
            "cause": "fct_0",
            "notice_kind": "webhook",
            "to": to,
            "at": NOW - timedelta(hours=1),
            "tries": 1,
            "reason": "410 gone",
            "gone_url": url,
            **fields,
        }
    )


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    document = Subscription(kind="webhook", target=HOOK, confirmed_at=NOW).kept()
    made.log.holds(KIND, KEY, document)
    return made


async def disable(bench: Bench, fact: e.NoticeFailed) -> list[e.DirectoryRecorded]:
    """As the follower does it."""
    found = await make_disable_handlers(bench.log)[e.NoticeFailed](fact)
    for one in found:
        assert isinstance(one, e.DirectoryRecorded)
        assert one.document is not None
        bench.log.holds(KIND, one.doc_id, one.document)
    return [one for one in found if isinstance(one, e.DirectoryRecorded)]


def is_disabled(bench: Bench, to: str = RECEIVER, url: str = HOOK) -> bool:
    found = endpoint_in(bench.log.get(KIND, endpoint_id(to, url)))
    assert found is not None
    return found.disabled


async def test_only_a_410_disables_and_reading_it_again_changes_nothing(bench: Bench) -> None:
    assert await disable(bench, failed(url="")) == []
    (record,) = await disable(bench, failed())
    assert record.document is not None
    assert (record.document["receiver"], record.document["said"]) == (RECEIVER, "410 gone")
    assert await disable(bench, failed()) == []


async def test_an_old_answer_read_again_does_not_disable_what_was_enabled(bench: Bench) -> None:
    await disable(bench, failed())
    token = links.sign(SECRET.encode(), links.UNSUBSCRIBE, KEY, HOOK, NOW + timedelta(days=1))
    answer = await call(bench, "POST", f"/v1/subscriptions/{KEY}/resume?token={token}", who=None)
    assert (answer.status_code, answer.json()["state"]) == (200, "enabled")
    assert not is_disabled(bench)
    assert await disable(bench, failed()) == []
    (record,) = await disable(bench, failed(at=NOW + timedelta(minutes=1)))
    assert record.document is not None and is_disabled(bench), "a new 410 is a new answer"


async def test_confirming_the_challenge_enables(bench: Bench) -> None:
    await disable(bench, failed())
    token = links.sign(SECRET.encode(), links.SUBSCRIBE, KEY, HOOK, NOW + timedelta(days=1))
    answer = await call(bench, "POST", f"/v1/subscriptions/{KEY}/confirm?token={token}", who=None)
    assert answer.status_code == 200
    assert not is_disabled(bench)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("demo-admin", 200),
        ("demo-redisco", 200),
        ("demo-mailgrid", 404),
        ("demo-agent", 403),
        ("demo-premium", 404),
        (None, 401),
    ],
)
async def test_a_providers_webhook_is_enabled_by_itself_or_an_admin(
    bench: Bench, who: str | None, status: int
) -> None:
    await disable(bench, failed("provider:redisco", OWN))
    key = endpoint_id("provider:redisco", OWN)
    answer = await call(bench, "POST", f"/v1/endpoints/{key}/enable", {}, who)
    assert answer.status_code == status, answer.text
    assert is_disabled(bench, "provider:redisco", OWN) is (status != 200)


@pytest.mark.parametrize("way", ["unsubscribe", ""])
async def test_a_webhook_unsubscribes_by_the_token_in_its_payload(bench: Bench, way: str) -> None:
    token = links.sign(SECRET.encode(), links.UNSUBSCRIBE, KEY, HOOK, NOW + timedelta(days=1))
    path = f"/v1/subscriptions/{KEY}/{way}".rstrip("/")
    answer = await call(bench, "POST" if way else "DELETE", f"{path}?token={token}", who=None)
    assert (answer.status_code, answer.json()["state"]) == (200, "ended")
    assert bench.log.get(KIND, KEY) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "ann@bücher.example"}, 202),
        ({"email": "büro@example.com"}, 422),
        ({"email": "ann@a..b"}, 422),
        ({"webhook_url": "https://bücher.example/hook"}, 202),
        ({"webhook_url": "https://a..b/hook"}, 422),
        ({"webhook_url": "https://watch.example:99999/"}, 422),
    ],
)
async def test_a_subscription_is_reachable_or_refused(
    bench: Bench, body: dict[str, str], status: int
) -> None:
    answer = await call(bench, "POST", "/v1/subscriptions", body, None)
    assert answer.status_code == status, answer.text
    if status == 202:
        (event,) = bench.log.on("directory")
        assert isinstance(event, e.DirectoryRecorded) and event.document is not None
        assert "xn--bcher-kva" in event.document["target"]


async def test_a_provider_is_reachable_or_refused(bench: Bench) -> None:
    known = bench.log.get("providers", "redisco")
    assert known is not None
    for field, value in (
        ("agent_email", "büro@example.com"),
        ("agent_email", "ann@bücher.example"),
        ("webhook_url", "https://a..b/"),
    ):
        answer = await call(
            bench, "PUT", "/v1/directory/providers/redisco", {**known, field: value}, "demo-admin"
        )
        assert answer.status_code == 422, answer.text
        assert field in answer.text
