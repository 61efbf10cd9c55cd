"""From the view's documents of incidents, maintenances and announcements to what is shown. Pure.

What is not for everybody (drafts, internal updates, alerts, who said it) is left out here unless
`full`, which is for ops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.access import runs_incidents
from shared.events import Actor, Component, Impact
from shared.status.durations import (
    CATEGORIES,
    ImpactSpan,
    header,
    maintenance_header,
    maintenance_spans,
    spans_between,
    times,
)
from shared.status.matching import OngoingIncident

Shape = dict[str, Any]

# What is absent here is shown by the lines below, to those it is for.
_FIELDS = (
    "state",
    "title",
    "body",
    "components",
    "impact",
    "worst",
    "provider",
    "stacks",
    "started_at",
    "opened_at",
    "ended_at",
    "updated_at",
    "starts_at",
    "ends_at",
    "early",
    "follow_up_of",
    "postmortem",
    "override_reason",
    "purpose",
    "critical",
    "announced",
    "seq",
)
_HIDDEN_PURPOSES = frozenset({"overage", "terms", "feature", "survey"})
"""Announcements that are between a provider and the users of its add-on: no matter of the status
page.
"""


def may_see(actor: Actor | None, doc: Mapping[str, Any]) -> bool:
    """Drafts are for ops. What a provider writes to its users about is for itself and staff, but
    for maintenances and interruptions.
    """
    # Only refusals or alerts' ends were read: there is nothing yet.
    if not doc["state"]:
        return False
    if actor is not None and runs_incidents(actor):
        return True
    if doc["purpose"] in _HIDDEN_PURPOSES:
        return actor is not None and (actor.is_staff or actor.provider == doc["provider"])
    return bool(doc["public"])


def visible_to(actor: Actor | None) -> Shape:
    """The same as a filter of the view."""
    if actor is not None and runs_incidents(actor):
        # Must find exactly what `may_see` allows: a page and its line in a list go together.
        return {"state": {"$ne": ""}}
    public: Shape = {"public": True}
    if actor is not None and actor.is_staff:
        return public
    hidden = {"purpose": {"$nin": sorted(_HIDDEN_PURPOSES)}}
    if actor is not None and actor.provider is not None:
        return {**public, "$or": [hidden, {"provider": actor.provider}]}
    return {**public, **hidden}


def describe_incident(doc: Mapping[str, Any], actor: Actor | None, now: datetime) -> Shape:
    """One incident, maintenance or announcement.

    `durations`: per category seconds yellow and red so far, and of a maintenance the seconds it has
    taken; `header` says them as seed 004 does. `updates` are oldest first, each `{id, kind, at,
    happened_at, edited_at, body, corrects, corrected_by, impact}`; ops see `by`, `public` and
    `alerts` besides.
    """
    full = actor is not None and runs_incidents(actor)
    over = spans_of(doc)
    found: Shape = {
        "id": doc["_id"],
        "kind": doc["aggregate"],
        **{name: doc[name] for name in _FIELDS},
        **{name: doc.get(name) for name in ("phase", "next_update_at")},
    }
    found["components"] = [
        {name: part[name] for name in ("id", "name", "category", "addon")}
        for part in doc["components"]
    ]
    found["updates"] = [
        _update(update, full) for update in doc["updates"] if full or update["public"]
    ]
    found["durations"] = {
        name: {
            "yellow_seconds": int(spent.yellow.total_seconds()),
            "red_seconds": int(spent.red.total_seconds()),
            "maintenance_seconds": int(spent.maintenance.total_seconds()),
        }
        for name in CATEGORIES
        if (spent := times(over, name, now))
    }
    is_incident = doc["aggregate"] == "incident"
    found["header"] = header(over, now) if is_incident else maintenance_header(over, now)
    found["public"] = doc["public"]
    # Alerts, and who wrote the post-mortem, are for ops.
    if full:
        found["alerts"], found["alert"] = doc["alerts"], doc["alert"]
    elif found["postmortem"]:
        found["postmortem"] = {
            name: value for name, value in found["postmortem"].items() if name != "by"
        }
    return found


def spans_of(doc: Mapping[str, Any]) -> list[ImpactSpan]:
    """The public impact over time, as the view keeps it; of a maintenance, the time it took."""
    turns = [
        (
            datetime.fromisoformat(turn["at"]),
            Impact(production=turn["production"], development=turn["development"]),
        )
        for turn in doc["turns"]
    ]
    return spans_between(turns) if doc["aggregate"] == "incident" else maintenance_spans(turns)


def to_ongoing(doc: Mapping[str, Any]) -> OngoingIncident:
    """An open incident, as tickets are matched with it."""
    components = tuple(Component.model_validate(part, extra="ignore") for part in doc["components"])
    impact = Impact.model_validate(doc["impact"], extra="ignore")
    return OngoingIncident(doc["_id"], doc["title"], components, impact, doc["provider"])


def _update(update: Mapping[str, Any], full: bool) -> Shape:
    hidden = () if full else ("by", "public")
    shown = {name: value for name, value in update.items() if name not in hidden}
    # Documents of older releases lack these three.
    return {"happened_at": None, "edited_at": None, "phase": None, **shown}


def draft_of_postmortem(incident: Mapping[str, Any]) -> list[dict[str, str]]:
    """Sections to begin with, from the timeline: the headings are those of seed 004, what only
    people know is left to them.
    """
    # Without `public`, what is not for everybody was left out before (`describe_incident`).
    public = [update for update in incident["updates"] if update.get("public", True)]
    scope = [_of_stack(stack) for stack in incident["stacks"]]
    told = "\n".join(
        f"{_time(update['at'])}  {update['body']}" for update in public if update["body"]
    )
    named = ", ".join(component["name"] for component in incident["components"]) or "the platform"
    began = _time(incident["started_at"] or incident["opened_at"])
    summary = (
        f"On {began} customers experienced a disruption which affected {named}. "
        f"{incident['header']} (time degraded, time down)."
    )
    # In this order on the page; the last two are for people to write.
    return [
        {"heading": "Summary", "body": summary},
        {"heading": "Scope of impact", "body": "\n\n".join(scope)},
        {"heading": "What happened", "body": told},
        {"heading": "What we are doing", "body": ""},
        {"heading": "What you can do", "body": ""},
    ]


def _of_stack(stack: Mapping[str, Any]) -> str:
    whose = (
        "For all applications"
        if stack["stack"].lower() == "all"
        else f"For applications using the {stack['stack'].capitalize()} stack"
    )
    return "\n".join([whose, *(f"- {effect}" for effect in stack["effects"])])


def _time(at: str | None) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def sections_from(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """What was written in the editor: sections without words are left out."""
    return [
        {"heading": heading.strip(), "body": body}
        for heading, body in pairs
        if heading.strip() and body.strip()
    ]
