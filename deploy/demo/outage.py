"""A scenario that is written by hand: a folder with a `scenario.yaml` becomes the requests that
people and monitors made. Pure reading.

`signalbox replay` takes such a folder like a recorded file. Ids are derived from the scenario's
name and the step, so it is decided once per prefix.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from deploy.demo.directory import policies
from shared import events as e
from shared.ids import derive
from shared.policy.components import ComponentsPolicy
from shared.policy.scalars import read_span


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Monitor(_Part):
    """Who raises the alert, and how it groups it."""

    source: str
    group_key: str
    summary: str


class OutageStep(_Part):
    """`after` the beginning. `impact` is for production and development alike."""

    after: Annotated[timedelta, BeforeValidator(read_span)]
    do: Literal["alert", "open", "update", "clear", "resolve", "postmortem"]
    say: str = ""
    impact: e.Colour | None = None
    scope: dict[str, tuple[str, ...]] = {}
    sections: dict[str, str] = {}


class Scenario(_Part):
    """The whole of `scenario.yaml`."""

    name: str
    begins: datetime
    incident: str
    components: tuple[str, ...]
    ops: str
    monitor: Monitor
    steps: tuple[OutageStep, ...]


def scenario_in(folder: Path) -> Scenario:
    """Raises OSError, or ValueError that says what is wrong."""
    return Scenario.model_validate(yaml.safe_load((folder / "scenario.yaml").read_text()))


def list_events(scenario: Scenario) -> Iterator[tuple[timedelta, str, e.Event]]:
    """(after, topic, event): the policies of this installation first, then the scenario's requests
    in their order.
    """
    # Filled while policies are told: requests are stamped with all of them.
    stamp: e.Stamp = {}
    for name, document in policies().items():
        stamp[name] = 1
        published = derive("pol", scenario.name, name)
        yield (
            timedelta(0),
            "policies",
            e.PolicyPublished(
                id=published, key=name, at=scenario.begins, version=1, document=document
            ),
        )
    # Components as the policy names them: a scenario says only their names.
    known = ComponentsPolicy.model_validate(policies()["components"])
    components = tuple(
        found for name in scenario.components if (found := known.find(name)) is not None
    )
    for number, step in enumerate(scenario.steps):
        yield step.after, "requests", _request(scenario, number, step, stamp, components)


def incident_id(scenario: Scenario) -> str:
    """The incident's id wherever the scenario is replayed."""
    return derive("inc", scenario.name)


def _request(
    scenario: Scenario,
    number: int,
    step: OutageStep,
    stamp: e.Stamp,
    components: tuple[e.Component, ...],
) -> e.StatusRequest:
    at = scenario.begins + step.after
    # Two actors: people of ops, and the monitor.
    ops = e.Actor(email=scenario.ops, roles=(e.Role.OPS,))
    monitor = e.Actor(
        email=f"{scenario.monitor.source}@monitors.example",
        name=scenario.monitor.source,
        roles=(e.Role.OPS,),
    )
    about: dict[str, Any] = {
        "id": derive("req", scenario.name, str(number)),
        "key": incident_id(scenario),
        "at": at,
        "policy": stamp,
    }
    impact = (
        None if step.impact is None else e.Impact(production=step.impact, development=step.impact)
    )
    match step.do:
        case "alert" | "clear":
            return e.RaiseAlert(
                **about,
                actor=monitor,
                source=scenario.monitor.source,
                group_key=scenario.monitor.group_key,
                fingerprint=scenario.name,
                status="firing" if step.do == "alert" else "resolved",
                summary=scenario.monitor.summary,
                components=components,
                started_at=scenario.begins,
            )
        case "open":
            return e.PublishIncident(
                **about,
                actor=ops,
                title=scenario.incident,
                body=step.say,
                impact=impact,
                components=components,
            )
        case "update":
            stacks = tuple(
                e.StackScope(stack=stack, effects=effects) for stack, effects in step.scope.items()
            )
            return e.UpdateIncident(**about, actor=ops, body=step.say, impact=impact, stacks=stacks)
        case "resolve":
            return e.ResolveIncident(**about, actor=ops, body=step.say)
        case "postmortem":
            sections = tuple(
                e.Section(heading=heading, body=body) for heading, body in step.sections.items()
            )
            return e.PublishPostmortem(**about, actor=ops, sections=sections)
