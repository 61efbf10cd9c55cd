"""The what-if over a month that was decided on paper."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from cli.proof.lifetime import live_row
from cli.proof.log import PolicyVersions, slices
from cli.what_if.compare import WhatIf
from cli.what_if.comparison import comparison
from cli.what_if.page import html
from cli.what_if.worlds import NO_CLOCKS
from deploy.demo.directory import policies
from services.sla import handlers as sla
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.wire import Message
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, CHANGE, LASTS, requests

pytestmark = pytest.mark.costly

TICKETS = 400


@cache
def log() -> list[Message]:
    return decide_all(requests(TICKETS), BEGIN + LASTS).messages


def tried(draft: DeskPolicy | OnCallPolicy, name: str = DESK, **options: Any) -> dict[str, Any]:
    """The first half of the month, of which all is under version 1."""
    found = WhatIf(
        PolicyVersions.of(m for m in log() if m.topic == "policies"),
        draft,
        BEGIN,
        CHANGE - timedelta(days=1),
        **options,
    )
    for piece in slices([m for m in log() if m.topic == "requests"]):
        found.take(piece)
    return comparison(found, name, {DESK: 1})


def desk(**changes: Any) -> DeskPolicy:
    return DeskPolicy.model_validate({**policies()[DESK], **changes})


@pytest.mark.parametrize(
    "draft", [desk(), OnCallPolicy.model_validate(policies()[ON_CALL])], ids=[DESK, ON_CALL]
)
def test_the_same_policy_gives_an_empty_difference(draft: DeskPolicy | OnCallPolicy) -> None:
    found = tried(draft)
    assert found["empty"], found["items"]
    assert (
        found["tickets"] > 100 and found["breaches"]["then"] > 0 and found["pages"]["then"] > 0
    ), "there was something to compare"
    assert found["changed"] == {"tickets": 0}


def test_shorter_promises_move_deadlines_and_breach_more_by_the_answers_people_really_gave() -> (
    None
):
    targets = [
        {**target, "within": "15m", "calendar": "always"} for target in policies()[DESK]["targets"]
    ]
    found = tried(desk(targets=targets))
    assert found["changed"]["tickets"] == found["tickets"], "every deadline is another one"
    assert found["changed"].keys() == {"tickets", "deadline", "breach"}
    assert len(found["breaches"]["extra"]) > 20 and not found["breaches"]["fewer"]
    assert found["breaches"]["draft"] - found["breaches"]["then"] == len(found["breaches"]["extra"])
    assert found["pages"]["extra"] == []


def test_longer_promises_breach_less() -> None:
    targets = [
        {**target, "within": "20d", "calendar": "always"} for target in policies()[DESK]["targets"]
    ]
    found = tried(desk(targets=targets))
    assert len(found["breaches"]["fewer"]) > 5 and not found["breaches"]["extra"]


def test_more_plans_that_page_wake_people_at_their_local_hours() -> None:
    found = tried(desk(pages=["enterprise", "premium", "legacy-enterprise", "premier"]))
    extra = found["pages"]["extra"]
    assert extra and not found["pages"]["fewer"]
    assert (
        found["pages"]["people"]["primary"]["draft"] > found["pages"]["people"]["primary"]["then"]
    )
    assert sum(found["pages"]["hours"]["draft"]) == found["pages"]["draft"]
    assert {call["zone"] for call in extra} == {"America/New_York"}
    assert all(call["local"].endswith(("-05:00", "-04:00")) for call in extra)
    paged = {call["ticket_id"] for call in extra}
    changed = {item["ticket_id"] for item in found["items"] if "pages" in item["changes"]}
    assert paged <= changed, "each of them is told as a ticket that pages now"


def test_nobody_pages_where_the_draft_says_so() -> None:
    found = tried(desk(pages=[]))
    assert (
        found["pages"]["draft"] == 0 and len(found["pages"]["fewer"]) == found["pages"]["then"] > 0
    )


def test_another_rota_pages_another_person_at_the_same_times() -> None:
    document = policies()[ON_CALL]
    document["schedules"]["support-primary"]["rotation"]["people"] = ["lead"]
    found = tried(OnCallPolicy.model_validate(document), ON_CALL)
    assert {call["person"] for call in found["pages"]["fewer"]} == {"primary"}
    assert {call["person"] for call in found["pages"]["extra"]} == {"lead"}
    assert found["changed"] == {"tickets": 0}, "no ticket is decided otherwise"


def test_a_rule_left_out_moves_tickets_between_queues() -> None:
    kept = [rule for rule in policies()[DESK]["routing"] if rule["rule"] != "addon_chosen_in_form"]
    found = tried(desk(routing=kept))
    assert found["changed"]["queue"] > 5 and found["changed"]["provider"] > 5
    moved = next(item for item in found["items"] if "queue" in item["changes"])
    assert moved["changes"]["queue"]["then"].startswith("provider:")


def test_the_report_is_one_file_that_needs_nothing_else() -> None:
    page = html(
        tried(desk(pages=["enterprise", "legacy-enterprise", "premier"], default_priority="high"))
    )
    assert "<svg" in page and "<rect" in page and "light-dark(" in page
    for outside in ("<script", "http://", "https://", "<link", "url(", "@import", "src="):
        assert outside not in page, outside
    assert "What is taken for granted" in page


def test_what_people_wrote_is_only_text_in_the_report() -> None:
    document = tried(desk(default_priority="high"))
    document["items"][0]["subject"] = "<script>alert(1)</script>"
    assert "<script>" not in html(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"pages": ["premium", "premier"]},
        {"reopen_window": "2d"},
        {"architects": [], "warn_at": [10]},
    ],
)
def test_clocks_that_are_not_run_again_would_have_run_the_same(changes: dict[str, Any]) -> None:
    found = tried(desk(**changes))
    assert tried(desk(**changes), alike=lambda one, other: False) == found
    assert found["tickets"] > 100


def test_sla_reads_no_field_by_which_no_clock_is_said_to_go() -> None:
    """Read while a clock is decided on, such a field would make a what-if wrong."""

    class Watched(DeskPolicy):
        def __getattribute__(self, name: str) -> Any:
            assert name not in NO_CLOCKS, f"sla reads {name}"
            return super().__getattribute__(name)

    document = policies()[DESK]
    watched = Watched.model_validate({**document, "resolution": document["targets"]})
    work, kinds = sla.work(lambda stamp: watched), set[str]()
    by_ticket: dict[str, list[Any]] = defaultdict(list)
    for message in log():
        if message.topic == "tickets" and (fact := sla.parse(message)) is not None:
            by_ticket[message.key].append(fact)
    for key, facts in by_ticket.items():
        kinds |= {
            fact.type
            for fact in live_row(
                work, key, ((fact.at, fact) for fact in facts), BEGIN + LASTS
            ).facts
        }
    assert {
        "ClockStarted",
        "ClockRetargeted",
        "ClockPaused",
        "ClockResumed",
        "ClockMet",
        "ClockBreached",
    } <= kinds
