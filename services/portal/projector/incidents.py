"""Incidents, maintenances and announcements as the portal shows them, purely: `project_status(doc,
fact) -> doc`.

One document each in the view `incidents`. It holds everything; what is not for everybody is marked
(`public`, and each update's own) and left out by whoever shows it. `turns` are the instants at
which the public impact changed (`shared/status/durations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.projector.ticket_flow import iso
from shared import events as e
from shared.status.durations import turn_of, update_of, worse

Doc = dict[str, Any]

# What an id begins with says what it is.
_AGGREGATES = {"inc": "incident", "mnt": "maintenance", "ann": "announcement"}
# States of what is not over, drafts included.
_LIVE = frozenset({"draft", "open", "scheduled", "started"})


def make_unopened_incident(key: str) -> Doc:
    """Of which only refusals or alerts' ends have been read: in no list, nobody's."""
    return {
        "_id": key,
        "aggregate": _AGGREGATES.get(key[:3], "incident"),
        "seq": 0,
        "state": "",
        "public": False,
        "live": False,
        "title": "",
        "body": "",
        "components": [],
        "impact": _impact_to_doc(e.GREEN),
        "worst": _impact_to_doc(e.GREEN),
        "provider": None,
        "stacks": [],
        "started_at": None,
        "opened_at": None,
        "ended_at": None,
        "updated_at": None,
        "starts_at": None,
        "ends_at": None,
        "early": False,
        "follow_up_of": None,
        "alert": None,
        "alerts": [],
        "updates": [],
        "turns": [],
        "postmortem": None,
        "override_reason": None,
        "purpose": None,
        "critical": None,
        "announced": False,
        "phase": None,
        "next_update_at": None,
        "order_key": "",
    }


def project_status(doc: Doc | None, fact: e.StatusFact) -> Doc | None:
    """The document with the fact in it; the same object where it was seen before."""
    if doc is not None and fact.seq <= doc["seq"]:
        return doc
    made = dict(doc) if doc is not None else make_unopened_incident(fact.key)
    made["seq"] = fact.seq
    # Without a default: a fact that the table forgot must stop the projector, loudly.
    change = STATUS_VIEW[type(fact)]
    # A refusal changes nothing that people see.
    if not isinstance(fact, e.StatusRequestRefused):
        made["updated_at"] = iso(fact.at)
    change(made, fact)
    if (turn := turn_of(fact)) is not None:
        told = {"at": iso(turn[0]), **_impact_to_doc(turn[1]), "update": update_of(fact)}
        made["turns"] = [*made["turns"], told]
    made["live"] = made["state"] in _LIVE
    # Without a state it is in no list, so it has no place in the order either.
    made["order_key"] = (
        f"{made['starts_at'] or made['started_at'] or made['opened_at'] or ''} {made['_id']}"
        if made["state"]
        else ""
    )
    return made


def _impact_to_doc(impact: e.Impact) -> dict[str, str]:
    return {"production": impact.production.value, "development": impact.development.value}


def _components(fact: e.StatusFact) -> list[Doc]:
    return [
        {
            "id": found.id,
            "name": found.name,
            "category": found.category.value,
            "addon": found.addon,
            "words": list(found.words),
        }
        for found in fact.components
    ]


def _context(doc: Doc, fact: e.StatusFact) -> None:
    doc.update(
        title=fact.title,
        components=_components(fact),
        impact=_impact_to_doc(fact.impact),
        provider=fact.provider,
    )


def _say(
    doc: Doc,
    fact: e.StatusFact,
    kind: str,
    body: str,
    update: str = "",
    corrects: str | None = None,
) -> None:
    """One more update, oldest first. One that was corrected says by which."""
    said = {
        "id": update or fact.id,
        "kind": kind,
        "at": iso(fact.at),
        "by": fact.by,
        "body": body,
        "corrects": corrects,
        "corrected_by": None,
        "public": fact.is_public,
        "impact": _impact_to_doc(fact.impact),
        "happened_at": _instant(fact, "happened_at") or _instant(fact, "resolved_at"),
        "edited_at": None,
        "phase": (phase := getattr(fact, "phase", None)) and phase.value,
    }
    # An update for staff alone must not move what the public was promised.
    if fact.is_public:
        doc["next_update_at"] = _instant(fact, "next_update_at")
        doc["phase"] = said["phase"] or doc.get("phase")
    known = [
        {**old, "corrected_by": said["id"]} if corrects == old["id"] else old
        for old in doc["updates"]
    ]
    doc["updates"] = [*known, said]


def _instant(fact: e.StatusFact, name: str) -> str | None:
    at = getattr(fact, name, None)
    return iso(at) if at is not None else None


def on_drafted(doc: Doc, fact: e.IncidentDrafted) -> None:
    _begin(doc, fact, "draft")


def on_opened(doc: Doc, fact: e.IncidentOpened) -> None:
    doc.update(public=True, opened_at=iso(fact.at))
    _begin(doc, fact, "open")


def _begin(doc: Doc, fact: e.IncidentDrafted | e.IncidentOpened, state: str) -> None:
    _context(doc, fact)
    doc.update(
        state=state,
        body=fact.body,
        started_at=iso(fact.started_at),
        follow_up_of=fact.follow_up_of,
        alert=fact.alert,
        stacks=_stacks(fact.stacks),
        worst=_impact_to_doc(fact.impact),
        ended_at=None,
    )
    _say(doc, fact, "opened", fact.body, fact.update)


def _stacks(stacks: tuple[e.StackScope, ...]) -> list[Doc]:
    return [{"stack": found.stack, "effects": list(found.effects)} for found in stacks]


def on_updated(doc: Doc, fact: e.IncidentUpdated) -> None:
    # No stacks means "as before", not "none any more".
    if fact.stacks:
        doc["stacks"] = _stacks(fact.stacks)
    _say(doc, fact, "updated", fact.body, fact.update, fact.corrects)


def on_impact_changed(doc: Doc, fact: e.ImpactChanged) -> None:
    _context(doc, fact)
    doc["worst"] = _impact_to_doc(
        worse(e.Impact.model_validate(doc["worst"], extra="ignore"), fact.impact)
    )


def on_incident_resolved(doc: Doc, fact: e.IncidentResolved) -> None:
    doc.update(
        state="dropped" if fact.draft else "resolved",
        impact=_impact_to_doc(e.GREEN),
        ended_at=iso(fact.resolved_at or fact.at),
    )
    _say(doc, fact, "resolved", fact.body, fact.update)
    doc["phase"] = None


def on_corrected(doc: Doc, fact: e.IncidentCorrected) -> None:
    """What is right stands in place of what was wrong, and says when it was edited."""
    doc["title"] = fact.title
    at = _instant(fact, "happened_at")
    doc["updates"] = [
        _edit_update(update, fact, at) if update["id"] == fact.update else update
        for update in doc["updates"]
    ]
    # The body of the incident is that of its first update.
    if fact.body is not None and doc["updates"] and doc["updates"][0]["id"] == fact.update:
        doc["body"] = fact.body
    if at is None:
        return
    # Where the corrected update had changed the impact, that instant moves too, and with it the
    # beginning or the end of the incident.
    places = [n for n, turn in enumerate(doc["turns"]) if turn.get("update") == fact.update]
    doc["turns"] = [
        {**turn, "at": at} if n in places else turn for n, turn in enumerate(doc["turns"])
    ]
    if 0 in places:
        doc["started_at"] = at
    if doc["state"] == "resolved" and len(doc["turns"]) - 1 in places:
        doc["ended_at"] = at


def _edit_update(update: Doc, fact: e.IncidentCorrected, at: str | None) -> Doc:
    return {
        **update,
        "body": update["body"] if fact.body is None else fact.body,
        "happened_at": at or update.get("happened_at"),
        "edited_at": iso(fact.at),
    }


def on_postmortem(doc: Doc, fact: e.PostmortemPublished) -> None:
    doc["postmortem"] = {
        "revision": fact.revision,
        "at": iso(fact.at),
        "by": fact.by,
        "sections": [
            {"heading": section.heading, "body": section.body} for section in fact.sections
        ],
    }


MOST_ALERTS = 500
"""Alerts that an incident shows: a document has a bound, a storm has none."""


def on_alert_raised(doc: Doc, fact: e.AlertRaised) -> None:
    told = {
        "fingerprint": fact.fingerprint,
        "source": fact.source,
        "severity": fact.severity.value,
        "summary": fact.summary,
        "description": fact.description,
        "labels": fact.labels,
        "started_at": iso(fact.started_at),
        "ended_at": None,
        "pages": fact.pages,
        "silenced_by": fact.silenced_by,
    }
    # An alert that is raised again while it fires takes the place of its old entry.
    others = [known for known in doc["alerts"] if not _is_same(known, fact)]
    doc["alerts"] = _limit_alerts([*others, told])


def on_alert_cleared(doc: Doc, fact: e.AlertCleared) -> None:
    """Whatever the monitor says of its beginning: the router has seen which one ended."""
    doc["alerts"] = [
        {**known, "ended_at": iso(fact.at)}
        if known["fingerprint"] == fact.fingerprint and known["ended_at"] is None
        else known
        for known in doc["alerts"]
    ]


def _is_same(known: Doc, fact: e.AlertRaised) -> bool:
    """Told again while it fires."""
    return known["ended_at"] is None and known["fingerprint"] == fact.fingerprint


def _limit_alerts(alerts: list[Doc]) -> list[Doc]:
    """At most so many: those that ended go first, the oldest before the others."""
    over = len(alerts) - MOST_ALERTS
    if over <= 0:
        return alerts
    ended = [number for number, alert in enumerate(alerts) if alert["ended_at"] is not None]
    rest = [number for number in range(len(alerts)) if alerts[number]["ended_at"] is None]
    gone = set([*ended, *rest][:over])
    return [alert for number, alert in enumerate(alerts) if number not in gone]


def on_scheduled(doc: Doc, fact: e.MaintenanceScheduled) -> None:
    _context(doc, fact)
    doc.update(
        state="scheduled",
        public=True,
        body=fact.body,
        opened_at=iso(fact.at),
        starts_at=iso(fact.starts_at),
        ends_at=iso(fact.ends_at),
        override_reason=fact.override_reason,
        announced=fact.announced,
        worst=_impact_to_doc(fact.impact),
    )
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
    doc.update(
        state="ended", impact=_impact_to_doc(e.GREEN), ended_at=iso(fact.at), early=fact.early
    )
    _say(doc, fact, "ended", fact.body)


def on_cancelled(doc: Doc, fact: e.MaintenanceCancelled) -> None:
    doc.update(state="cancelled", impact=_impact_to_doc(e.GREEN), ended_at=iso(fact.at))
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


# Every status fact has a line here: `project_status` looks up without a default.
STATUS_VIEW: Mapping[type[e.StatusFact], Callable[[Doc, Any], None]] = {
    e.IncidentDrafted: on_drafted,
    e.IncidentOpened: on_opened,
    e.IncidentUpdated: on_updated,
    e.ImpactChanged: on_impact_changed,
    e.IncidentResolved: on_incident_resolved,
    e.IncidentCorrected: on_corrected,
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
