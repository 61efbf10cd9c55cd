"""Monitors' alerts, incidents and maintenances on the running stack: who is woken, who sees what,
what a ticket is told.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

RED = {"production": "red", "development": "red"}


@pytest.fixture(autouse=True)
def no_storm(clock: ClockHand) -> None:
    """What other tests raised is more than ten minutes ago, or it would be one storm with ours."""
    clock.advance(minutes=11)


def notification(
    group: str, clock: ClockHand, status: str = "firing", began: float = 0, **labels: str
) -> dict[str, Any]:
    """Alertmanager's body for a group of one alert."""
    starts_at = f"{clock.now() - timedelta(minutes=began):%Y-%m-%dT%H:%M:00Z}"
    alert = {
        "status": status,
        "labels": {"alertname": group, "severity": "critical", "component": "routing", **labels},
        "annotations": {"summary": f"{group}: errors over 20 %"},
        "startsAt": starts_at,
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


def incident(person: Person, key: str, **wanted: Any) -> dict[str, Any]:
    """The incident once it has the wanted values."""

    def seen() -> Any:
        answer = person.call("GET", f"/v1/incidents/{key}")
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
        found = answer.json()
        assert {name: found.get(name) for name in wanted} == wanted
        return found

    return dict(eventually(seen, within=30, what=f"{key} with {wanted}"))


def paged(far_end: FarEnd, key: str, to: str = "ops") -> list[dict[str, Any]]:
    return list(eventually(lambda: far_end.about(key, "page", to), what=f"{to} paged about {key}"))


def test_an_alert_wakes_ops_and_drafts_an_incident_that_goes_with_it(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    sent = notification(f"Errors{secrets.token_hex(3)}", clock)
    answer = desk.ops.asks("/v1/alerts", sent)
    key = answer["incident_id"]
    (page,) = paged(far_end, key)
    assert "errors over 20 %" in page["subject"]
    draft = incident(desk.ops, key, state="draft")
    assert [component["id"] for component in draft["components"]] == ["routing"] and draft[
        "alerts"
    ][0]["ended_at"] is None
    assert httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).status_code == 404, (
        "a draft does not exist for anybody else"
    )
    assert desk.agent.call("GET", f"/v1/incidents/{key}").status_code == 404
    assert key not in {
        item["id"] for item in desk.premier.get("/v1/incidents", state="live")["items"]
    }

    assert desk.ops.asks("/v1/alerts", sent)["incident_id"] == key
    ended = notification(str(sent["alerts"][0]["fingerprint"]), clock, "resolved")
    ended["alerts"][0]["startsAt"] = sent["alerts"][0]["startsAt"]
    assert desk.ops.asks("/v1/alerts", ended)["incident_id"] == key
    assert incident(desk.ops, key, state="dropped")["alerts"][0]["ended_at"]
    page_id = json.loads(page["body"])["page_id"]
    eventually(
        lambda: desk.primary.get(f"/v1/pages/{page_id}")["state"] == "resolved",
        what="the page ended with its alert",
    )
    pages = [
        one
        for one in far_end.about(key, "page", "ops")
        if json.loads(one["body"])["type"] == "page"
    ]
    assert len(pages) == 1, "a repeated notification wakes nobody again"


def test_ops_are_woken_while_the_router_stands_still(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    router = desk.stack.pid("router")
    os.kill(router, signal.SIGSTOP)
    try:
        key = desk.ops.asks("/v1/alerts", notification(f"Stuck{secrets.token_hex(3)}", clock))[
            "incident_id"
        ]
        assert paged(far_end, key)
    finally:
        os.kill(router, signal.SIGCONT)
    incident(desk.ops, key, state="draft")
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "A false alarm."})
    incident(desk.ops, key, state="dropped")


def test_an_incident_is_shown_to_whoever_starts_a_matching_ticket_and_told_to_all_at_once(
    desk: Desk, far_end: FarEnd
) -> None:
    word = f"H{secrets.randbelow(3) + 16}"
    body = {
        "title": "Widespread Application Outage",
        "body": "We are looking.",
        "components": ["routing"],
        "impact": RED,
    }
    key = desk.ops.asks("/v1/incidents", body)["incident_id"]
    incident(desk.ops, key, state="open", public=True)
    try:
        customer = desk.new_customer("premier")
        about = {"app": f"{customer.name}-app", "priority": "urgent"}

        def matched() -> Any:
            answer = customer.asks(
                "/v1/tickets", {"subject": f"{word} on every page", "body": "It is down.", **about}
            )
            return answer if answer["incidents"] else None

        answer = eventually(matched, what="intake knows of the incident")
        assert answer["incidents"][0]["id"] == key
        ticket = answer["ticket_id"]
        customer.ticket(ticket, incident_ids=[key])
        assert paged(far_end, ticket, "primary"), (
            "it may still be submitted, and is an emergency all the same"
        )

        other = customer.submits("Something else")
        request = desk.agent.acts(other, "link", incident_id=key)
        assert desk.agent.outcome(request["request_id"])["state"] == "done"
        customer.ticket(other, incident_ids=[key])

        said = desk.ops.asks(
            f"/v1/incidents/{key}/updates",
            {
                "body": "API access is disabled.",
                "impact": {"production": "yellow", "development": "green"},
            },
        )
        assert desk.ops.outcome(said["request_id"])["state"] == "done"
        public = httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).json()
        assert [update["body"] for update in public["updates"]] == [
            "We are looking.",
            "API access is disabled.",
        ]
        assert (
            public["impact"] == {"production": "yellow", "development": "green"}
            and "by" not in public["updates"][0]
        )

        told = desk.ops.asks(f"/v1/incidents/{key}/message", {"body": "It gets better."})
        assert told["tickets"] >= 2
        for name in (ticket, other):
            eventually(
                lambda name=name: (
                    "It gets better." in str(customer.get(f"/v1/tickets/{name}")["replies"])
                ),
                what="told",
            )
    finally:
        desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "Restored."})
    over = incident(desk.ops, key, state="resolved")
    assert over["impact"] == {"production": "green", "development": "green"} and over[
        "header"
    ].startswith("Production ")
    sections = [{"heading": "What happened", "body": "A storm."}]
    assert (
        desk.ops.outcome(
            desk.ops.asks(f"/v1/incidents/{key}/postmortem", {"sections": sections})["request_id"]
        )["state"]
        == "done"
    )
    assert (
        httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).json()["postmortem"][
            "sections"
        ]
        == sections
    )


def test_a_maintenance_begins_and_ends_by_the_clock(desk: Desk, clock: ClockHand) -> None:
    start = clock.now() + timedelta(hours=3)
    body: dict[str, Any] = {
        "title": "New hosts",
        "body": "Short cuts of connections.",
        "impact": {"production": "yellow"},
    }
    times = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=1)).isoformat()}
    refused = desk.redisco.call("POST", "/v1/maintenances", {**body, **times})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/notice-too-short")
    key = desk.redisco.asks(
        "/v1/maintenances", {**body, **times, "override_reason": "a security update"}
    )["maintenance_id"]

    def state(wanted: str) -> Any:
        found = httpx.get(f"{desk.stack.portal}/v1/maintenances/{key}", timeout=10)
        return (
            found.json() if found.status_code == 200 and found.json()["state"] == wanted else None
        )

    found = eventually(lambda: state("scheduled"), what="scheduled")
    assert [component["addon"] for component in found["components"]] == ["redisco"] and found[
        "override_reason"
    ]
    assert desk.mailgrid.call("POST", f"/v1/maintenances/{key}/cancel", {}).status_code == 403
    clock.set(start + timedelta(seconds=1))
    eventually(lambda: state("started"), what="started", within=30)
    clock.set(start + timedelta(hours=1, seconds=1))
    ended = eventually(lambda: state("ended"), what="ended", within=30)
    assert ended["header"] == "Maintenance 1h"


def rings(far_end: FarEnd, text: str) -> list[str]:
    """The pages (not the stand-downs) that the far end got with `text` in their subject."""
    got = [item for item in far_end.got("page") if text in item["subject"]]
    bodies = [json.loads(item["body"]) for item in got]
    return [body["page_id"] for body in bodies if body["type"] == "page"]


def test_an_alert_that_fires_again_after_its_own_end_wakes_ops_anew_and_is_drafted_anew(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    """The same body, `startsAt` and fingerprint included."""
    name = f"Refire{secrets.token_hex(3)}"
    fires = notification(name, clock, began=1)
    ends = json.loads(json.dumps(fires).replace('"firing"', '"resolved"'))
    key = desk.ops.asks("/v1/alerts", fires)["incident_id"]
    eventually(lambda: len(rings(far_end, name)) == 1, what="a page")
    desk.ops.asks("/v1/alerts", ends)
    incident(desk.ops, key, state="dropped")
    again = desk.ops.asks("/v1/alerts", fires)["incident_id"]
    eventually(lambda: len(rings(far_end, name)) == 2, what="a second page")
    incident(desk.ops, again, state="draft")
    desk.ops.asks("/v1/alerts", fires)
    desk.ops.asks("/v1/alerts", ends)
    over = incident(desk.ops, again, state="dropped")
    assert all(alert["ended_at"] for alert in over["alerts"])
    assert len(set(rings(far_end, name))) == 2


def test_a_storm_in_one_group_is_one_page_and_one_draft(
    desk: Desk, far_end: FarEnd, clock: ClockHand
) -> None:
    name = f"Storm{secrets.token_hex(3)}"
    storm = notification(name, clock)
    (one,) = storm["alerts"]
    storm["alerts"] = [
        {
            **one,
            "fingerprint": f"{name}{number}",
            "labels": {**one["labels"], "pod": f"checkout-{number}"},
            "annotations": {"summary": f"{name}: pod is not ready", "description": "." * 400},
            "generatorURL": "x" * 700,
        }
        for number in range(300)
    ]
    assert len(json.dumps(storm)) > 345_000
    answer = desk.ops.asks("/v1/alerts", storm)
    assert answer["incident_ids"] == [answer["incident_id"]] and len(answer["alerts"]) == 300
    eventually(lambda: len(rings(far_end, name)) == 1, what="a page")
    draft = incident(desk.ops, answer["incident_id"], state="draft")
    assert draft["title"] == f"{name}: pod is not ready (300 alerts)"
    assert "(300 times)" in draft["updates"][0]["body"]
    eventually(
        lambda: len(desk.ops.get(f"/v1/incidents/{draft['id']}")["alerts"]) == 300,
        what="all alerts noted",
    )
    assert len(rings(far_end, name)) == 1
    for alert in storm["alerts"]:
        alert["status"] = "resolved"
    desk.ops.asks("/v1/alerts", storm)
    incident(desk.ops, answer["incident_id"], state="dropped")


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"annotations": {"description": "0" * 10_001}}, "was cut"),
        ({"startsAt": "2199-01-01T00:00:00Z"}, "clock"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "clock"),
        ({"startsAt": None}, "startsAt"),
        ({"annotations": None, "labels": {"alertname": "Plain", "severity": None}}, ""),
    ],
)
def test_what_is_wrong_with_an_alert_is_repaired_and_it_pages(
    desk: Desk, far_end: FarEnd, clock: ClockHand, change: dict[str, Any], warning: str
) -> None:
    name = f"Odd{secrets.token_hex(3)}"
    sent = notification(name, clock)
    sent["alerts"][0] |= change
    sent["alerts"][0]["labels"]["alertname"] = name
    answer = desk.ops.asks("/v1/alerts", sent)
    assert warning in " ".join(answer["warnings"])
    eventually(lambda: len(rings(far_end, name)) == 1, what="a page")
    ended = json.loads(json.dumps(sent).replace('"firing"', '"resolved"'))
    desk.ops.asks("/v1/alerts", ended)
    incident(desk.ops, answer["incident_id"], state="dropped")


def test_what_cannot_be_read_pages_with_the_beginning_of_its_text(
    desk: Desk, far_end: FarEnd
) -> None:
    text = f"the cluster is on fire {secrets.token_hex(3)}"
    answer = httpx.post(
        f"{desk.stack.portal}/v1/alerts",
        content=text,
        headers={"Authorization": f"Bearer {desk.ops.token}", "Content-Type": "text/plain"},
        timeout=20,
    )
    assert answer.status_code == 202, answer.text
    key = answer.json()["incident_id"]
    eventually(lambda: rings(far_end, text), what="a page")
    assert text in incident(desk.ops, key, state="draft")["title"]
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "A test."})


def test_an_alert_after_ops_have_closed_the_incident_is_another_incident(
    desk: Desk, clock: ClockHand
) -> None:
    name = f"Closed{secrets.token_hex(3)}"
    sent = notification(name, clock, began=1)
    key = desk.ops.asks("/v1/alerts", sent)["incident_id"]
    incident(desk.ops, key, state="draft")
    desk.ops.asks(f"/v1/incidents/{key}/publish", {})
    incident(desk.ops, key, state="open")
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "Over."})
    incident(desk.ops, key, state="resolved")
    second = {**sent["alerts"][0], "fingerprint": f"{name}-2"}

    def other() -> Any:
        found = desk.ops.asks("/v1/alerts", {**sent, "alerts": [sent["alerts"][0], second]})
        return found if len(found["incident_ids"]) == 2 else None

    answer = eventually(other, what="intake knows that it is over")
    assert answer["alerts"][0]["incident_id"] == key, "a repeat of what fires stays"
    incident(desk.ops, answer["alerts"][1]["incident_id"], state="draft")
    desk.ops.asks(
        f"/v1/incidents/{answer['alerts'][1]['incident_id']}/resolve", {"body": "A test."}
    )
