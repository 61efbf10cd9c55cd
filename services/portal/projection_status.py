"""Incidents, maintenances and announcements as the portal shows them, purely: `project_status(doc, fact) -> doc`.

One document each in the view `incidents`. It holds everything; what is not for everybody is marked (`public`, and each update's
own) and left out by whoever shows it. `turns` are the instants at which the public impact changed (`shared/status/durations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.projection_flow import iso
from shared import events as e
from shared.status.durations import turn_of, worse

Doc = dict[str, Any]

_AGGREGATES = {"inc": "incident", "mnt": "maintenance", "ann": "announcement"}
_LIVE = frozenset({"draft", "open", "scheduled", "started"})


def unopened_incident(key: str) -> Doc:
    """Of which only refusals or alerts' ends have been read: in no list, nobody's."""
    return {
        "_id": key, "aggregate": _AGGREGATES.get(key[:3], "incident"), "seq": 0, "state": "", "public": False, "live": False,
        "title": "", "body": "", "components": [], "impact": _shown(e.GREEN), "worst": _shown(e.GREEN), "provider": None, "stacks": [],
        "started_at": None, "opened_at": None, "ended_at": None, "updated_at": None, "starts_at": None, "ends_at": None, "early": False,
        "follow_up_of": None, "alert": None, "alerts": [], "updates": [], "turns": [], "postmortem": None, "override_reason": None,
        "purpose": None, "critical": None, "announced": False, "order_key": "",
    }  # fmt: skip


def project_status(doc: Doc | None, fact: e.StatusFact) -> Doc | None:
    """The document with the fact in it; the same object where it was seen before."""
    if doc is not None and fact.seq <= doc["seq"]:
        return doc
    made = dict(doc) if doc is not None else unopened_incident(fact.key)
    made["seq"] = fact.seq
    change = STATUS_VIEW[type(fact)]
    if not isinstance(fact, e.StatusRequestRefused):
        made["updated_at"] = iso(fact.at)
    change(made, fact)
    if (turn := turn_of(fact)) is not None:
        made["turns"] = [*made["turns"], {"at": iso(turn[0]), **_shown(turn[1])}]
    made["live"] = made["state"] in _LIVE
    made["order_key"] = f"{made['starts_at'] or made['started_at'] or made['opened_at'] or ''} {made['_id']}" if made["state"] else ""
    return made


def _shown(impact: e.Impact) -> dict[str, str]:
    return {"production": impact.production.value, "development": impact.development.value}


def _components(fact: e.StatusFact) -> list[Doc]:
    return [
        {"id": found.id, "name": found.name, "category": found.category.value, "addon": found.addon, "words": list(found.words)}
        for found in fact.components
    ]


def _context(doc: Doc, fact: e.StatusFact) -> None:
    doc.update(title=fact.title, components=_components(fact), impact=_shown(fact.impact), provider=fact.provider)


def _say(doc: Doc, fact: e.StatusFact, kind: str, body: str, update: str = "", corrects: str | None = None) -> None:
    """One more update, oldest first. One that was corrected says by which."""
    said = {
        "id": update or fact.id, "kind": kind, "at": iso(fact.at), "by": fact.by, "body": body, "corrects": corrects, "corrected_by": None,
        "public": fact.is_public, "impact": _shown(fact.impact),
    }  # fmt: skip
    known = [{**old, "corrected_by": said["id"]} if corrects == old["id"] else old for old in doc["updates"]]
    doc["updates"] = [*known, said]


def on_drafted(doc: Doc, fact: e.IncidentDrafted) -> None:
    _begin(doc, fact, "draft")


def on_opened(doc: Doc, fact: e.IncidentOpened) -> None:
    doc.update(public=True, opened_at=iso(fact.at))
    _begin(doc, fact, "open")


def _begin(doc: Doc, fact: e.IncidentDrafted | e.IncidentOpened, state: str) -> None:
    _context(doc, fact)
    doc.update(
        state=state, body=fact.body, started_at=iso(fact.started_at), follow_up_of=fact.follow_up_of, alert=fact.alert,
        stacks=_stacks(fact.stacks), worst=_shown(fact.impact), ended_at=None,
    )  # fmt: skip
    _say(doc, fact, "opened", fact.body, fact.update)


def _stacks(stacks: tuple[e.StackScope, ...]) -> list[Doc]:
    return [{"stack": found.stack, "effects": list(found.effects)} for found in stacks]


def on_updated(doc: Doc, fact: e.IncidentUpdated) -> None:
    if fact.stacks:
        doc["stacks"] = _stacks(fact.stacks)
    _say(doc, fact, "updated", fact.body, fact.update, fact.corrects)


def on_impact_changed(doc: Doc, fact: e.ImpactChanged) -> None:
    _context(doc, fact)
    doc["worst"] = _shown(worse(e.Impact(**doc["worst"]), fact.impact))


def on_incident_resolved(doc: Doc, fact: e.IncidentResolved) -> None:
    doc.update(state="dropped" if fact.draft else "resolved", impact=_shown(e.GREEN), ended_at=iso(fact.at))
    _say(doc, fact, "resolved", fact.body, fact.update)


def on_postmortem(doc: Doc, fact: e.PostmortemPublished) -> None:
    doc["postmortem"] = {
        "revision": fact.revision, "at": iso(fact.at), "by": fact.by,
        "sections": [{"heading": section.heading, "body": section.body} for section in fact.sections],
    }  # fmt: skip


def on_alert_raised(doc: Doc, fact: e.AlertRaised) -> None:
    told = {
        "fingerprint": fact.fingerprint, "source": fact.source, "severity": fact.severity.value, "summary": fact.summary,
        "description": fact.description, "labels": fact.labels, "started_at": iso(fact.started_at), "ended_at": None, "pages": fact.pages,
        "silenced_by": fact.silenced_by,
    }  # fmt: skip
    doc["alerts"] = [*(known for known in doc["alerts"] if not _is_same(known, fact)), told]


def on_alert_cleared(doc: Doc, fact: e.AlertCleared) -> None:
    doc["alerts"] = [{**known, "ended_at": iso(fact.at)} if _is_same(known, fact) else known for known in doc["alerts"]]


def _is_same(known: Doc, fact: e.AlertRaised | e.AlertCleared) -> bool:
    return (known["fingerprint"], known["started_at"]) == (fact.fingerprint, iso(fact.started_at))


def on_scheduled(doc: Doc, fact: e.MaintenanceScheduled) -> None:
    _context(doc, fact)
    doc.update(
        state="scheduled", public=True, body=fact.body, opened_at=iso(fact.at), starts_at=iso(fact.starts_at), ends_at=iso(fact.ends_at),
        override_reason=fact.override_reason, announced=fact.announced, worst=_shown(fact.impact),
    )  # fmt: skip
    _say(doc, fact, "scheduled", fact.body)


def on_rescheduled(doc: Doc, fact: e.MaintenanceRescheduled) -> None:
    doc.update(starts_at=iso(fact.starts_at), ends_at=iso(fact.ends_at))
    if fact.override_reason:
        doc["override_reason"] = fact.override_reason
    _say(doc, fact, "rescheduled", fact.body)


def on_started(doc: Doc, fact: e.MaintenanceStarted) -> None:
    doc.update(state="started", started_at=iso(fact.at))
    _say(doc, fact, "started", "")


def on_ended(doc: Doc, fact: e.MaintenanceEnded) -> None:
    doc.update(state="ended", impact=_shown(e.GREEN), ended_at=iso(fact.at), early=fact.early)
    _say(doc, fact, "ended", fact.body)


def on_cancelled(doc: Doc, fact: e.MaintenanceCancelled) -> None:
    doc.update(state="cancelled", impact=_shown(e.GREEN), ended_at=iso(fact.at))
    _say(doc, fact, "cancelled", fact.body)


def on_announced(doc: Doc, fact: e.AnnouncementMade) -> None:
    doc.update(purpose=fact.purpose.value, critical=fact.critical, made_by=fact.id)
    if doc["state"]:
        return  # of a maintenance, which was scheduled just before
    _context(doc, fact)
    doc.update(state="made", body=fact.body, opened_at=iso(fact.at), public=True)
    _say(doc, fact, "announced", fact.body)


def on_refused(doc: Doc, fact: e.StatusRequestRefused) -> None:
    """It changes nothing: it stands in the log, and in what became of the request."""


STATUS_VIEW: Mapping[type[e.StatusFact], Callable[[Doc, Any], None]] = {
    e.IncidentDrafted: on_drafted,
    e.IncidentOpened: on_opened,
    e.IncidentUpdated: on_updated,
    e.ImpactChanged: on_impact_changed,
    e.IncidentResolved: on_incident_resolved,
    e.PostmortemPublished: on_postmortem,
    e.AlertRaised: on_alert_raised,
    e.AlertCleared: on_alert_cleared,
    e.MaintenanceScheduled: on_scheduled,
    e.MaintenanceRescheduled: on_rescheduled,
    e.MaintenanceStarted: on_started,
    e.MaintenanceEnded: on_ended,
    e.MaintenanceCancelled: on_cancelled,
    e.AnnouncementMade: on_announced,
    e.StatusRequestRefused: on_refused,
}
