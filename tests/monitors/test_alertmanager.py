"""Debian's Prometheus Alertmanager against the running stack: everybody who must be woken is, once.

`make chaos` installs Alertmanager and runs this; `make test` does not.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.desk import Desk, FarEnd
from tests.support.stack import Stack, running
from tests.support.waiting import eventually, stretched

pytestmark = pytest.mark.chaos

MOST_PAGES = 10
FLAPS = 3


class Alertmanager:
    """One that runs: `fires` and `ends` are what Prometheus would post to it."""

    def __init__(self, base: str) -> None:
        self._base = base

    def fires(self, *alerts: dict[str, Any], **times: datetime) -> None:
        self._post(alerts, {name: at.isoformat() for name, at in times.items()})

    def ends(self, *alerts: dict[str, Any]) -> None:
        self._post(alerts, {"endsAt": datetime.now(UTC).isoformat()})

    def _post(self, alerts: Iterable[dict[str, Any]], times: dict[str, str]) -> None:
        sent = [{**alert, **times} for alert in alerts]
        httpx.post(f"{self._base}/api/v2/alerts", json=sent, timeout=30).raise_for_status()

    def failed(self) -> float:
        """Notifications that were refused, or not answered."""
        text = httpx.get(f"{self._base}/metrics", timeout=10).text
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("alertmanager_notifications_failed_total")
            and 'integration="webhook"' in line
        )


@contextmanager
def alertmanager(folder: Path, url: str, token: str, group_by: str) -> Iterator[Alertmanager]:
    """Debian's, sending to `url`; it groups by the labels in `group_by`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    config = f"""
route:
  receiver: signalbox
  group_by: [{group_by}]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 5s
receivers:
  - name: signalbox
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config: {{authorization: {{credentials: {token}}}}}
"""
    (folder / "am.yml").write_text(config)
    command = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'am.yml'}",
        f"--storage.path={folder}",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        try:
            return httpx.get(f"{base}/-/ready", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        eventually(is_up, what="Alertmanager is up")
        yield Alertmanager(base)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(env={"SIGNALBOX_TOPIC_PREFIX": "monitors-"}) as up:
        yield up


@pytest.fixture(scope="module")
def desk(stack: Stack) -> Desk:
    return Desk(stack)


@pytest.fixture(scope="module")
def far_end(stack: Stack) -> FarEnd:
    return FarEnd(stack.sink)


@pytest.fixture
def name(stack: Stack) -> str:
    """Of a test's alerts. What went before is another storm."""
    stack.clock.advance(minutes=31)
    return f"Real{secrets.token_hex(3)}"


def alert(name: str, summary: str, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": summary, "description": "x" * 300},
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=" + "x" * 200,
    }


def pages(far_end: FarEnd, text: str) -> list[str]:
    """The pages (not the stand-downs, nor later steps) about `text`, each once for each send."""
    got = [json.loads(item["body"]) | {"subject": item["subject"]} for item in far_end.got("page")]
    first = [one for one in got if one["type"] == "page" and one["dedup_key"].endswith(".s1")]
    return [one["page_id"] for one in first if text in one["subject"]]


def drafts(desk: Desk, text: str, state: str = "all") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = desk.ops.get("/v1/incidents", state=state, limit=100, **cursor)
        found += [item for item in answer["items"] if text in item["title"]]
        if not answer["next"]:
            return found
        cursor = {"cursor": answer["next"]}


def the_draft(desk: Desk, text: str) -> dict[str, Any]:
    """The only one, once the view has it: its page goes another way and may be quicker."""
    found = eventually(lambda: drafts(desk, text), within=stretched(30), what="a draft")
    (draft,) = found
    return dict(draft)


def alerts_of(desk: Desk, incident: str) -> list[dict[str, Any]]:
    return list(desk.ops.get(f"/v1/incidents/{incident}")["alerts"])


def once(found: list[str]) -> list[str]:
    """Each page was sent once."""
    assert set(Counter(found).values()) <= {1}, Counter(found)
    return found


def receiver(desk: Desk) -> tuple[str, str]:
    return f"{desk.stack.portal}/v1/alerts", desk.ops.token


def test_a_storm_of_300_alerts_in_one_group(
    desk: Desk, far_end: FarEnd, tmp_path: Path, name: str
) -> None:
    storm = [alert(name, f"{name}: not ready", pod=f"p{n}", node=f"n{n}") for n in range(300)]
    with alertmanager(tmp_path / "am", *receiver(desk), "alertname") as monitor:
        monitor.fires(*storm)
        eventually(lambda: pages(far_end, name), within=stretched(30), what="a page")
        draft = the_draft(desk, name)
        assert draft["title"].startswith(f"{name}: not ready")
        eventually(
            lambda: len(alerts_of(desk, draft["id"])) == 300,
            within=stretched(60),
            what="all alerts in it",
        )
        monitor.ends(*storm)
        eventually(
            lambda: desk.ops.get(f"/v1/incidents/{draft['id']}")["state"] == "dropped",
            within=stretched(60),
            what="it goes with its alerts",
        )
        assert len(once(pages(far_end, name))) == 1 and len(drafts(desk, name)) == 1
        assert monitor.failed() == 0


def test_thirty_groups_at_once(desk: Desk, far_end: FarEnd, tmp_path: Path, name: str) -> None:
    storm = [alert(f"{name}-{n}", f"{name} {n}") for n in range(30)]
    with alertmanager(tmp_path / "am", *receiver(desk), "alertname") as monitor:
        monitor.fires(*storm)

        def noted() -> bool:
            found = drafts(desk, name, "live")
            return sum(len(alerts_of(desk, one["id"])) for one in found) == 30

        eventually(noted, within=stretched(60), what="all thirty noted")
        found = drafts(desk, name, "live")
        assert 2 <= len(found) <= MOST_PAGES
        eventually(lambda: len(pages(far_end, name)) == len(found), what="a page for each draft")
        monitor.fires(alert(f"{name}-7", f"{name} 7", pod="other"))
        eventually(
            lambda: sum(len(alerts_of(desk, one["id"])) for one in found) == 31,
            within=stretched(30),
            what="a later one of a kind joins",
        )
        assert len(once(pages(far_end, name))) == len(found) <= MOST_PAGES
        monitor.ends(*storm, alert(f"{name}-7", f"{name} 7", pod="other"))
        eventually(
            lambda: not drafts(desk, name, "live"), within=stretched(60), what="all of it over"
        )
        assert monitor.failed() == 0


def test_a_flapping_alert(desk: Desk, far_end: FarEnd, tmp_path: Path, name: str) -> None:
    flaps = alert(name, f"{name}: flaps")
    with alertmanager(tmp_path / "am", *receiver(desk), "alertname") as monitor:
        for turn in range(6):

            def state(wanted: str, turn: int = turn) -> bool:
                found = [
                    one for draft in drafts(desk, name) for one in alerts_of(desk, draft["id"])
                ]
                ended = sum(one["ended_at"] is not None for one in found)
                return len(found) == turn + 1 and ended == turn + (wanted == "ended")

            monitor.fires(flaps)
            eventually(lambda: state("fires"), within=stretched(30), what=f"fires, {turn}")
            if turn == 0:
                assert eventually(lambda: pages(far_end, name), what="the first pages at once")
            monitor.ends(flaps)
            eventually(lambda: state("ended"), within=stretched(30), what=f"ended, {turn}")
        assert len(once(pages(far_end, name))) == FLAPS
        (draft,) = drafts(desk, name)
        (last,) = [
            page
            for page in desk.primary.get("/v1/pages")["items"]
            if page["ticket_id"] == draft["id"] and page["state"] == "open"
        ]
        monitor.fires(flaps)
        eventually(lambda: drafts(desk, name, "live"), within=stretched(30), what="fires for good")
        assert desk.primary.get(f"/v1/pages/{last['id']}")["state"] == "open", "it rings on"
        assert monitor.failed() == 0


@pytest.mark.parametrize("off", [timedelta(hours=2), timedelta(days=-3000), timedelta(minutes=-1)])
def test_a_broken_clock_and_a_repeat_while_it_fires(
    desk: Desk, far_end: FarEnd, tmp_path: Path, name: str, off: timedelta
) -> None:
    burning = alert(name, f"{name}: burning")
    now = desk.stack.clock.now()
    with alertmanager(tmp_path / "am", *receiver(desk), "alertname") as monitor:
        monitor.fires(burning, startsAt=now + off, endsAt=now + timedelta(days=1))
        eventually(lambda: pages(far_end, name), within=stretched(30), what="a page")
        draft = the_draft(desk, name)

        def repeated() -> bool:
            text = httpx.get(f"{monitor._base}/metrics", timeout=10).text
            lines = [line for line in text.splitlines() if "webhook" in line]
            return any(
                line.startswith("alertmanager_notifications_total") and float(line.split()[-1]) >= 3
                for line in lines
            )

        eventually(repeated, within=stretched(30), what="Alertmanager has repeated it")
        assert len(once(pages(far_end, name))) == 1, "a repeat wakes nobody"
        assert len(alerts_of(desk, draft["id"])) == 1
        assert monitor.failed() == 0
        began = datetime.fromisoformat(alerts_of(desk, draft["id"])[0]["started_at"])
        assert abs(began - desk.stack.clock.now()) < timedelta(hours=1)
