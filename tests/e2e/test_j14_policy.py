"""J14: a policy change with proof. Draft, what-if, applied; old decisions keep their verdict;
verify proves it; views rebuilt.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.desk import Desk, FarEnd
from tests.support.stack import ROOT, Stack
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


class Command:
    """`signalbox`, on the running stack."""

    def __init__(self, stack: Stack) -> None:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")
        }
        self.env = {
            **clean,
            "KAFKA_BOOTSTRAP_SERVERS": stack.kafka,
            "MONGODB_URI": stack.mongodb,
            "SIGNALBOX_PORTAL_URL": stack.portal,
            "SIGNALBOX_TOKEN": "demo-admin",
            "SIGNALBOX_CLOCK_FILE": str(stack.clock.path),
        }

    def __call__(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, "--json"],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == expect, (
            f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return dict(json.loads(done.stdout or "{}"))


@pytest.fixture
def signalbox(stack: Stack) -> Command:
    return Command(stack)


@pytest.fixture
def draft(desk: Desk, tmp_path: Path) -> Path:
    """The policy in force, but premium customers' urgent tickets page, too."""
    running = desk.admin.get("/v1/policies/default")["document"]
    path = tmp_path / "default.yaml"
    path.write_text(yaml.safe_dump({**running, "pages": sorted({*running["pages"], "premium"})}))
    return path


def decided(desk: Desk, ticket: str) -> dict[str, dict[str, Any]]:
    """Decision → as `explain` tells it, once the view has the ticket: a page does not wait for
    it.
    """
    desk.agent.ticket(ticket)
    return {
        decision["type"]: decision
        for decision in desk.agent.get(f"/v1/tickets/{ticket}/explain")["decisions"]
    }


def test_a_policy_is_tried_applied_explained_proven_and_the_views_rebuilt(
    desk: Desk, far_end: FarEnd, stack: Stack, signalbox: Command, draft: Path, tmp_path: Path
) -> None:
    before = desk.admin.get("/v1/policies/default")
    customer = desk.new_customer("premium")
    since = f"{stack.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    old = customer.submits(
        "The checkout is down", "H12 for everybody.", app=f"{customer.name}-app", priority="urgent"
    )
    desk.agent.ticket(old, priority="urgent")
    assert not far_end.about(old, "page"), "nobody pages for premium customers"

    same = tmp_path / "same" / "default.yaml"
    same.parent.mkdir()
    same.write_text(yaml.safe_dump(before["document"]))
    assert signalbox("simulate", "--policy", str(same), "--since", since)["empty"], (
        "the same policy changes nothing"
    )
    sent = len(far_end.got("page"))
    report = tmp_path / "report.html"
    told = signalbox("simulate", "--policy", str(draft), "--since", since, "--html", str(report))
    (would,) = [call for call in told["pages"]["extra"] if call["ticket_id"] == old]
    assert would["person"] == "primary" and would["zone"] == "America/New_York"
    assert next(item for item in told["items"] if item["ticket_id"] == old)["changes"]["pages"] == {
        "then": False,
        "draft": True,
    }
    assert "<svg" in report.read_text()
    by_http = desk.admin.call(
        "POST", "/v1/policies/default/simulate", yaml.safe_load(draft.read_text())
    )
    assert by_http.status_code == 200, by_http.text
    assert [
        call["person"] for call in by_http.json()["pages"]["extra"] if call["ticket_id"] == old
    ] == ["primary"]
    assert desk.agent.call("POST", "/v1/policies/default/simulate", {}).status_code == 403
    would_wake = {call["ticket_id"] for call in told["pages"]["extra"]}
    assert not would_wake & {page["ticket_id"] for page in far_end.got("page")[sent:]}, (
        "it is only tried out"
    )
    assert desk.admin.get("/v1/policies/default")["version"] == before["version"]

    changes = signalbox("policy", "diff", str(draft))["changes"]
    assert [change["path"] for change in changes] == ["pages"]
    applied = signalbox("policy", "apply", str(draft), "--note", "premium pages, too")
    assert applied["version"] == before["version"] + 1
    try:
        other = desk.new_customer("premium")
        new = other.submits(
            "The checkout is down again",
            "H12 for everybody.",
            app=f"{other.name}-app",
            priority="urgent",
        )
        far_end.gets(new, "page", to="primary")
        assert not far_end.about(old, "page"), "what was decided before keeps its verdict"
        was, now = decided(desk, old)["PrioritySet"], decided(desk, new)["PrioritySet"]
        assert (
            was["policy"]["default"] == before["version"]
            and now["policy"]["default"] == applied["version"]
        )
        lines = {tried["rule"]: tried for tried in now["trail"]}
        assert (
            lines["urgent_of_plan_pages"]["matched"]
            and "premium" in lines["urgent_of_plan_pages"]["because"]
        )
        assert not {tried["rule"]: tried for tried in was["trail"]}["urgent_of_plan_pages"][
            "matched"
        ]
        routed = decided(desk, new)["TicketRouted"]
        assert len(routed["trail"]) >= 5 and all(tried["because"] for tried in routed["trail"]), (
            "every rule tried says why"
        )
        theirs = {
            decision["type"]: decision
            for decision in other.get(f"/v1/tickets/{new}/explain")["decisions"]
        }
        assert theirs["PrioritySet"]["trail"] and not theirs["TicketRouted"]["trail"], (
            "customers see their part"
        )

        pager = stack.kill("pager", signal.SIGKILL)
        stack.wait_restarted("pager", pager)
        desk.agent.replies(new, "We are looking at it.")
        desk.agent.acts(new, "solve", resolution="It was a bad deploy.")
        desk.agent.ticket(new, status="solved")
    finally:
        restored = signalbox("policy", "apply", str(same))
    assert restored["version"] == applied["version"] + 1

    def proven() -> bool:
        found = signalbox("verify")
        assert (
            found["differences"] == []
            and found["counts"]["router decisions"] > 0
            and found["counts"]["pager decisions"] > 0
        )
        return True

    eventually(proven, within=60, every=1, what="verify without a difference")

    def twice() -> tuple[dict[str, Any], dict[str, Any]] | None:
        """From what there is, and from nothing; None where a clock or an escalation went on in
        between: another log, other views.
        """
        first = signalbox("rebuild")
        drop_views(stack)
        again = signalbox("rebuild")
        return (first, again) if first["records"] == again["records"] else None

    first, again = eventually(twice, within=120, every=1, what="two rebuilds of one log")
    assert first["equal"] and first["switched"]
    for name in ("tickets", "timeline", "pages", "policies"):
        assert again["collections"][name]["new"] == first["collections"][name]["new"], (
            f"{name}: from nothing to equal digests"
        )
    assert desk.agent.ticket(new, status="solved")["subject"] == "The checkout is down again"
    later = other.submits("Is it over?", "Please tell.", app=f"{other.name}-app")
    desk.agent.ticket(later, status="new")


def drop_views(stack: Stack) -> None:
    """As if MongoDB had lost them."""
    from pymongo import MongoClient

    from cli.log.rebuild import POSITIONS, VIEWS

    with MongoClient(stack.mongodb) as client:
        for name in (*VIEWS, POSITIONS):
            client["signalbox"][name].drop()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {
                "calendars": {
                    "always": {"always": True},
                    "business": {"zone": "Mars/Base", "week": {"mon": []}},
                }
            },
            "IANA",
        ),
        ({"routing": [{"rule": "by_the_moon", "strength": "certain"}]}, "no routing rule"),
        ({"colour": "red"}, "colour"),
    ],
    ids=["zone", "rule", "field"],
)
def test_a_bad_policy_is_refused_and_the_running_one_stays(
    desk: Desk, signalbox: Command, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    running = desk.admin.get("/v1/policies/default")
    path = tmp_path / "default.yaml"
    path.write_text(yaml.safe_dump({**running["document"], **wrong}))
    told = signalbox("policy", "apply", str(path), expect=1)
    assert words in json.dumps(told["mistakes"]) and all(
        mistake["line"] for mistake in told["mistakes"]
    )
    refused = desk.admin.call("PUT", "/v1/policies/default", {**running["document"], **wrong})
    assert refused.status_code in (400, 422) and words in refused.text
    assert desk.admin.get("/v1/policies/default")["version"] == running["version"]
