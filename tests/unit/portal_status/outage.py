"""The facts of the outage of 2012 and of a maintenance, as the router decides them."""

from __future__ import annotations

from pathlib import Path

from deploy.demo.directory import policies
from deploy.demo.outage import incident_id, list_events, scenario_in
from services.portal.status.board import BoardEntry, take
from services.router import handlers
from shared import events as e
from shared.policy.components import ComponentsPolicy

SCENARIO = scenario_in(Path(__file__).parents[3] / "deploy" / "demo" / "scenarios" / "2012-06-29")
KEY = incident_id(SCENARIO)
COMPONENTS = tuple(
    part.known for part in ComponentsPolicy.model_validate(policies()["components"]).components
)


def _no_policy(stamp: e.Stamp) -> None:
    raise AssertionError("incidents need no policy")


def facts(until: int | None = None) -> list[e.StatusFact]:
    """Of the first `until` requests of the scenario (None: all)."""
    work = handlers.work(_no_policy)  # type: ignore[arg-type]
    row, found = None, list[e.StatusFact]()
    asked = [request for _, topic, request in list_events(SCENARIO) if topic == "requests"]
    for request in asked[:until]:
        made = [
            fact.model_copy(
                update={
                    "key": request.key,
                    "seq": len(found) + n,
                    "id": f"fct_{len(found) + n}",
                    "cause": request.id,
                }
            )
            for n, fact in enumerate(work.decide(row, request, request.at), 1)
        ]
        row = work.advance(row, made)
        found += made  # type: ignore[arg-type]
    return found


def told(found: list[e.StatusFact]) -> list[BoardEntry]:
    """Folded, as the writer folds them."""
    known: dict[str, BoardEntry] = {}
    for fact in found:
        known[fact.key] = take(known.get(fact.key), fact)
    return list(known.values())
