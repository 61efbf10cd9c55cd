"""How long it was yellow and red, from the facts of topic `status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import events as e
from shared.status.durations import (
    CATEGORIES,
    ImpactSpan,
    ImpactTimes,
    header,
    maintenance_header,
    month,
    short,
    spans,
    times,
    uptime,
    worst_of,
)

BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
"""8:04 PM PDT on June 29th, 2012 (seed 004)."""
NEVER = BEGAN + timedelta(days=365)
RED = e.Impact(production=e.Colour.RED, development=e.Colour.RED)
YELLOW = e.Impact(production=e.Colour.YELLOW, development=e.Colour.YELLOW)


def after(**time: float) -> datetime:
    return BEGAN + timedelta(**time)


def fact(kind: type[e.StatusFact], at: datetime, impact: e.Impact, **fields: Any) -> e.StatusFact:
    more: dict[str, Any] = {}
    if kind in (e.IncidentOpened, e.IncidentDrafted):
        more = {"update": "u", "body": "b", "started_at": BEGAN}
    if kind is e.IncidentResolved:
        more = {"update": "u", "body": "b", "started_at": BEGAN}
    if kind is e.ImpactChanged:
        more = {"previous": RED}
    if kind in (e.MaintenanceStarted, e.MaintenanceEnded):
        more = {"starts_at": BEGAN, "ends_at": after(hours=1)}
    return kind(key="inc_a", at=at, by="ops", impact=impact, **{**more, **fields})


OUTAGE = [
    fact(e.IncidentOpened, after(minutes=10), RED),
    fact(e.ImpactChanged, after(hours=8), YELLOW),
    fact(e.ImpactChanged, after(hours=9), YELLOW),
    fact(e.IncidentResolved, after(hours=13), e.GREEN),
]


def test_the_header_of_the_outage_of_2012() -> None:
    over = spans(OUTAGE)
    assert header(over, NEVER) == "Production 5h 8h Development 5h 8h"
    assert times(over, "production", NEVER) == ImpactTimes(timedelta(hours=5), timedelta(hours=8))
    assert over[0].since == BEGAN, "it counts from when it began, not from when it was told of"


def test_what_is_not_public_counts_for_nothing() -> None:
    drafted = [
        fact(e.IncidentDrafted, BEGAN, RED, draft=True),
        fact(e.ImpactChanged, after(hours=1), YELLOW, draft=True),
    ]
    assert spans(drafted) == []
    assert spans([*drafted, fact(e.IncidentResolved, after(hours=2), e.GREEN, draft=True)]) == []
    published = fact(e.IncidentOpened, after(hours=1), YELLOW)
    assert spans([*drafted, published]) == [ImpactSpan(BEGAN, None, YELLOW)]


def test_one_that_goes_on_counts_up_to_now() -> None:
    over = spans(OUTAGE[:1])
    assert over == [ImpactSpan(BEGAN, None, RED)]
    assert times(over, "production", after(hours=2)) == ImpactTimes(
        timedelta(0), timedelta(hours=2)
    )
    assert times(over, "production", BEGAN) == ImpactTimes()


def test_incidents_at_once_count_once_as_the_worse() -> None:
    both = [
        ImpactSpan(BEGAN, after(hours=4), YELLOW),
        ImpactSpan(after(hours=1), after(hours=2), RED),
        ImpactSpan(after(hours=3), after(hours=5), YELLOW),
    ]
    assert times(both, "production", NEVER) == ImpactTimes(timedelta(hours=4), timedelta(hours=1))


@pytest.mark.parametrize("impact", [e.GREEN, YELLOW, RED])
def test_a_maintenance_counts_as_itself_and_never_as_downtime(impact: e.Impact) -> None:
    facts = [
        fact(e.MaintenanceStarted, BEGAN, impact),
        fact(e.MaintenanceEnded, after(minutes=40), e.GREEN),
    ]
    assert maintenance_header(spans(facts), NEVER) == "Maintenance 40m"
    assert times(spans(facts), "production", NEVER) == ImpactTimes(
        maintenance=timedelta(minutes=40)
    )
    assert uptime(spans(facts), "production", BEGAN, after(hours=1), NEVER) == 1.0


def test_uptime_of_a_month() -> None:
    since, until = month(2012, 6)
    assert (since, until) == (datetime(2012, 6, 1, tzinfo=UTC), datetime(2012, 7, 1, tzinfo=UTC))
    assert month(2012, 12)[1] == datetime(2013, 1, 1, tzinfo=UTC)
    over = spans(OUTAGE)
    assert uptime(over, "production", since, until, NEVER) == pytest.approx(1 - 8 / 720)
    assert uptime(over, "production", *month(2012, 7), NEVER) == 1.0, "yellow counts as up"
    assert uptime([], "production", since, until, NEVER) == 1.0
    assert uptime(over, "production", since, until, since - timedelta(days=1)) == 1.0, (
        "a month that has not begun"
    )


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0m"),
        (timedelta(seconds=29), "0m"),
        (timedelta(minutes=51), "51m"),
        (timedelta(minutes=59, seconds=40), "1h"),
        (timedelta(hours=4, minutes=40), "5h"),
    ],
)
def test_a_span_in_short(span: timedelta, words: str) -> None:
    assert short(span) == words


COLOURS = st.sampled_from(e.Colour)
SPANS = st.lists(
    st.builds(
        lambda begin, long, production, development, is_maintenance: ImpactSpan(
            after(minutes=begin),
            after(minutes=begin + long),
            e.Impact(production=production, development=development),
            is_maintenance,
        ),
        st.integers(0, 500),
        st.integers(1, 300),
        COLOURS,
        COLOURS,
        st.booleans(),
    ),
    max_size=8,
)


@given(SPANS)
def test_the_sums_agree_with_counting_minute_by_minute(over: list[ImpactSpan]) -> None:
    for category in CATEGORIES:
        yellow = red = maintenance = 0
        for minute in range(801):
            now = after(minutes=minute)
            live = [s for s in over if s.until is not None and s.since <= now < s.until]
            here = [getattr(s.impact, category) for s in live if not s.is_maintenance]
            is_red, is_yellow = e.Colour.RED in here, e.Colour.YELLOW in here
            red += is_red
            yellow += is_yellow and not is_red
            maintenance += not is_red and not is_yellow and any(s.is_maintenance for s in live)
        assert times(over, category, NEVER) == ImpactTimes(
            timedelta(minutes=yellow), timedelta(minutes=red), timedelta(minutes=maintenance)
        )


@given(SPANS)
def test_maintenance_changes_no_minute_of_yellow_and_red(over: list[ImpactSpan]) -> None:
    alone = [span for span in over if not span.is_maintenance]
    for category in CATEGORIES:
        both, incidents = times(over, category, NEVER), times(alone, category, NEVER)
        assert (both.yellow, both.red) == (incidents.yellow, incidents.red)
        assert uptime(over, category, BEGAN, after(hours=10), NEVER) == uptime(
            alone, category, BEGAN, after(hours=10), NEVER
        )


def test_the_worst() -> None:
    assert worst_of([]) == e.GREEN
    assert worst_of(
        [e.Impact(production=e.Colour.YELLOW), e.Impact(development=e.Colour.RED)]
    ) == e.Impact(production=e.Colour.YELLOW, development=e.Colour.RED)
