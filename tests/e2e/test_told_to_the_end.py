"""Who was told that it began is told that it is over; a webhook that wants no more is left alone,
and a mail program's button works in a browser too.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx
import pytest

from tests.e2e.test_j13_maintenance import link_in, mailed, mails, subscribes
from tests.support.desk import Desk, FarEnd
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def confirmed(desk: Desk, far_end: FarEnd, *components: str) -> str:
    """Somebody new who is told of these components."""
    reader = f"reader{secrets.token_hex(4)}@elsewhere.example"
    subscribes(desk, email=reader, components=list(components))
    (mail,) = mailed(far_end, reader, "Confirm that you want")
    with desk.browser() as anybody:
        page = link_in(mail["body"], "/status/subscribe/")
        assert "You get status updates" in anybody.post(page).text
    return reader


def test_an_incident_that_moves_to_other_components_ends_for_its_first_readers_too(
    desk: Desk, far_end: FarEnd
) -> None:
    """Case 09 of operations."""
    first, second = confirmed(desk, far_end, "api"), confirmed(desk, far_end, "postgres")
    title = f"Errors {secrets.token_hex(4)}"
    key = desk.ops.asks(
        "/v1/incidents", {"title": title, "body": "We look.", "components": ["api"]}
    )["incident_id"]
    mailed(far_end, first, f"Incident: {title}")
    more = {"body": "The API is well; databases are not.", "components": ["postgres"]}
    desk.ops.asks(f"/v1/incidents/{key}/updates", more)
    (moved,) = mailed(far_end, first, f"Update: {title}")
    assert "No longer concerned: API" in moved["body"]
    mailed(far_end, second, f"Update: {title}")
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "All over."})
    mailed(far_end, first, f"Resolved: {title}")
    mailed(far_end, second, f"Resolved: {title}")
    assert not mails(far_end, second, f"Incident: {title}"), "it had not reached them yet"


def test_the_address_of_list_unsubscribe_is_a_page_in_a_browser(
    desk: Desk, far_end: FarEnd
) -> None:
    reader = confirmed(desk, far_end, "builds")
    title = f"Slow builds {secrets.token_hex(4)}"
    incident = {"title": title, "body": "We look.", "components": ["builds"]}
    key = desk.ops.asks("/v1/incidents", incident)["incident_id"]
    (mail,) = mailed(far_end, reader, title)
    address = link_in(mail["headers"]["List-Unsubscribe"], "/v1/subscriptions/").rstrip(">")
    with desk.browser() as anybody:
        page = anybody.get(address)
        assert page.status_code == 200 and "<form" in page.text, page.text
        desk.ops.asks(f"/v1/incidents/{key}/updates", {"body": "Looking at it ends nothing."})
        mailed(far_end, reader, f"Update: {title}")
        # The form's own address, sent as an older browser does it: Origin, and no Fetch Metadata.
        action = page.text.partition('action="/status/unsubscribe')[2].partition('"')[0]
        action = f"/status/unsubscribe{action.replace('&amp;', '&')}"
        origin = {"Origin": desk.stack.portal}
        assert "You get no more of these" in anybody.post(action, headers=origin).text
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "All over."})
    witness = confirmed(desk, far_end, "builds")
    desk.ops.asks("/v1/incidents", {**incident, "title": f"Another {title}"})
    mailed(far_end, witness, f"Another {title}")
    assert not mails(far_end, reader, f"Resolved: {title}")


def test_a_webhook_that_says_410_is_left_alone_shown_and_enabled_again(
    desk: Desk, far_end: FarEnd
) -> None:
    name = f"watch{secrets.token_hex(4)}"
    url, path = f"{desk.stack.sink}/webhooks/{name}", f"/webhooks/{name}"
    subscribes(desk, webhook_url=url, components=["builds"])

    def received(kind: str, title: str = "") -> list[Any]:
        bodies = [json.loads(one["body"]) for one in far_end.got("webhook", to=name)]
        return [
            one
            for one in bodies
            if one["type"] == kind and one["data"].get("title", "").endswith(title)
        ]

    def opens() -> str:
        title = f"Builds {secrets.token_hex(4)}"
        desk.ops.asks("/v1/incidents", {"title": title, "body": "b", "components": ["builds"]})
        return title

    (challenge,) = eventually(
        lambda: received("subscription.confirm"), within=20, what="the challenge"
    )
    confirm = link_in(challenge["data"]["confirm_url"], "/v1/subscriptions/")
    assert httpx.post(desk.stack.portal + confirm, timeout=15).status_code == 200
    first = opens()
    (told,) = eventually(
        lambda: received("incident.opened", first), within=20, what="the first incident"
    )
    way_out = told["data"]["unsubscribe"]

    def disabled() -> Any:
        items = desk.admin.get("/v1/endpoints")["items"]
        return [one for one in items if one["url"] == url]

    far_end.misbehaves(path, "gone")
    opens()
    (shown,) = eventually(disabled, within=20, what="the record that it is disabled")
    assert shown["said"].startswith("410")
    far_end.misbehaves(path, "ok")
    left_out, witness = opens(), confirmed(desk, far_end, "builds")
    with desk.browser() as anybody:
        page = anybody.get(link_in(way_out["page_url"], "/status/unsubscribe/"))
        assert "Send to it again" in page.text
        assert "Send to it again" not in anybody.get("/status/unsubscribe/" + "x").text
    assert not received("incident.opened", left_out)

    enabled = desk.admin.call("POST", f"/v1/endpoints/{shown['id']}/enable", {})
    assert enabled.status_code == 200, enabled.text
    eventually(lambda: not disabled(), within=20, what="the webhook enabled")
    again = opens()
    mailed(far_end, witness, again)
    eventually(lambda: received("incident.opened", again), within=20, what="news to the webhook")
    assert not received("incident.opened", left_out)

    away = link_in(way_out["delete_url"], "/v1/subscriptions/")
    answer = httpx.delete(desk.stack.portal + away, timeout=15)
    assert (answer.status_code, answer.json()["state"]) == (200, "ended")
    last = opens()
    mailed(far_end, witness, last)
    assert not received("incident.opened", last)
