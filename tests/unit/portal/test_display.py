"""Words for values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.portal.web import filters as display

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def at(**away: float) -> str:
    return (NOW + timedelta(**away)).isoformat()


@pytest.mark.parametrize(
    ("away", "words"),
    [
        ({"seconds": 20}, "just now"),
        ({"seconds": -59}, "just now"),
        ({"minutes": -5}, "5 min ago"),
        ({"hours": 2, "minutes": 10}, "in 2 h 10 min"),
        ({"hours": -3}, "3 h ago"),
        ({"days": 1, "hours": 4}, "in 1 d 4 h"),
        ({"days": -12, "hours": -4}, "12 d ago"),
    ],
)
def test_relative_times_have_two_units_at_most(away: dict[str, float], words: str) -> None:
    assert display.relative(at(**away), NOW) == words


@pytest.mark.parametrize(
    ("away", "tone"),
    [({"minutes": -1}, "red"), ({}, "red"), ({"minutes": 60}, "amber"), ({"minutes": 61}, "")],
)
def test_the_tone_of_a_deadline(away: dict[str, float], tone: str) -> None:
    assert display.tone(at(**away), NOW) == tone


def test_utc_of_another_zone() -> None:
    assert display.utc("2026-11-22T14:05:00+02:00") == "22 Nov 2026, 12:05 UTC"


@pytest.mark.parametrize(
    ("started", "due", "percent"), [(-30, 30, 50), (-60, -1, 100), (1, 2, 0), (5, 5, 100)]
)
def test_how_much_of_a_clock_has_run(started: float, due: float, percent: int) -> None:
    assert (
        display.percent_run({"started_at": at(minutes=started), "due_at": at(minutes=due)}, NOW)
        == percent
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (["a", False], "a, no"),
        ("PT30M", "30 min"),
        ("P1DT2H", "1 d 2 h"),
        ("Postgres", "Postgres"),
        (7, "7"),
        ("2026-11-22T12:00:00Z", "22 Nov 2026, 12:00 UTC"),
        ("2026-99-99T12:00 nonsense", "2026-99-99T12:00 nonsense"),
    ],
)
def test_facts_in_plain_words(value: object, words: str) -> None:
    assert display.plain(value) == words


def test_names_are_spaced_and_ids_are_short() -> None:
    assert display.split_camel_case("PriorityReviewed") == "Priority reviewed"
    assert display.short_id("tkt_m4tlcoxijlopm2jbg6tlnrqwyj") == "m4tlcoxi"


def test_what_a_fact_lacks_is_none() -> None:
    assert display.FactView({"a": 1})["b"] is None


def test_the_board_fills_the_whole_hour() -> None:
    found = {
        "tickets_per_minute": [
            {"at": at(minutes=-3), "value": 4.0},
            {"at": at(minutes=-500), "value": 9.0},
        ],
        "figures": {
            "tickets-solved": {"all": [{"at": at(), "value": 2.0}]},
            "time-to-route-p95": {"all": [{"at": at(), "value": 0.025}]},
        },
        "counts": {"queues": {"platform": 7}},
        "deadlines": {
            "breached": 0,
            "hours": [{"until": at(hours=1), "n": 3}, {"until": at(hours=2), "n": 2}],
        },
    }

    board = display.board(found, NOW)

    minutes, values = board["series"]
    assert len(minutes) == len(values) == 60
    assert values[-4] == board["peak"] == board["hour"] == 4.0
    assert (board["solved"], board["route_ms"], board["ahead"], board["deepest"]) == (
        2.0,
        25.0,
        5,
        7,
    )


def test_the_board_of_an_idle_desk() -> None:
    board = display.board(
        {
            "tickets_per_minute": [],
            "figures": {},
            "counts": {"queues": {}},
            "deadlines": {"breached": 0, "hours": []},
        },
        NOW,
    )

    assert board["series"] == [[], []]
    assert (board["deepest"], board["densest"], board["route_ms"]) == (1, 1, None)


def test_the_rota_is_bars_in_percent_of_the_days_shown_and_each_person_keeps_a_tint() -> None:
    def shift(person: str | None, since: float, until: float) -> dict[str, object]:
        return {
            "person": person,
            "since": at(days=since),
            "until": at(days=until),
            "stand_in": False,
        }

    planned = [
        {
            "schedule": "a",
            "zone": "UTC",
            "shifts": [shift("bob", 0, 2), shift(None, 2, 3), shift("ann", 3, 10)],
        },
        {"schedule": "b", "zone": "UTC", "shifts": [shift("bob", 0, 10)]},
    ]
    first, second = display.rota_rows(planned, NOW, 10)
    assert [(bar["x"], bar["width"], bar["tint"]) for bar in first["shifts"]] == [
        (0, 20, 1),
        (20, 10, None),
        (30, 70, 0),
    ]
    assert [bar["tint"] for bar in second["shifts"]] == [1]


@pytest.mark.parametrize(
    ("away", "words"),
    [
        ({"seconds": -1}, "any moment"),
        ({"seconds": 0.4}, "any moment"),
        ({"seconds": 45}, "in 45 s"),
        ({"seconds": 60}, "in 1 min"),
        ({"minutes": 4, "seconds": 5}, "in 4 min 5 s"),
        ({"minutes": 10}, "in 10 min"),
        ({"hours": 2, "minutes": 10}, "in 2 h 10 min"),
    ],
)
def test_a_countdown_never_says_just_now(away: dict[str, float], words: str) -> None:
    assert display.countdown(at(**away), NOW) == words
