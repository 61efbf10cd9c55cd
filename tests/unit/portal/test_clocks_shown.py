"""What the portal says of clocks, and to whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.portal.operations.figures import points
from services.portal.projector.tickets import iso, project
from services.portal.tickets import documents as shapes
from shared import events as e
from shared.access import Standing, audience_of, may_see_fact
from tests.support.facts import BEGAN, Ticket

HOUR = timedelta(hours=1)
TARGET = {"calendar": "always", "target": 4 * HOUR, "started_at": BEGAN, "due_at": BEGAN + 4 * HOUR}


def said(clock: str, *kinds: type[e.ClockFact], provider: str | None = None) -> list[Any]:
    """Clock facts of one ticket, an hour apart."""
    found = []
    for n, kind in enumerate(kinds, 1):
        at = BEGAN + n * HOUR
        more: dict[type[e.ClockFact], dict[str, Any]] = {
            e.ClockStarted: {**TARGET, "provider": provider},
            e.ClockRetargeted: {
                **TARGET,
                "target": 2 * HOUR,
                "due_at": at,
                "priority": e.Priority.HIGH,
            },
            e.ClockPaused: {"paused_at": at, "ran": HOUR},
            e.ClockResumed: {"resumed_at": at, "ran": HOUR, "due_at": at + 3 * HOUR},
            e.ClockWarned: {"percent": 50, "due_at": at},
            e.ClockMet: {"met_at": at, "due_at": at, "by": "a@example.com"},
            e.ClockBreached: {"due_at": at, "detected_at": at},
            e.ClockStopped: {"reason": "moved"},
            e.ClockRanOut: {"due_at": at, "detected_at": at},
        }
        found.append(
            kind(
                key=Ticket("one").id,
                at=at,
                id=f"fct_{n}",
                seq=n,
                clock=clock,
                policy={},
                **more[kind],
            )
        )
    return found


STATES: list[tuple[str, tuple[type[e.ClockFact], ...], str, datetime | None]] = [
    ("resolution", (e.ClockStarted,), "running", BEGAN + 4 * HOUR),
    ("resolution", (e.ClockStarted, e.ClockPaused), "paused", None),
    ("resolution", (e.ClockStarted, e.ClockPaused, e.ClockRetargeted), "paused", None),
    ("resolution", (e.ClockStarted, e.ClockPaused, e.ClockResumed), "running", BEGAN + 6 * HOUR),
    ("resolution", (e.ClockStarted, e.ClockPaused, e.ClockMet), "met", BEGAN + 3 * HOUR),
    ("resolution", (e.ClockStarted, e.ClockMet, e.ClockResumed), "running", BEGAN + 6 * HOUR),
    ("next-reply", (e.ClockStarted, e.ClockBreached), "breached", BEGAN + 2 * HOUR),
    ("next-reply", (e.ClockStarted, e.ClockMet, e.ClockStarted), "running", BEGAN + 4 * HOUR),
    ("next-reply", (e.ClockStarted, e.ClockStopped), "stopped", BEGAN + 4 * HOUR),
    ("auto-close", (e.ClockStarted, e.ClockRanOut), "stopped", BEGAN + 4 * HOUR),
]


@pytest.mark.parametrize(("clock", "kinds", "state", "due"), STATES)
def test_the_state_of_a_clock(
    clock: str, kinds: tuple[type[e.ClockFact], ...], state: str, due: datetime | None
) -> None:
    doc = None
    for fact in (*Ticket("one").opened(), *said(clock, *kinds)):
        doc = project(doc, fact)
    assert doc is not None
    (shown,) = shapes.clocks(doc, Standing.CUSTOMER, full=True)
    assert (shown["name"], shown["state"], shown["due_at"]) == (clock, state, due and iso(due))
    counts = state in ("running", "breached") and clock in e.PROMISES
    assert doc["due_at"] == (shown["due_at"] if counts else None)
    assert (shown["met_at"] is not None) is (state == "met")


def test_clocks_stand_in_the_order_of_their_names_in_the_language() -> None:
    doc: dict[str, Any] | None = None
    for seq, name in enumerate(sorted(e.ClockName), 1):
        doc = project(doc, said(name, e.ClockStarted)[0].model_copy(update={"seq": seq}))
    assert doc is not None
    assert [clock["name"] for clock in shapes.clocks(doc, Standing.STAFF)] == list(e.ClockName)


@pytest.mark.parametrize(
    "kind", [e.ClockStarted, e.ClockWarned, e.ClockMet, e.ClockBreached, e.ClockStopped]
)
def test_the_providers_clock_is_for_staff_and_the_provider(kind: type[e.ClockFact]) -> None:
    (fact,) = said("provider-answer", kind)
    audience = audience_of(fact)
    assert {who for who in Standing if may_see_fact(who, fact.type, audience)} == {
        Standing.STAFF,
        Standing.PROVIDER,
    }


def test_the_providers_clock_is_no_deadline_of_the_customers() -> None:
    doc: dict[str, Any] | None = None
    for fact in (
        *Ticket("one").opened(),
        *said("provider-answer", e.ClockStarted, e.ClockBreached, provider="redisco"),
    ):
        doc = project(doc, fact)
    assert doc is not None
    assert (shapes.clocks(doc, Standing.CUSTOMER), doc["due_at"]) == ([], None)
    assert [clock["state"] for clock in shapes.clocks(doc, Standing.PROVIDER)] == ["breached"]
    assert not shapes.to_list_row(doc, e.Actor(email="c@example.com"))["breached"]
    (breach,) = said("provider-answer", e.ClockBreached)
    assert {point.group for point in points(breach, BEGAN)} == {"provider-answer"}
    (breach,) = said("resolution", e.ClockBreached)
    assert {point.group for point in points(breach, BEGAN)} == {"all"}
