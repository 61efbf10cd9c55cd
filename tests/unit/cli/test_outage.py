"""The outage of 2012 as a scenario: the seed's updates in their order, and the seed's durations
over its header.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.log.replay import read
from deploy.demo.outage import incident_id, list_events, scenario_in
from services.router import handlers
from shared import events as e
from shared.status.durations import header, spans

FOLDER = Path(__file__).parents[3] / "deploy" / "demo" / "scenarios" / "2012-06-29"


def decided() -> list[e.StatusFact]:
    """What the router makes of the scenario's requests."""
    work = handlers.work(lambda stamp: pytest.fail("incidents need no policy"))
    row, facts = None, list[e.StatusFact]()
    for _, topic, asked in list_events(scenario_in(FOLDER)):
        if topic == "requests":
            made = [
                fact.model_copy(
                    update={
                        "key": asked.key,
                        "seq": len(facts) + n,
                        "id": f"fct_{len(facts) + n}",
                        "cause": asked.id,
                    }
                )
                for n, fact in enumerate(work.decide(row, asked, asked.at), 1)
            ]
            row = work.advance(row, made)
            facts += made  # type: ignore[arg-type]
    return facts


def test_the_header_says_what_the_seed_says() -> None:
    assert header(spans(decided()), datetime.now(UTC)) == "Production 5h 8h Development 5h 8h"


def test_nothing_is_refused_and_the_updates_come_in_the_seeds_order() -> None:
    facts = decided()
    assert not [fact for fact in facts if isinstance(fact, e.StatusRequestRefused)]
    said = [
        fact.body
        for fact in facts
        if isinstance(fact, e.IncidentOpened | e.IncidentUpdated | e.IncidentResolved)
    ]
    order = [
        "potential platform errors",
        "widespread application outage",
        "read-only mode",
        "H99s",
        "git push have been",
        "App operations are restored",
    ]
    places = [next(n for n, body in enumerate(said) if words in body) for words in order]
    assert places == sorted(places)
    assert len(said) == 24
    assert {type(fact) for fact in facts} >= {e.AlertRaised, e.AlertCleared, e.PostmortemPublished}


def test_it_is_read_like_a_recorded_scenario() -> None:
    lines = read(FOLDER)
    assert lines[0].topic == "policies"
    asked = [line for line in lines if line.topic == "requests"]
    assert {line.event.key for line in asked} == {incident_id(scenario_in(FOLDER))}
    assert [line.after for line in asked] == sorted(line.after for line in asked)
    began = datetime(2012, 6, 30, 3, 4, tzinfo=UTC)  # 8:04 PM PDT
    assert all(line.event.at == began + line.after for line in asked)
    assert asked[0].after == timedelta(0)
