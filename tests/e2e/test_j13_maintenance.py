"""J13: maintenance and announcements of a provider; who is told of the status: confirmed
subscribers, users of the add-on, nobody else.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def instant(clock: ClockHand, **ahead: float) -> str:
    return f"{clock.now() + timedelta(**ahead):%Y-%m-%dT%H:%M:%SZ}"


def mails(far_end: FarEnd, to: str, subject: str = "") -> list[dict[str, Any]]:
    return [mail for mail in far_end.got("mail", to=to) if subject in mail["subject"]]


def mailed(far_end: FarEnd, to: str, subject: str, count: int = 1) -> list[dict[str, Any]]:
    def enough() -> Any:
        found = mails(far_end, to, subject)
        return found if len(found) >= count else None

    return list(eventually(enough, within=30, what=f"{count} × {subject!r} to {to}"))


def link_in(text: str, path: str) -> str:
    found = re.search(rf"https?://[^/\s]+({re.escape(path)}\S+)", text)
    assert found, f"no link to {path} in {text!r}"
    return found[1]


def announces(person: Person, purpose: str, **more: Any) -> httpx.Response:
    document = {
        "purpose": purpose,
        "subject": f"{purpose} {secrets.token_hex(4)}",
        "body": "Please read this.",
        **more,
    }
    answer = person.call("POST", "/v1/announcements", document)
    answer.extensions["subject"] = document["subject"]
    return answer


def subscribes(desk: Desk, **document: Any) -> dict[str, Any]:
    """Nobody we know: no token."""
    answer = httpx.post(f"{desk.stack.portal}/v1/subscriptions", json=document, timeout=15)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_a_subscription_counts_once_it_is_confirmed_and_nobody_learns_who_has_one(
    desk: Desk, far_end: FarEnd
) -> None:
    victim = f"reader{secrets.token_hex(4)}@elsewhere.example"
    first = subscribes(desk, email=victim, components=["routing"])
    answers = [subscribes(desk, email=victim.upper(), components=["routing"]) for _ in range(3)]
    (mail,) = mailed(far_end, victim, "Confirm that you want")
    page = link_in(mail["body"], "/status/subscribe/")
    before = desk.ops.asks(
        "/v1/incidents",
        {"title": f"Slow {secrets.token_hex(3)}", "body": "b", "components": ["routing"]},
    )
    with desk.browser() as anybody:
        assert "<form" in anybody.get(page).text
        assert anybody.get(page.replace("token=", "token=x")).status_code == 200, (
            "a page tells nothing about a link"
        )
        assert anybody.post(page.replace("token=", "token=x")).status_code == 403
        assert "You get status updates" in anybody.post(page).text
    assert all(
        again == first
        for again in (*answers, subscribes(desk, email=victim, components=["routing"]))
    ), "an oracle"

    title = f"Errors {secrets.token_hex(3)}"
    incident = desk.ops.asks(
        "/v1/incidents", {"title": title, "body": "We look into it.", "components": ["routing"]}
    )
    (opened,) = mailed(far_end, victim, title)
    assert opened["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    other = f"Builds fail {secrets.token_hex(3)}"
    desk.ops.asks("/v1/incidents", {"title": other, "body": "b", "components": ["builds"]})
    desk.ops.asks(
        f"/v1/incidents/{incident['incident_id']}/updates", {"body": "Half is well again."}
    )
    mailed(far_end, victim, f"Update: {title}")

    # What a mail client sends when its button is pressed (RFC 8058): a form, and no cookie.
    post = link_in(opened["headers"]["List-Unsubscribe"], "/v1/subscriptions/").rstrip(">")
    left = httpx.post(desk.stack.portal + post, data={"List-Unsubscribe": "One-Click"}, timeout=15)
    assert left.status_code == 200, left.text
    desk.ops.asks(f"/v1/incidents/{incident['incident_id']}/resolve", {"body": "It is over."})
    witness = desk.new_customer("premium")
    announces(desk.redisco, "terms")
    mailed(far_end, witness.email, "terms")
    assert not mails(far_end, victim, f"Resolved: {title}")
    assert not mails(far_end, victim, other), "not a component they asked for"
    assert len(mails(far_end, victim, "Confirm that you want")) == 1, (
        "one mail to whoever may be a victim"
    )
    assert not [one for one in mails(far_end, victim) if before["incident_id"] in one["body"]], (
        "it happened before they confirmed"
    )


def test_a_webhook_confirms_by_a_signed_challenge(desk: Desk, far_end: FarEnd) -> None:
    name = f"watch{secrets.token_hex(4)}"
    url = f"{desk.stack.sink}/webhooks/{name}"
    asked = subscribes(desk, webhook_url=url)

    def received(kind: str) -> Any:
        return [
            one
            for one in far_end.got("webhook", to=name)
            if json.loads(one["body"])["type"] == kind
        ]

    (challenge,) = eventually(
        lambda: received("subscription.confirm"), within=20, what="the challenge"
    )
    data = json.loads(challenge["body"])["data"]
    Webhook(data["secret"]).verify(challenge["body"], challenge["headers"])
    answer = httpx.post(
        desk.stack.portal + link_in(data["confirm_url"], "/v1/subscriptions/"), timeout=15
    )
    assert (answer.status_code, answer.json()["state"]) == (200, "confirmed")
    incident = desk.ops.asks(
        "/v1/incidents", {"title": "Slow", "body": "We look into it.", "components": ["routing"]}
    )
    (opened,) = eventually(
        lambda: [
            one
            for one in received("incident.opened")
            if json.loads(one["body"])["data"]["id"] == incident["incident_id"]
        ],
        within=20,
        what="the incident",
    )
    Webhook(data["secret"]).verify(opened["body"], opened["headers"])
    assert asked["subscription_id"] == data["subscription_id"]


def test_users_of_an_add_on_are_told_and_opting_out_counts_for_what_is_not_critical(
    desk: Desk, far_end: FarEnd
) -> None:
    user, stays, other = (
        desk.new_customer("premium"),
        desk.new_customer("free"),
        desk.new_customer("premium", addons=("mailgrid",)),
    )
    news = announces(desk.redisco, "feature")
    assert news.status_code == 202, news.text
    (mail,) = mailed(far_end, user.email, news.extensions["subject"])
    page = link_in(mail["body"], "/status/unsubscribe/")
    with desk.browser() as anybody:
        assert "<form" in anybody.get(page).text
        assert "You get no more of these" in anybody.post(page).text

    more, terms = announces(desk.redisco, "survey"), announces(desk.redisco, "terms")
    mailed(far_end, user.email, terms.extensions["subject"])
    mailed(far_end, stays.email, more.extensions["subject"])
    (critical,) = mails(far_end, user.email, terms.extensions["subject"])
    assert "List-Unsubscribe" not in critical["headers"], "what is critical cannot be left"
    assert not mails(far_end, user.email, more.extensions["subject"])

    def recorded() -> Any:
        items = desk.agent.get(f"/v1/people/{user.email}/notices")["items"]
        return [
            item
            for item in items
            if item["outcome"] == "suppressed" and "no more non-critical" in item["because"]
        ]

    assert len(eventually(recorded, within=20, what="the suppression")) == 1
    assert not mails(far_end, other.email, "Redisco"), "its app does not have this add-on"


def test_a_maintenance_announced_moved_begun_and_ended(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    user = desk.new_customer("premium")
    late = announces(desk.redisco, "maintenance", starts_at=instant(clock, hours=3))
    assert late.status_code == 422, "under 24 hours ahead a reason is needed"
    assert "override_reason" in late.text
    excused = announces(
        desk.redisco,
        "maintenance",
        starts_at=instant(clock, hours=3),
        ends_at=instant(clock, hours=4),
        override_reason="A disk fails.",
    )
    assert excused.status_code == 202, excused.text
    planned = announces(
        desk.redisco,
        "maintenance",
        starts_at=instant(clock, hours=30),
        ends_at=instant(clock, hours=31),
    )
    subject, key = planned.extensions["subject"], planned.json()["announcement_id"]
    mailed(far_end, user.email, subject)

    desk.redisco.asks(
        f"/v1/announcements/{key}/reschedule",
        {
            "starts_at": instant(clock, hours=40),
            "ends_at": instant(clock, hours=41),
            "body": "The data centre asked us to.",
        },
    )
    (moved,) = mailed(far_end, user.email, f"Maintenance moved: {subject}")
    assert "The data centre asked us to." in moved["body"]
    assert "Before, it was to be" in moved["body"]
    clock.advance(hours=40, minutes=1)
    mailed(far_end, user.email, f"Maintenance has begun: {subject}")
    assert not mails(far_end, user.email, f"Maintenance is over: {subject}")
    clock.advance(hours=1)
    mailed(far_end, user.email, f"Maintenance is over: {subject}")
    for words in ("Maintenance moved: ", "Maintenance has begun: ", "Maintenance is over: "):
        assert len(mails(far_end, user.email, words + subject)) == 1
    assert len(mails(far_end, user.email, subject)) == 4, (
        "announced, moved, begun, ended: each once"
    )


def test_a_provider_is_asked_for_a_post_mortem_when_its_interruption_is_over(
    desk: Desk, far_end: FarEnd
) -> None:
    user, title = desk.new_customer("premium"), f"Redis refuses {secrets.token_hex(3)}"
    key = desk.redisco.asks("/v1/incidents", {"title": title, "body": "We know of it."})[
        "incident_id"
    ]
    mailed(far_end, user.email, f"Incident: {title}")
    desk.redisco.asks(f"/v1/incidents/{key}/updates", {"body": "A disk is being replaced."})
    mailed(far_end, user.email, f"Update: {title}")
    desk.redisco.asks(f"/v1/incidents/{key}/resolve", {"body": "Service is restored."})
    mailed(far_end, user.email, f"Resolved: {title}")
    wanted = f"Post-mortem wanted: {title}"
    eventually(
        lambda: [one for one in far_end.got("mail") if one["subject"] == wanted],
        within=20,
        what="the provider asked for it",
    )
    sections = [
        {"heading": "What happened", "body": "A disk failed."},
        {"heading": "What we are doing", "body": "Two disks."},
    ]
    desk.redisco.asks(f"/v1/incidents/{key}/postmortem", {"sections": sections})
    (told,) = mailed(far_end, user.email, f"Post-mortem: {title}")
    assert "Two disks." in told["body"]


def test_customers_of_linked_tickets_are_asked_once_whether_all_is_well(
    desk: Desk, far_end: FarEnd
) -> None:
    customer, title = desk.new_customer("premium"), f"Dynos hang {secrets.token_hex(3)}"
    ticket = customer.submits("My dynos hang", app=f"{customer.name}-app")
    key = desk.ops.asks(
        "/v1/incidents", {"title": title, "body": "We look into it.", "components": ["routing"]}
    )["incident_id"]

    def linked() -> bool:
        # Intake takes the incident's title from the log, and may not have read it yet.
        asked = desk.agent.acts(ticket, "link", incident_id=key)
        return desk.agent.outcome(asked["request_id"])["state"] == "done"

    eventually(linked, what="linked")
    customer.ticket(ticket, incident_ids=[key])
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "It is over."})

    def questions() -> Any:
        return [
            reply
            for reply in customer.get(f"/v1/tickets/{ticket}")["replies"]
            if "Is everything well again" in reply["body"]
        ]

    (question,) = eventually(questions, within=30, what="the question on the ticket")
    assert title in question["body"]
    assert eventually(
        lambda: [
            m for m in mails(far_end, customer.email) if "Is everything well again" in m["body"]
        ],
        within=20,
    )
    assert customer.get(f"/v1/tickets/{ticket}")["status"] in ("new", "open"), (
        "a question of a machine is no answer"
    )


def notification(
    group: str, clock: ClockHand, status: str = "firing", began: str = ""
) -> dict[str, Any]:
    """Alertmanager's body for a group of one alert about the builds."""
    alert = {
        "status": status,
        "labels": {"alertname": group, "severity": "critical", "component": "builds"},
        "annotations": {"summary": f"{group}: builds wait"},
        "startsAt": began or instant(clock),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": group,
    }
    return {
        "version": "4",
        "groupKey": f"{{}}:{{alertname={group!r}}}",
        "status": status,
        "receiver": "signalbox",
        "alerts": [alert],
    }


def alert_page(desk: Desk, incident: str, state: str) -> dict[str, Any]:
    """The one page about the incident, once it is in `state`."""

    def there() -> Any:
        found = [
            page
            for page in desk.ops.get("/v1/pages", limit=200)["items"]
            if page["ticket_id"] == incident
        ]
        assert [page["state"] for page in found] == [state], found
        return found[0]

    return dict(eventually(there, within=30, what=f"the page of {incident} {state}"))


def rung(far_end: FarEnd, about: str, kind: str = "page") -> list[str]:
    """The last part of the dedup key of each page (or stand-down) that ops got about it."""
    bodies = [json.loads(item["body"]) for item in far_end.about(about, "page", "ops")]
    return [body["dedup_key"].rpartition(".")[2] for body in bodies if body["type"] == kind]


def test_a_maintenance_silences_the_pages_of_its_component_and_restores_what_still_fires(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    running, during = f"Queue{secrets.token_hex(3)}", f"Slow{secrets.token_hex(3)}"
    began = instant(clock)
    first = desk.ops.asks("/v1/alerts", notification(running, clock, began=began))["incident_id"]
    eventually(lambda: rung(far_end, first) == ["s1"], what="ops woken")
    start = clock.now() + timedelta(minutes=2)
    times = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=1)).isoformat()}
    planned = {
        "title": "New builders",
        "body": "Builds wait.",
        "components": ["builds"],
        "override_reason": "A disk fails.",
        **times,
    }
    key = desk.ops.asks("/v1/maintenances", planned)["maintenance_id"]
    try:
        clock.set(start + timedelta(seconds=1))
        page = alert_page(desk, first, "silenced")
        assert page["silences"][-1]["by"] == key
        eventually(
            lambda: rung(far_end, first, "page.stand-down") == ["s1"],
            what="ops told that nothing is needed",
        )

        def silent() -> Any:
            answer = desk.ops.asks("/v1/alerts", notification(during, clock))
            assert alert_page(desk, answer["incident_id"], "silenced")
            return answer["incident_id"]

        second = silent()
        customer = desk.new_customer("premier")
        ticket = customer.submits("My builds fail", app=f"{customer.name}-app", priority="urgent")
        far_end.gets(ticket, "page", to="primary")
        assert rung(far_end, first) == ["s1"] and rung(far_end, second) == [], (
            "a customer is never silenced, the alerts are"
        )

        def told() -> Any:
            why = desk.agent.get(
                "/v1/people/ops@example.com/notices", since=began, until=instant(clock, minutes=1)
            )
            assert any(
                key in item["because"] for item in why["silent"] if item["page_id"] != page["id"]
            ), why["silent"]
            assert any(
                key in item["because"] for item in why["items"] if item["kind"] == "stand-down"
            ), why["items"]
            return why

        eventually(told, what="the reasons in the ledger")
    finally:
        clock.set(start + timedelta(hours=1, seconds=1))
    eventually(
        lambda: rung(far_end, first) == ["s1", "r1s1"],
        within=30,
        what="it rings again from the first step",
    )
    eventually(
        lambda: rung(far_end, second) == ["s1"],
        within=30,
        what="what began during it rings as well",
    )
    open_again = alert_page(desk, first, "open")
    certificate = desk.ops.get(f"/v1/pages/{open_again['id']}/certificate")
    assert certificate["verdict"] == "exactly-one"
    (silence,) = certificate["silences"]
    assert silence["by"] == key and silence["until"]
    for group, incident in ((running, first), (during, second)):
        starts = desk.ops.get(f"/v1/incidents/{incident}")["alerts"][0]["started_at"]
        desk.ops.asks("/v1/alerts", notification(group, clock, "resolved", began=starts))
        alert_page(desk, incident, "resolved")
    assert (rung(far_end, first), rung(far_end, second)) == (["s1", "r1s1"], ["s1"]), "once each"
