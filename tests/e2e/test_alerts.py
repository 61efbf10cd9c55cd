"""Monitors' alerts, incidents and maintenances on the running stack: who is woken, who sees what, what a ticket is told."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.stack import ClockHand
from tests.support.waiting import eventually

RED = {"production": "red", "development": "red"}


def notification(group: str, clock: ClockHand, status: str = "firing", began: float = 0, **labels: str) -> dict[str, Any]:
    """Alertmanager's body for a group of one alert."""
    starts_at = f"{clock.now() - timedelta(minutes=began):%Y-%m-%dT%H:%M:00Z}"
    alert = {
        "status": status, "labels": {"alertname": group, "severity": "critical", "component": "routing", **labels},
        "annotations": {"summary": f"{group}: errors over 20 %"}, "startsAt": starts_at,
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": group,
    }  # fmt: skip
    return {"version": "4", "groupKey": f"{{}}:{{alertname={group!r}}}", "status": status, "receiver": "signalbox", "alerts": [alert]}


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


def test_an_alert_wakes_ops_and_drafts_an_incident_that_goes_with_it(desk: Desk, far_end: FarEnd, clock: ClockHand) -> None:
    sent = notification(f"Errors{secrets.token_hex(3)}", clock)
    answer = desk.ops.asks("/v1/alerts", sent)
    key = answer["incident_id"]
    (page,) = paged(far_end, key)
    assert "errors over 20 %" in page["subject"]
    draft = incident(desk.ops, key, state="draft")
    assert [component["id"] for component in draft["components"]] == ["routing"] and draft["alerts"][0]["ended_at"] is None
    assert httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).status_code == 404, "a draft does not exist for anybody else"
    assert desk.agent.call("GET", f"/v1/incidents/{key}").status_code == 404
    assert key not in {item["id"] for item in desk.premier.get("/v1/incidents", state="live")["items"]}

    assert desk.ops.asks("/v1/alerts", sent)["incident_id"] == key
    ended = notification(str(sent["alerts"][0]["fingerprint"]), clock, "resolved")
    ended["alerts"][0]["startsAt"] = sent["alerts"][0]["startsAt"]
    assert desk.ops.asks("/v1/alerts", ended)["incident_id"] == key
    assert incident(desk.ops, key, state="dropped")["alerts"][0]["ended_at"]
    page_id = json.loads(page["body"])["page_id"]
    eventually(lambda: desk.primary.get(f"/v1/pages/{page_id}")["state"] == "resolved", what="the page ended with its alert")
    pages = [one for one in far_end.about(key, "page", "ops") if json.loads(one["body"])["type"] == "page"]
    assert len(pages) == 1, "a repeated notification wakes nobody again"


def test_ops_are_woken_while_the_router_stands_still(desk: Desk, far_end: FarEnd, clock: ClockHand) -> None:
    router = desk.stack.pid("router")
    os.kill(router, signal.SIGSTOP)
    try:
        key = desk.ops.asks("/v1/alerts", notification(f"Stuck{secrets.token_hex(3)}", clock))["incident_id"]
        assert paged(far_end, key)
    finally:
        os.kill(router, signal.SIGCONT)
    incident(desk.ops, key, state="draft")
    desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "A false alarm."})
    incident(desk.ops, key, state="dropped")


def test_an_incident_is_shown_to_whoever_starts_a_matching_ticket_and_told_to_all_at_once(desk: Desk, far_end: FarEnd) -> None:
    word = f"H{secrets.randbelow(3) + 16}"
    body = {"title": "Widespread Application Outage", "body": "We are looking.", "components": ["routing"], "impact": RED}
    key = desk.ops.asks("/v1/incidents", body)["incident_id"]
    incident(desk.ops, key, state="open", public=True)
    try:
        customer = desk.new_customer("premier")
        about = {"app": f"{customer.name}-app", "priority": "urgent"}

        def matched() -> Any:
            answer = customer.asks("/v1/tickets", {"subject": f"{word} on every page", "body": "It is down.", **about})
            return answer if answer["incidents"] else None

        answer = eventually(matched, what="intake knows of the incident")
        assert answer["incidents"][0]["id"] == key
        ticket = answer["ticket_id"]
        customer.ticket(ticket, incident_ids=[key])
        assert paged(far_end, ticket, "primary"), "it may still be submitted, and is an emergency all the same"

        other = customer.submits("Something else")
        request = desk.agent.acts(other, "link", incident_id=key)
        assert desk.agent.outcome(request["request_id"])["state"] == "done"
        customer.ticket(other, incident_ids=[key])

        said = desk.ops.asks(
            f"/v1/incidents/{key}/updates", {"body": "API access is disabled.", "impact": {"production": "yellow", "development": "green"}}
        )
        assert desk.ops.outcome(said["request_id"])["state"] == "done"
        public = httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).json()
        assert [update["body"] for update in public["updates"]] == ["We are looking.", "API access is disabled."]
        assert public["impact"] == {"production": "yellow", "development": "green"} and "by" not in public["updates"][0]

        told = desk.ops.asks(f"/v1/incidents/{key}/message", {"body": "It gets better."})
        assert told["tickets"] >= 2
        for name in (ticket, other):
            eventually(lambda name=name: "It gets better." in str(customer.get(f"/v1/tickets/{name}")["replies"]), what="told")
    finally:
        desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "Restored."})
    over = incident(desk.ops, key, state="resolved")
    assert over["impact"] == {"production": "green", "development": "green"} and over["header"].startswith("Production ")
    sections = [{"heading": "What happened", "body": "A storm."}]
    assert desk.ops.outcome(desk.ops.asks(f"/v1/incidents/{key}/postmortem", {"sections": sections})["request_id"])["state"] == "done"
    assert httpx.get(f"{desk.stack.portal}/v1/incidents/{key}", timeout=10).json()["postmortem"]["sections"] == sections


def test_a_maintenance_begins_and_ends_by_the_clock(desk: Desk, clock: ClockHand) -> None:
    start = clock.now() + timedelta(hours=3)
    body: dict[str, Any] = {"title": "New hosts", "body": "Short cuts of connections.", "impact": {"production": "yellow"}}
    times = {"starts_at": start.isoformat(), "ends_at": (start + timedelta(hours=1)).isoformat()}
    refused = desk.redisco.call("POST", "/v1/maintenances", {**body, **times})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/notice-too-short")
    key = desk.redisco.asks("/v1/maintenances", {**body, **times, "override_reason": "a security update"})["maintenance_id"]

    def state(wanted: str) -> Any:
        found = httpx.get(f"{desk.stack.portal}/v1/maintenances/{key}", timeout=10)
        return found.json() if found.status_code == 200 and found.json()["state"] == wanted else None

    found = eventually(lambda: state("scheduled"), what="scheduled")
    assert [component["addon"] for component in found["components"]] == ["redisco"] and found["override_reason"]
    assert desk.mailgrid.call("POST", f"/v1/maintenances/{key}/cancel", {}).status_code == 403
    clock.set(start + timedelta(seconds=1))
    eventually(lambda: state("started"), what="started", within=30)
    clock.set(start + timedelta(hours=1, seconds=1))
    ended = eventually(lambda: state("ended"), what="ended", within=30)
    assert ended["header"] == "Production 1h 0m Development 0m 0m"


@contextmanager
def alertmanager(folder: Path, url: str, token: str) -> Iterator[str]:
    """Debian's Prometheus Alertmanager, sending to `url`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    receiver = f"webhook_configs: [{{url: '{url}', send_resolved: true, http_config: {{authorization: {{credentials: '{token}'}}}}}}]"
    route = "{receiver: signalbox, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}"
    (folder / "am.yml").write_text(f"route: {route}\nreceivers:\n  - name: signalbox\n    {receiver}\n")
    command = [
        "prometheus-alertmanager", f"--config.file={folder / 'am.yml'}", f"--storage.path={folder}", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"

        def up() -> bool:
            try:
                return httpx.get(f"{base}/-/ready", timeout=1).status_code == 200
            except httpx.HTTPError:
                return False

        eventually(up, what="Alertmanager is up")
        yield base
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="Debian's prometheus-alertmanager is not installed")
def test_prometheus_alertmanager_itself(desk: Desk, far_end: FarEnd, tmp_path: Path) -> None:
    name = f"Real{secrets.token_hex(3)}"
    labels = {"alertname": name, "severity": "warning", "component": "postgres"}
    annotations = {"summary": f"{name}: replication lags"}
    with alertmanager(tmp_path, f"{desk.stack.portal}/v1/alerts", desk.ops.token) as base:
        httpx.post(f"{base}/api/v2/alerts", json=[{"labels": labels, "annotations": annotations}], timeout=10).raise_for_status()

        def draft() -> Any:
            found = desk.ops.get("/v1/incidents", state="live")["items"]
            return next((item for item in found if item["title"] == annotations["summary"]), None)

        key = eventually(draft, what="a draft")["id"]
        assert paged(far_end, key)
        over = [{"labels": labels, "annotations": annotations, "endsAt": "2020-01-01T00:00:00Z", "startsAt": "2019-12-31T00:00:00Z"}]
        httpx.post(f"{base}/api/v2/alerts", json=over, timeout=10).raise_for_status()
        found = incident(desk.ops, key)
        assert found["alerts"][0]["severity"] == "warning" and [c["id"] for c in found["components"]] == ["postgres"]
