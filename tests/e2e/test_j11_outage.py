"""J11: the outage of 29 June 2012, replayed into a running stack. J12's part of it: the page while
everything of ours is down.

`deploy/demo/scenarios/2012-06-29` is replayed in pieces: its requests have ids of their own, so
what was asked before is decided once, and each piece goes on where the one before ended. Its times
are kept, so the header is the seed's however long this takes.
"""

from __future__ import annotations

import html
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import feedparser
import httpx
import pytest
import yaml

from deploy.demo.outage import incident_id, scenario_in
from tests.support.desk import Desk, FarEnd
from tests.support.stack import ROOT, Stack, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

FOLDER = ROOT / "deploy" / "demo" / "scenarios" / "2012-06-29"
STORY = scenario_in(FOLDER)
KEY = incident_id(STORY)
PREFIX = "j11-"
RED = {"production": "red", "development": "red"}
GREEN = {"production": "green", "development": "green"}


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    with running(env={"SIGNALBOX_TOPIC_PREFIX": PREFIX}) as up:
        yield up


def replayed(stack: Stack, folder: Path, until: str) -> None:
    """The scenario up to the first step that does or says `until`, and that one too."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / "scenario.yaml").read_text())
    last = next(n for n, step in enumerate(STORY.steps) if step.do == until or until in step.say)
    document["steps"] = document["steps"][: last + 1]
    folder.mkdir(exist_ok=True)
    (folder / "scenario.yaml").write_text(yaml.safe_dump(document))
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "replay",
        str(folder),
        "--prefix",
        PREFIX,
        "--speed",
        "0",
        "--keep-times",
    ]
    env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": stack.kafka}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)


def page(base: str, path: str, expected: int = 200) -> str:
    answer = httpx.get(base + path, headers={"Accept": "text/html"}, timeout=10)
    assert answer.status_code == expected, f"{path}: {answer.status_code}"
    return answer.text


def lights(base: str) -> dict[str, str]:
    answer = httpx.get(f"{base}/v1/status", timeout=10)
    return dict(answer.json()["status"]) if answer.status_code == 200 else {}


def status_of(stack: Stack) -> str:
    """The address of the status page's own process."""
    return f"http://127.0.0.1:{stack.processes()['status']['ports']['status']}"


def test_the_outage_of_2012(own: Stack, tmp_path: Path) -> None:
    desk, far_end, portal = Desk(own), FarEnd(own.sink), own.portal
    replayed(own, tmp_path / "s", "alert")
    (woken,) = far_end.gets(
        KEY, "page", "ops"
    )  # within ten seconds of the alert's being in the log
    assert STORY.monitor.summary in woken["subject"] + woken["body"]
    assert lights(portal) == GREEN, "an alert alone says nothing in public"

    replayed(own, tmp_path / "s", "such as H99s")
    for base in (portal, status_of(own)):
        eventually(lambda base=base: lights(base) == RED, what="both lights turn red")
    banner = page(portal, "/help")
    assert "Production is down." in banner and f'href="/status/incidents/{KEY}"' in banner

    customer = desk.new_customer("premium")
    draft = {
        "subject": "H99 on every page since the storm",
        "body": "Routing is down for all of our users.",
    }
    shown = httpx.post(
        f"{portal}/help/suggestions", data=draft, headers={"Origin": portal}, timeout=10
    )
    assert STORY.incident in shown.text, "who starts a matching ticket is shown the incident"
    answer = eventually(
        lambda: _linked(customer.asks("/v1/tickets", {**draft, "app": f"{customer.name}-app"})),
        what="a match",
    )
    tickets = [answer["ticket_id"]]
    tickets.append(
        customer.submits(
            "Database offline", "Our postgres database does not answer.", app=f"{customer.name}-app"
        )
    )
    for ticket in tickets:
        customer.ticket(ticket, incident_ids=[KEY])
    told = customer.call("GET", f"/tickets/{tickets[0]}", None).text
    assert f'href="/status/incidents/{KEY}">{STORY.incident}</a>' in told, (
        "the ticket's page names the incident"
    )
    unlike = customer.submits(
        "How do I rename an app?", "I would like another name for it.", app=f"{customer.name}-app"
    )
    assert customer.ticket(unlike, status="new")["incident_ids"] == []

    replayed(own, tmp_path / "s", "App operations are restored")
    eventually(lambda: lights(portal) == GREEN, what="both lights are green again")
    assert "Production is down." not in page(portal, "/help")
    eventually(
        lambda: desk.ops.get(f"/v1/incidents/{KEY}")["state"] == "resolved", what="the view has it"
    )
    report = page(portal, f"/status/incidents/{KEY}")
    assert "Production 5h 8h Development 5h 8h" in report
    said = [
        step.say
        for step in STORY.steps
        if step.do in ("open", "update", "resolve") and not step.scope
    ]
    assert shown_updates(report) == list(reversed(said)), (
        "every update, in the seed's order: newest first"
    )

    once = desk.ops.asks(
        f"/v1/incidents/{KEY}/message",
        {"body": "Service is restored; please look at your app again."},
    )
    assert once["tickets"] == 2
    for ticket in tickets:
        eventually(
            lambda ticket=ticket: _answers(desk, ticket) == 1,
            what="one message on each linked ticket",
        )
    assert _answers(desk, unlike) == 0
    editor = desk.ops.call("GET", f"/ops/incidents/{KEY}/postmortem").text
    for words in (
        "Scope of impact",
        "What happened",
        "What we are doing",
        "What you can do",
        "We have lost connectivity to some",
    ):
        assert words in editor, "the report is drafted from the timeline"

    replayed(own, tmp_path / "s", "postmortem")
    eventually(
        lambda: "power loss in the US East" in page(portal, f"/status/incidents/{KEY}"),
        what="the report",
    )
    final = page(portal, f"/status/incidents/{KEY}")
    assert (
        "Production 5h 8h Development 5h 8h" in final
        and "For applications using the Bamboo stack" in final
    )
    history = page(portal, "/status/history/2012-06")
    assert STORY.incident in history and "61.783 %" in history, (
        "8 h of the 20 h 56 min of June that are recorded"
    )
    issues = httpx.get(f"{portal}/api/v3/issues?since=2012-06-29", timeout=10).json()
    assert (STORY.incident, True, "2012-06-30T03:04:00Z") in [
        (each["title"], each["resolved"], each["created_at"]) for each in issues
    ]
    feed = feedparser.parse(httpx.get(f"{portal}/status/feed.atom", timeout=10).content)
    assert not feed.bozo and f"urn:signalbox:status:{KEY}" in {entry.id for entry in feed.entries}
    pages = [
        item
        for item in far_end.about(KEY, "page", "ops")
        if json.loads(item["body"])["type"] == "page"
    ]
    assert len(pages) == 1, "ops were woken once"


def _linked(answer: dict[str, Any]) -> dict[str, Any] | None:
    assert [incident["id"] for incident in answer["incidents"]] == [KEY]
    return answer


def _answers(desk: Desk, ticket: str) -> int:
    return sum(
        "Service is restored" in str(entry)
        for entry in desk.agent.get(f"/v1/tickets/{ticket}/events")["items"]
    )


def shown_updates(report: str) -> list[str]:
    """What the updates on the page say, in their order there."""
    updates = report[report.index("Updates, the latest first") :]
    return [
        html.unescape(text)
        for text in re.findall(r'<div class="body">(.*?)</div>', updates, re.DOTALL)
    ]


@pytest.mark.long
def test_the_page_is_served_while_everything_of_ours_is_down(own: Stack, tmp_path: Path) -> None:
    desk, title = Desk(own), f"Nothing answers {secrets.token_hex(3)}"
    body = {"title": title, "body": "We look into it.", "components": ["dashboard"], "impact": RED}
    key = desk.ops.asks("/v1/incidents", body)["incident_id"]
    alone = status_of(own)
    for base in (own.portal, alone):
        eventually(
            lambda base=base: title in page(base, f"/status/incidents/{key}"),
            what="it is on the page",
        )
    try:
        with standing_still(own, "mongod"):
            for path in (
                "/status",
                f"/status/incidents/{key}",
                "/status/history",
                "/api/v3/current-status",
                "/help",
            ):
                assert title in page(own.portal, path) or path == "/status/history", (
                    f"{path} on the portal without MongoDB"
                )
        with standing_still(own, *(set(own.processes()) - {"status"})):
            assert title in page(alone, "/status"), (
                "Kafka, MongoDB, the portal and every other service are away"
            )
            assert lights(alone) == RED
            assert "urn:signalbox:status" in page(alone, "/status/feed.atom")
        with standing_still(own, *own.processes()), served(own.data / "status-page") as other:
            assert title in page(other, "/status"), (
                "from the disk alone, by a process that was never told of anything"
            )
            assert lights(other) == RED
    finally:
        desk.ops.asks(f"/v1/incidents/{key}/resolve", {"body": "Restored."})
    eventually(lambda: lights(alone) == GREEN, within=60, what="it goes on where it was")


@contextmanager
def standing_still(stack: Stack, *names: str) -> Iterator[None]:
    """These programs get no time, and nobody starts them again meanwhile."""
    stopped = [stack.process.pid, *(stack.pid(name) for name in names)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder, by the server that comes with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "services.portal.status.serve", str(folder), str(port)], cwd=ROOT
    )
    try:
        base = f"http://127.0.0.1:{port}"
        eventually(lambda: _answering(base), within=30, what="it serves")
        yield base
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answering(base: str) -> bool:
    try:
        return httpx.get(f"{base}/livez", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
