"""The page's content: lights, durations, uptime, bars, what is public."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.portal.status.board import DAYS, Board, Line, board
from services.portal.status.drawing import uptime_words
from shared import events as e
from tests.unit.portal_status.outage import COMPONENTS, KEY, SCENARIO, facts, told

BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
AFTER = datetime(2012, 7, 3, 12, tzinfo=UTC)


def seen(until: int | None = None, now: datetime = AFTER, *, more: list[e.StatusFact] | None = None, **given: datetime | None) -> Board:
    known_from = given.get("known_from", datetime(2012, 6, 1, tzinfo=UTC))
    return board(told(facts(until) + (more or [])), COMPONENTS, known_from=known_from, now=now, heard_at=given.get("heard_at") or now)


def line(found: Board, key: str) -> Line:
    return next(one for one in (*found.lights, *found.components) if one.id == key)


def test_the_lights_turn_yellow_then_red_then_green_again() -> None:
    colours = []
    for until, minutes in ((1, 0), (2, 1), (3, 11), (None, 60 * 24 * 3)):
        found = seen(until, BEGAN + timedelta(minutes=minutes))
        colours.append([light.colour.value for light in found.lights])
    assert colours == [["green"] * 2, ["yellow"] * 2, ["red"] * 2, ["green"] * 2]


def test_durations_updates_scope_and_report_are_those_of_the_seed() -> None:
    found = seen()
    (item,) = found.everything
    assert item["id"] == KEY and item["header"] == "Production 5h 8h Development 5h 8h"
    assert not found.current and found.months[1].incidents == (item,)
    said = [update["body"] for update in item["updates"]]
    assert said[0].startswith("Our automated systems have detected") and said[-2].startswith("App operations are restored")
    assert [stack["stack"] for stack in item["stacks"]] == ["all", "cedar", "bamboo"]
    assert [section["heading"] for section in item["postmortem"]["sections"]][:2] == ["Scope of impact", "What happened"]


def test_a_day_has_its_worst_colour_and_a_share_counts_only_what_was_down() -> None:
    found = seen()
    light = line(found, "production")
    assert len(light.days) == DAYS
    days = {f"{day.on:%m-%d}": day for day in light.days}
    assert (days["06-30"].colour, days["06-29"].colour, days["07-01"].colour) == (e.Colour.RED, e.Colour.GREEN, e.Colour.GREEN)
    assert (days["06-30"].yellow, days["06-30"].red) == (timedelta(hours=5), timedelta(hours=8))
    june = next(month for month in found.months if month.key == "2012-06")
    assert dict(june.lights)["Production"] == pytest.approx(1 - 8 / (30 * 24))
    assert dict(june.components)["API"] == pytest.approx(1 - 8 / (30 * 24))
    assert dict(june.components)["Dashboard"] == 1.0


def test_nothing_is_said_of_before_anything_was_recorded() -> None:
    found = seen(known_from=datetime(2012, 6, 29, 12, tzinfo=UTC))
    days = line(found, "production").days
    assert [day.colour for day in days if day.on < datetime(2012, 6, 29, tzinfo=UTC)] == [None] * (DAYS - 5)
    assert uptime_words(None) == "not recorded"
    assert board([], COMPONENTS, known_from=None, now=AFTER, heard_at=AFTER).lights[0].uptime is None


def test_a_share_is_rounded_down() -> None:
    assert [uptime_words(share) for share in (1.0, 0.9999999, 0.98889)] == ["100 %", "99.999 %", "98.889 %"]


def opened(**changes: object) -> e.IncidentOpened:
    values: dict[str, object] = {
        "id": "fct_x", "key": "inc_x", "seq": 1, "at": AFTER, "cause": "req_x", "policy": {}, "by": "ops@example.com",
        "title": "Slow add-on", "components": (COMPONENTS[-1],), "impact": e.Impact(production=e.Colour.RED), "update": "upd_1",
        "body": "It is slow.", "started_at": AFTER,
    }  # fmt: skip
    return e.IncidentOpened(**{**values, **changes})  # type: ignore[arg-type]


def test_an_add_ons_incident_colours_the_add_on_and_not_the_platform() -> None:
    found = seen(now=AFTER + timedelta(minutes=5), more=[opened(provider=COMPONENTS[-1].addon)])
    assert [light.colour.value for light in found.lights] == ["green", "green"]
    assert line(found, COMPONENTS[-1].id).colour is e.Colour.RED
    assert line(found, "api").colour is e.Colour.GREEN


def test_drafts_and_what_is_internal_are_nowhere() -> None:
    draft = e.IncidentDrafted(**{**opened().model_dump(exclude={"type"}), "draft": True})
    found = seen(until=0, more=[draft])
    assert not found.everything and [light.colour.value for light in found.lights] == ["green", "green"]
    public = seen(until=0, more=[draft, opened(seq=2)], now=AFTER + timedelta(seconds=1))
    assert [item["id"] for item in public.current] == ["inc_x"]
    assert [update["kind"] for update in public.current[0]["updates"]] == ["opened"], "a draft's update stays inside"


def test_a_follow_up_is_named_on_both_sides() -> None:
    found = seen(more=[opened(follow_up_of=KEY)], now=AFTER + timedelta(seconds=1))
    assert found.follow_ups == {KEY: ["inc_x"]}
    assert found.titles[KEY] == SCENARIO.incident


def test_a_log_that_does_not_answer_makes_the_page_stale() -> None:
    assert not seen(heard_at=AFTER - timedelta(seconds=30)).is_stale
    assert seen(heard_at=AFTER - timedelta(minutes=2)).is_stale
