"""A set-up tries its ways out by buttons: each asks intake once, and says what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.admin.try_outs import describe_notice
from shared.events import TestNotice, TestPage
from shared.policy import ON_CALL
from tests.support.administering import Office
from tests.unit.intake.building import POLICIES

pytestmark = pytest.mark.costly


async def test_somebody_on_call_is_paged_as_a_test() -> None:
    async with Office() as office:
        assert "Send primary a test page" in (await office.get("/admin/on-call")).text
        sent = await office.post("/admin/on-call/test", person="primary", idempotency_key="k1")
        again = await office.post("/admin/on-call/test", person="primary", idempotency_key="k1")
        asked = office.bench.log.on("requests")
    assert (sent.status_code, sent.headers["location"]) == (303, again.headers["location"])
    assert sent.headers["location"].startswith("/pages/tst_")
    assert {event.person for event in asked if isinstance(event, TestPage)} == {"primary"}
    assert len({event.id for event in asked}) == 1


async def test_nobody_is_tried_whose_way_is_not_proved() -> None:
    people: Any = POLICIES[ON_CALL]["people"]
    methods = [{**method, "verified": False} for method in people["primary"]["methods"]]
    changed = {**people, "primary": {**people["primary"], "methods": methods}}
    async with Office() as office:
        office.bench.log.publishes(ON_CALL, 2, {**POLICIES[ON_CALL], "people": changed})
        assert "Send primary a test page" not in (await office.get("/admin/on-call")).text
        refused = await office.post("/admin/on-call/test", person="primary")
        unknown = await office.post("/admin/on-call/test", person="nobody")
    assert (refused.status_code, unknown.status_code) == (409, 404)
    assert "Send a code first" in refused.text


async def test_a_mail_goes_to_whoever_asks() -> None:
    async with Office() as office:
        sent = await office.post("/admin/mail/test", idempotency_key="k1")
        (asked,) = office.bench.log.on("requests")
        shown = await office.get(sent.headers["location"])
    assert isinstance(asked, TestNotice)
    assert (asked.kind, asked.actor.email) == ("mail", "admin@example.com")
    assert sent.headers["location"].startswith("/admin/mail?sent=ntc_")
    assert "cannot be looked up just now" in shown.text, "MongoDB is away here"


async def test_an_event_goes_to_a_webhook_that_is_there() -> None:
    here, hook = "/admin/webhooks/redisco", {"webhook_url": "https://hooks.redisco.example/in"}
    async with Office() as office:
        known = dict(office.bench.log.get("providers", "redisco") or {})
        plain = {name: held for name, held in known.items() if "webhook" not in name}
        office.bench.log.holds("providers", "redisco", plain)
        assert "Send a test event" not in (await office.get(here)).text
        assert (await office.post(here, does="test")).status_code == 409
        office.bench.log.holds("providers", "redisco", plain | hook)
        assert "Send a test event" in (await office.get(here)).text
        sent = await office.post(here, does="test", idempotency_key="k1")
        (asked,) = office.bench.log.on("requests")
    assert isinstance(asked, TestNotice)
    assert (asked.kind, asked.provider) == ("webhook", "redisco")
    assert sent.headers["location"].startswith(f"{here}?sent=ntc_")


@pytest.mark.parametrize("who", ["agent", "ops", "premier", "redisco"])
async def test_it_is_for_administrators(who: str) -> None:
    async with Office() as office:
        for path in ("/admin/mail/test", "/admin/on-call/test", "/admin/webhooks/redisco"):
            assert (await office.post(path, who, does="test", person="primary")).status_code == 404
        assert office.bench.log.on("requests") == []


@pytest.mark.parametrize(
    ("notice", "tone", "words"),
    [
        (None, "", "on its way"),
        ({"state": "owed"}, "", "on its way"),
        ({"state": "delivered", "kind": "mail"}, "good", "The relay took the mail to ann@x"),
        ({"state": "delivered", "kind": "webhook"}, "good", "The webhook of ann@x took"),
        ({"state": "retrying", "reason": "no connection"}, "bad", "It said: no connection."),
        ({"state": "failed", "reason": "550 no"}, "bad", "It did not work. It said: 550 no."),
        ({"state": "suppressed", "reason": "our own"}, "bad", "It was not sent: our own."),
    ],
)
def test_the_outcome_is_said_in_words(notice: Any, tone: str, words: str) -> None:
    told = describe_notice(notice and {"to": "provider:ann@x", "kind": "mail", **notice})
    assert told.tone == tone
    assert words in told.words
