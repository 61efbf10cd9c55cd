"""What a far end may ask of us: to come later (`Retry-After`), or not at all (410 Gone)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.courier import ledger, webhook
from services.notifier.courier.destinations import Destination, SendLimits
from services.notifier.courier.endpoints import Endpoints
from services.notifier.courier.ledger import OwedNotice
from services.notifier.notices import Notice, SuppressedNotice, notices_for, without_stopped
from services.notifier.notices.stopped import CHALLENGE, WANTS_NO_MORE
from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater
from shared.channels.retry_after import LONGEST, wait_from
from shared.people.subscriptions import KIND, Endpoint, endpoint_id, subscription_id
from shared.signed import links
from tests.unit.notifier_courier.test_notices import HOUSE
from tests.unit.notifier_courier.test_pacing import AT, LIMITS, Remembering, in_fast_time, owed
from tests.unit.notifier_courier.test_status_notices import (
    HOOK,
    Crowd,
    directory,
    opened,
    subscriber,
)

RECEIVER = f"subscriber:{subscription_id(HOOK)}"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(seconds=120)),
        (" 120 ", timedelta(seconds=120)),
        ("99999999999", LONGEST),
        (format_datetime(AT + HOUR, usegmt=True), HOUR),
        (format_datetime(AT - HOUR, usegmt=True), timedelta(0)),
        (format_datetime(AT + 400 * HOUR, usegmt=True), LONGEST),
        ("Tuesday, 03-Mar-26 16:00:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_when_a_far_end_wants_us_again(header: str | None, wait: timedelta | None) -> None:
    found = wait_from(header, AT)
    if header and header.startswith("Tuesday"):
        assert found is None or timedelta(0) <= found <= LONGEST  # obsolete RFC 850 date
    else:
        assert found == wait


@given(st.text(max_size=60))
def test_no_header_makes_us_fail_or_wait_for_ever(header: str) -> None:
    wait = wait_from(header, AT)
    assert wait is None or timedelta(0) <= wait <= LONGEST


@asynccontextmanager
async def far_end(status: int, **headers: str) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="as told", headers=headers)

    app = web.Application()
    app.router.add_post("/hook", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/hook"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "header", "outcome"),
    [
        (503, "90", TryLater("503 as told", timedelta(seconds=90))),
        (429, "90", TryLater("429 as told", timedelta(seconds=90))),
        (500, "90", TryLater("500 as told")),
        (503, "later", TryLater("503 as told")),
        (410, "90", Rejected("410 as told", gone=True)),
        (404, "90", TryLater("404 as told")),
    ],
)
async def test_what_an_answer_says_over_http(status: int, header: str, outcome: Outcome) -> None:
    async with far_end(status, **{"Retry-After": header}) as url, aiohttp.ClientSession() as http:
        found = await webhook.send(
            http, url, ("whsec_YW5vdGhlcg==",), "ntc_1", {}, datetime.now(UTC), 5 * HOUR
        )
    assert found == outcome


def test_a_notice_waits_as_long_as_it_was_asked_to_and_never_shorter_than_usual() -> None:
    plain = ledger.settle(owed(1), TryLater("503"), AT).again
    assert plain is not None and plain < timedelta(minutes=1)
    asked = ledger.settle(owed(1), TryLater("503", HOUR), AT)
    assert (asked.again, asked.change["$set"]["retry_at"]) == (HOUR, AT + HOUR)
    assert ledger.settle(owed(1), TryLater("503", timedelta(0)), AT).again == plain
    assert ledger.settle(owed(1), TryLater("503", HOUR), AT + timedelta(hours=72)).again is None


def test_what_else_goes_there_waits_too() -> None:
    async def scenario() -> None:
        asked = 600.0
        sent: list[float] = []

        async def send(_: OwedNotice) -> Outcome:
            sent.append(asyncio.get_running_loop().time())
            busy = len(sent) == 1
            return TryLater("503", timedelta(seconds=asked)) if busy else Accepted("ok")

        destination = Destination("webhook:x", SendLimits(1, 10, LIMITS), send, Remembering())  # type: ignore[arg-type]
        running = asyncio.ensure_future(destination.run())
        destination.put(owed(1))
        destination.put(owed(2))
        await asyncio.sleep(2 * asked)
        running.cancel()
        assert sent[1] - sent[0] >= asked
        assert destination.is_idle

    in_fast_time(scenario)


def gone(
    enabled_at: datetime | None = None, disabled_at: datetime = AT
) -> dict[str, dict[str, dict[str, object]]]:
    documents = directory(subscriber(HOOK), subscriber("all@example.com"))
    endpoint = Endpoint(receiver=RECEIVER, url=HOOK, disabled_at=disabled_at, enabled_at=enabled_at)
    documents[KIND][endpoint_id(RECEIVER, HOOK)] = endpoint.kept()
    return documents


def test_a_disabled_webhook_is_left_out_with_its_reason_until_it_is_enabled() -> None:
    def told(crowd: Crowd) -> list[object]:
        made = [without_stopped(one, crowd) for one in notices_for(opened(), crowd, HOUSE)]
        return [one for one in made if one.kind == "webhook"]

    (left,) = told(Crowd(gone()))
    assert isinstance(left, SuppressedNotice) and left.reason == WANTS_NO_MORE
    (sent,) = told(Crowd(gone(enabled_at=AT + HOUR)))
    assert isinstance(sent, Notice)


def to_hook(template: str = "incident.updated") -> OwedNotice:
    one = owed(1)
    one.to, one.url, one.template = RECEIVER, HOOK, template
    return one


def test_what_waits_already_is_not_sent_any_more_once_a_webhook_said_410() -> None:
    nobody = Crowd(directory(subscriber(HOOK)))
    endpoints = Endpoints(nobody)
    assert endpoints.refusal(to_hook()) is None
    endpoints.heed(to_hook(), TryLater("503"), AT)
    assert endpoints.refusal(to_hook()) is None
    endpoints.heed(to_hook(), Rejected("410", gone=True), AT)
    assert endpoints.refusal(to_hook()) == Rejected(WANTS_NO_MORE), "before intake has recorded it"
    nobody.documents = gone()
    assert endpoints.refusal(to_hook()) == Rejected(WANTS_NO_MORE)
    assert endpoints.refusal(to_hook(CHALLENGE)) is None, "the way back"
    nobody.documents = gone(enabled_at=AT + HOUR)
    assert endpoints.refusal(to_hook()) is None


def test_another_address_of_the_same_receiver_is_told() -> None:
    endpoints = Endpoints(Crowd(gone()))
    one = to_hook()
    one.url = "https://new.example/hook"
    assert endpoints.refusal(one) is None


def test_a_410_stands_in_the_record_with_the_address() -> None:
    one = to_hook()
    assert ledger.settle(one, Rejected("410", gone=True), AT).fact.gone_url == HOOK  # type: ignore[attr-defined]
    assert ledger.settle(one, Rejected("no"), AT).fact.gone_url == ""  # type: ignore[attr-defined]


def test_every_payload_to_a_subscriber_has_its_way_out() -> None:
    crowd = Crowd(directory(subscriber(HOOK)))
    (hook,) = notices_for(opened(), crowd, HOUSE)
    assert isinstance(hook, Notice)
    way = hook.body["data"]["unsubscribe"]
    key = subscription_id(HOOK)
    assert way["post_url"].startswith(f"{HOUSE.public_url}/v1/subscriptions/{key}/unsubscribe?")
    assert way["delete_url"].startswith(f"{HOUSE.public_url}/v1/subscriptions/{key}?token=")
    assert way["page_url"].startswith(f"{HOUSE.public_url}/status/unsubscribe/{key}?")
    for url in way.values():
        token = url.partition("token=")[2]
        link = links.verify(HOUSE.secret, token, links.UNSUBSCRIBE, key, AT)
        assert link is not None and link.person == HOOK
