"""A report's picture: round numbers on its axes, days that fit below, and bars that stand for their
values.
"""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest

from services.portal.operations.plots import DAYS_NAMED, INTERVALS, plot_of, round_ticks


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0.3, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (5, [0, 1, 2, 3, 4, 5]),
        (7, [0, 2, 4, 6, 8]),
        (12, [0, 5, 10, 15]),
        (99, [0, 20, 40, 60, 80, 100]),
        (101, [0, 50, 100, 150]),
        (1499, [0, 500, 1000, 1500]),
    ],
)
def test_the_numbers_of_an_axis_are_round(most: float, ticks: list[float]) -> None:
    assert round_ticks(most) == ticks


def test_an_axis_reaches_every_value_with_few_numbers() -> None:
    for most in range(1, 3000, 7):
        ticks = round_ticks(most)
        assert ticks[-2] < most <= ticks[-1]
        assert len(ticks) <= INTERVALS + 1


def days(count: int) -> list[tuple[str, float]]:
    last = date(2026, 11, 30)
    return [((last - timedelta(days=n)).isoformat(), float(count - n)) for n in range(count)][::-1]


@pytest.mark.parametrize("count", [7, 30, 90])
def test_days_are_named_below_and_the_last_is_among_them(count: int) -> None:
    plot = plot_of("Volume", days(count), "tickets opened")
    assert plot is not None
    assert plot.days[-1].text == "30 Nov"
    assert 3 <= len(plot.days) <= DAYS_NAMED
    places = [day.at for day in plot.days]
    assert places == sorted(places)
    assert all(later - sooner > 15 for sooner, later in itertools.pairwise(places))


def test_bars_stand_for_their_values() -> None:
    plot = plot_of("Ratings", [("1", 0), ("2", 5), ("3", 10)], "tickets")
    assert plot is not None
    assert [bar.long for bar in plot.bars] == [0, 50, 100]
    assert [tick.text for tick in plot.ticks] == ["0", "2", "4", "6", "8", "10"]
    assert (plot.days, plot.bars[1].says) == ([], "2: 5 tickets")
    ends = [(bar.at, bar.at + bar.thick) for bar in plot.bars]
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ends))


def test_many_minutes_are_hours_and_a_share_is_of_a_hundred() -> None:
    plot = plot_of("Resolution", [("low", 600.0), ("high", 30.0)], "min, nine of ten")
    assert plot is not None
    assert (plot.unit, plot.ticks[-1].text, plot.bars[1].value) == (
        "hours, nine of ten",
        "10",
        "0.5",
    )
    few = plot_of("First answer", [("high", 30.0)], "min, nine of ten")
    assert few is not None
    assert few.unit == "minutes, nine of ten"
    share = plot_of("Promises", [("free, low", 40.0)], "percent kept")
    assert share is not None
    assert ([tick.at for tick in share.ticks], share.bars[0].long) == ([0, 25, 50, 75, 100], 40)


def test_there_is_no_picture_of_nothing() -> None:
    assert plot_of("Ratings", [], "tickets") is None
    assert plot_of("Ratings", [("1", 0), ("2", 0)], "tickets") is None


def test_it_is_said_for_who_cannot_see_it() -> None:
    plot = plot_of("Volume", days(7), "tickets opened")
    assert plot is not None
    assert plot.says.startswith("7 bars, 2026-11-24 to 2026-11-30, from 0 to 8 tickets opened.")
    assert "The highest is 2026-11-30 with 7." in plot.says
