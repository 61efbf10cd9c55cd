"""The page's content: lights, durations, uptime, bars, what is public."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.portal.status import v3
from services.portal.status.board import DAYS, Board, ComponentStatus, board
from services.portal.status.drawing import Drawing, uptime_words
from shared import events as e
from tests.unit.portal_status.outage import COMPONENTS, KEY, SCENARIO, facts, told

BEGAN = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)
AFTER = datetime(2012, 7, 3, 12, tzinfo=UTC)


def seen(
    until: int | None = None,
    now: datetime = AFTER,
    *,
    more: list[e.StatusFact] | None = None,
    **given: datetime | None,
) -> Board:
    known_from = given.get("known_from", datetime(2012, 6, 1, tzinfo=UTC))
    return board(
        told(facts(until) + (more or [])),
        COMPONENTS,
        known_from=known_from,
        now=now,
        heard_at=given.get("heard_at") or now,
    )


def line(found: Board, key: str) -> ComponentStatus:
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
    assert said[0].startswith("Our automated systems have detected") and said[-2].startswith(
        "App operations are restored"
    )
    assert [stack["stack"] for stack in item["stacks"]] == ["all", "cedar", "bamboo"]
    assert [section["heading"] for section in item["postmortem"]["sections"]][:2] == [
        "Scope of impact",
        "What happened",
    ]


def test_a_day_has_its_worst_colour_and_a_share_counts_only_what_was_down() -> None:
    found = seen()
    light = line(found, "production")
    assert len(light.days) == DAYS
    days = {f"{day.on:%m-%d}": day for day in light.days}
    assert (days["06-30"].colour, days["06-29"].colour, days["07-01"].colour) == (
        e.Colour.RED,
        e.Colour.GREEN,
        e.Colour.GREEN,
    )
    assert (days["06-30"].yellow, days["06-30"].red) == (timedelta(hours=5), timedelta(hours=8))
    june = next(month for month in found.months if month.key == "2012-06")
    assert dict(june.lights)["Production"] == pytest.approx(1 - 8 / (30 * 24))
    assert dict(june.components)["API"] == pytest.approx(1 - 8 / (30 * 24))
    assert dict(june.components)["Dashboard"] == 1.0


def test_nothing_is_said_of_before_anything_was_recorded() -> None:
    found = seen(known_from=datetime(2012, 6, 29, 12, tzinfo=UTC))
    days = line(found, "production").days
    assert [day.colour for day in days if day.on < datetime(2012, 6, 29, tzinfo=UTC)] == [None] * (
        DAYS - 5
    )
    assert uptime_words(None) == "not recorded"
    assert (
        board([], COMPONENTS, known_from=None, now=AFTER, heard_at=AFTER).lights[0].uptime is None
    )


def test_a_share_is_rounded_down() -> None:
    assert [uptime_words(share) for share in (1.0, 0.9999999, 0.98889)] == [
        "100 %",
        "99.999 %",
        "98.889 %",
    ]


def opened(**changes: object) -> e.IncidentOpened:
    values: dict[str, object] = {
        "id": "fct_x",
        "key": "inc_x",
        "seq": 1,
        "at": AFTER,
        "cause": "req_x",
        "policy": {},
        "by": "ops@example.com",
        "title": "Slow add-on",
        "components": (COMPONENTS[-1],),
        "impact": e.Impact(production=e.Colour.RED),
        "update": "upd_1",
        "body": "It is slow.",
        "started_at": AFTER,
    }
    return e.IncidentOpened(**{**values, **changes})  # type: ignore[arg-type]


def test_an_add_ons_incident_colours_the_add_on_and_not_the_platform() -> None:
    found = seen(now=AFTER + timedelta(minutes=5), more=[opened(provider=COMPONENTS[-1].addon)])
    assert [light.colour.value for light in found.lights] == ["green", "green"]
    assert line(found, COMPONENTS[-1].id).colour is e.Colour.RED
    assert line(found, "api").colour is e.Colour.GREEN


def test_drafts_and_what_is_internal_are_nowhere() -> None:
    draft = e.IncidentDrafted(**{**opened().model_dump(exclude={"type"}), "draft": True})
    found = seen(until=0, more=[draft])
    assert not found.everything and [light.colour.value for light in found.lights] == [
        "green",
        "green",
    ]
    public = seen(until=0, more=[draft, opened(seq=2)], now=AFTER + timedelta(seconds=1))
    assert [item["id"] for item in public.current] == ["inc_x"]
    assert [update["kind"] for update in public.current[0]["updates"]] == ["opened"], (
        "a draft's update stays inside"
    )


def test_a_follow_up_is_named_on_both_sides() -> None:
    found = seen(more=[opened(follow_up_of=KEY)], now=AFTER + timedelta(seconds=1))
    assert found.follow_ups == {KEY: ["inc_x"]}
    assert found.titles[KEY] == SCENARIO.incident


def test_a_log_that_does_not_answer_makes_the_page_stale() -> None:
    assert not seen(heard_at=AFTER - timedelta(seconds=30)).is_stale
    assert seen(heard_at=AFTER - timedelta(minutes=2)).is_stale


PART = next(part for part in COMPONENTS if part.id not in ("production", "development"))


def maintenance(impact: e.Impact, *, ended: bool = True) -> list[e.StatusFact]:
    """Of one component, on 2 July from 10 to 12."""
    starts, ends = datetime(2012, 7, 2, 10, tzinfo=UTC), datetime(2012, 7, 2, 12, tzinfo=UTC)
    times = {"starts_at": starts, "ends_at": ends}
    about = {
        "key": "mnt_a",
        "by": "ops@example.com",
        "policy": {},
        "title": "New disks",
        "components": (PART,),
        "impact": impact,
        **times,
    }
    found: list[e.StatusFact] = [
        e.MaintenanceScheduled(**about, seq=1, at=starts - timedelta(days=2), body="Disks."),
        e.MaintenanceStarted(**about, seq=2, at=starts),
    ]
    over = e.MaintenanceEnded(**about | {"impact": e.GREEN}, seq=3, at=ends)
    return [*found, *([over] if ended else [])]


@pytest.mark.parametrize("impact", [e.GREEN, e.Impact(production=e.Colour.RED)])
def test_maintenance_is_named_apart_and_is_no_downtime(impact: e.Impact) -> None:
    """In the bars, the shares, the report and the API of 2012."""
    plain, found = seen(), seen(more=maintenance(impact))
    part = PART.id
    for key in ("production", part):
        assert line(found, key).uptime == line(plain, key).uptime
    assert [month.lights for month in found.months] == [month.lights for month in plain.months]
    day = next(day for day in line(found, part).days if f"{day.on:%m-%d}" == "07-02")
    assert (day.maintenance, day.red) == (timedelta(hours=2), timedelta(0))
    assert day.colour is e.Colour.GREEN
    item = next(item for item in found.everything if item["kind"] == "maintenance")
    assert item["header"] == "Maintenance 2h"
    assert v3.issue(item, "")["maintenance"] is True
    report = Drawing("").files(found)["status/incidents/mnt_a/index.html"].decode()
    assert "Maintenance 2h" in report
    # While it lasts, the light and the component say so in their own word.
    now = datetime(2012, 7, 2, 11, tzinfo=UTC)
    during = seen(now=now, more=maintenance(impact, ended=False))
    assert line(during, part).is_maintained
    assert line(during, "production").is_maintained is (impact != e.GREEN)
    page = Drawing("").files(during)["status/index.html"].decode()
    assert ("Under maintenance" in page) is (impact != e.GREEN)
    assert 't-blue">Maintenance</span>' in page


@pytest.mark.parametrize(
    ("known_from", "since"),
    [
        (datetime(2012, 6, 29, 12, tzinfo=UTC), datetime(2012, 6, 29, 12, tzinfo=UTC)),
        (datetime(2012, 1, 1, tzinfo=UTC), None),
        (None, None),
    ],
)
def test_the_page_says_since_when_it_knows(
    known_from: datetime | None, since: datetime | None
) -> None:
    found = seen(known_from=known_from)
    assert found.since == since
    assert found.since_in(datetime(2012, 6, 1, tzinfo=UTC)) == since
    assert found.since_in(datetime(2012, 7, 1, tzinfo=UTC)) is None


def test_a_young_installation_shows_its_share_with_the_day_it_began() -> None:
    page = Drawing("").files(seen(known_from=datetime(2012, 6, 29, 12, tzinfo=UTC)))
    now = page["status/index.html"].decode()
    assert "Since 29 Jun 2012" in now
    assert "The last 90 days" not in now
    assert "since 29 Jun 2012" in page["status/history/2012-06/index.html"].decode()


def test_an_open_incident_says_its_phase_and_the_promise() -> None:
    body: dict[str, Any] = {
        "title": "Errors",
        "components": (),
        "impact": e.GREEN,
        "update": "upd_x",
        "body": "We know the cause.",
        "started_at": AFTER - timedelta(hours=1),
        "phase": e.Phase.IDENTIFIED,
        "next_update_at": AFTER + timedelta(minutes=30),
    }
    fact = e.IncidentOpened(
        id="fct_x", key="inc_x", seq=1, at=AFTER, by="ops@example.com", policy={}, **body
    )
    files = Drawing("").files(seen(more=[fact]))
    page = files["status/index.html"].decode()
    assert "Identified" in page
    assert "The next one is promised by" in page
    assert b"Identified" in files["status/feed.atom"]
