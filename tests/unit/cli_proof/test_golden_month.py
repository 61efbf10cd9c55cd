"""The golden month: 5,000 tickets decided as they were when the files beside it were written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cli.proof.log import PolicyVersions, slices
from cli.proof.verification import verify
from shared.wire import Message
from tests.golden.desk import decide_all
from tests.golden.digests import MOST, difference, summary
from tests.golden.month import BEGIN, LASTS, TICKETS, requests

pytestmark = pytest.mark.costly


@pytest.fixture(scope="module")
def month() -> list[Message]:
    return decide_all(requests(TICKETS), BEGIN + LASTS).messages


def test_every_decision_is_as_it_was(month: list[Message]) -> None:
    told = difference(month)
    assert not told, "\n".join(
        [
            *told[:MOST],
            "If this is meant: `python -m tests.golden` writes the files anew; commit them with the change.",
        ]
    )


def test_it_holds_what_can_happen(month: list[Message]) -> None:
    rows = summary(month).values()
    assert len(rows) >= 5000
    queues = {row[1] for row in rows}
    assert {
        "platform",
        "csa",
        "provider:redisco",
        "provider:mailgrid",
        "provider:logdrain",
    } <= queues
    assert {row[4] for row in rows} == {"urgent", "high", "normal", "low"}
    assert (
        sum(row[5] == "y" for row in rows) > 100 and sum(bool(row[8] != "-") for row in rows) > 200
    )
    kinds = {message.headers["ce_type"].rpartition(b".")[2] for message in month}
    assert {
        b"ClockBreached",
        b"ClockWarned",
        b"ClockMet",
        b"PageEscalated",
        b"PageJoined",
        b"PageFailed",
        b"TicketReopened",
    } <= kinds


def test_a_changed_decision_is_told_by_ticket_and_field(month: list[Message]) -> None:
    place = next(
        n
        for n, m in enumerate(month)
        if m.topic == "tickets"
        and b'"queue":"provider:redisco"' in m.value
        and b"TicketRouted" in m.value
    )
    routed = month[place]
    changed = routed._replace(value=routed.value.replace(b"provider:redisco", b"csa"))
    told = difference([*month[:place], changed, *month[place + 1 :]])
    assert any("TicketRouted" in line and "with other content" in line for line in told)


def test_verify_proves_the_month(month: list[Message]) -> None:
    policies = PolicyVersions.of(message for message in month if message.topic == "policies")
    tally = verify(slices(month), policies, BEGIN + LASTS + timedelta(minutes=1))
    assert tally.differences == []
