"""Who is told of incidents, maintenances and announcements. Pure.

| fact | subscribers | people of the add-on's apps | provider |
|---|---|---|---|
| IncidentOpened, IncidentUpdated, PostmortemPublished | yes | yes | |
| IncidentResolved | yes | yes | asked for a post-mortem (seed 003) |
| MaintenanceScheduled | yes | unless an announcement tells them | |
| MaintenanceRescheduled, -Started, -Ended, -Cancelled | yes | yes | |
| AnnouncementMade | | yes; non-critical ones not who opted out | |

A subscriber is told of its components, or of all. The people of an app (owner and collaborators) are told of the add-ons attached to
it without subscribing (seed 001: "notifications regarding the status and stability of your applications and add-ons"); of the
platform itself only subscribers are ("be sure to subscribe"). ImpactChanged is on the page: the update beside it tells people.

These are the facts that may concern 100,000 people, so an audience is a sorted list of places that is told piece by piece
(`fanout.py`); a notice's id is of fact and recipient, so whoever has two places is told once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.notifier.notices.told import BULK_DESTINATION, OWN_ADDRESS, Body, House, Lookup, Rule, Told, told
from shared import links
from shared.events import (
    AnnouncementMade,
    Fact,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    PostmortemPublished,
    Purpose,
    StatusFact,
)
from shared.subscriptions import KIND, opt_out_id, subscription_in

OPTED_OUT = "they want no more non-critical announcements of this provider"
_PROVIDER, _SUBSCRIBER, _APP = "0", "1", "2"
_LEAVE_WITHIN = timedelta(days=3650)

EVENTS: Mapping[type[StatusFact], str] = {
    IncidentOpened: "incident.opened",
    IncidentUpdated: "incident.updated",
    IncidentResolved: "incident.resolved",
    PostmortemPublished: "incident.postmortem",
    MaintenanceScheduled: "maintenance.scheduled",
    MaintenanceRescheduled: "maintenance.rescheduled",
    MaintenanceStarted: "maintenance.started",
    MaintenanceEnded: "maintenance.ended",
    MaintenanceCancelled: "maintenance.cancelled",
    AnnouncementMade: "announcement.made",
}
"""Fact → what a webhook calls it."""


def urgency(fact: StatusFact) -> int:
    """Which of several is told first, the lowest: trouble of now, then what is planned, then what can wait."""
    if isinstance(fact, AnnouncementMade):
        return 1 if fact.critical else 3
    return 0 if EVENTS[type(fact)].startswith("incident.") and not isinstance(fact, PostmortemPublished) else 2


def audience(fact: StatusFact, directory: Lookup) -> list[str]:
    """The places of everybody whom the fact may concern, sorted; `tell_place` says who is there and what they get."""
    if not fact.is_public:
        return []
    places = []
    if not isinstance(fact, AnnouncementMade):
        places += [f"{_SUBSCRIBER}{id_}" for id_ in directory.ids(KIND) if id_.startswith("sub_")]
    if _addons(fact) and not (isinstance(fact, MaintenanceScheduled) and fact.announced):
        places += [f"{_APP}{name}" for name in directory.ids("apps")]
    if isinstance(fact, IncidentResolved) and fact.provider:
        places.append(f"{_PROVIDER}{fact.provider}")
    return sorted(places)


def left_of(places: list[str], after: str) -> int:
    """The index of the first place after `after`."""
    return bisect_right(places, after)


def tell_place(fact: StatusFact, place: str, directory: Lookup, house: House) -> Iterator[Told]:
    """What the people of one place are owed; nothing where the fact does not concern them."""
    kind, id_ = place[:1], place[1:]
    if kind == _SUBSCRIBER:
        yield from _subscriber(fact, id_, directory, house)
    elif kind == _APP:
        yield from _people(fact, id_, directory, house)
    else:
        yield from _provider(fact, id_, directory, house)


def _rule(fact: StatusFact, directory: Lookup, house: House) -> Iterator[Told]:
    for place in audience(fact, directory):
        yield from tell_place(fact, place, directory, house)


def _subscriber(fact: StatusFact, id_: str, directory: Lookup, house: House) -> Iterator[Told]:
    found = subscription_in(directory.get(KIND, id_))
    if found is None or not found.wants(fact.component_ids, fact.at):
        return
    if found.kind == "webhook":
        payload = {"type": EVENTS[type(fact)], "timestamp": _z(fact.at), "data": _payload(fact, house)}
        yield told(fact, "webhook", f"subscriber:{id_}", EVENTS[type(fact)], f"webhook:{id_}", payload, house, "", found.target)
        return
    leaving = house.leaving(links.UNSUBSCRIBE, id_, found.target, fact.at + _LEAVE_WITHIN)
    yield _mail(fact, found.target, directory, house, {**leaving, "leave": "Stop these status mails"})


def _people(fact: StatusFact, app: str, directory: Lookup, house: House) -> Iterator[Told]:
    document = directory.get("apps", app) or {}
    concerned = _addons(fact).intersection(document.get("addons", ()))
    if not concerned:
        return
    leaving: Body = {}
    for person in dict.fromkeys(str(each).lower() for each in (document.get("owner", ""), *document.get("collaborators", ())) if each):
        because = ""
        if isinstance(fact, AnnouncementMade) and not fact.critical:
            provider = fact.provider or ""
            because = OPTED_OUT if directory.get(KIND, opt_out_id(provider, person)) else ""
            leaving = {**house.leaving(links.OPT_OUT, provider, person, fact.at + _LEAVE_WITHIN), "leave": "No more of these announcements"}
        yield _mail(fact, person, directory, house, {**leaving, "app": app}, because)


def _provider(fact: StatusFact, slug: str, directory: Lookup, house: House) -> Iterator[Told]:
    """Seed 003: "Provide a post-mortem analysis explaining what went wrong, and what is being done to prevent a similar outage"."""
    provider = directory.get("providers", slug) or {}
    mailbox = str(provider.get("agent_email", "")).lower()
    if mailbox:
        body = {
            "subject": fact.title, "to_name": provider.get("name", slug), "link": "Write the post-mortem",
            "url": f"{house.public_url}/add-on/incidents/{fact.key}/postmortem",
        }  # fmt: skip
        yield told(fact, "mail", mailbox, "postmortem-asked", BULK_DESTINATION, body, house, _own(mailbox, house))


def _mail(fact: StatusFact, to: str, directory: Lookup, house: House, more: Body, because: str = "") -> Told:
    body = {
        "to_name": (directory.get("accounts", to) or {}).get("name", ""), **_words(fact), **_link(fact, house), "app": "",
        "provider": _name_of(fact.provider, directory), **more,
    }  # fmt: skip
    # Whoever is told of a maintenance as a subscriber and as a user of the add-on is told once.
    once = fact.key if _is_announced(fact) else ""
    return told(fact, "mail", to, _template(fact), BULK_DESTINATION, body, house, because or _own(to, house), once=once)


def _is_announced(fact: StatusFact) -> bool:
    if isinstance(fact, MaintenanceScheduled):
        return fact.announced
    return isinstance(fact, AnnouncementMade) and fact.purpose is Purpose.MAINTENANCE


def _template(fact: StatusFact) -> str:
    if isinstance(fact, AnnouncementMade) or _is_announced(fact):
        return "announcement"
    return "status-maintenance" if EVENTS[type(fact)].startswith("maintenance.") else "status-incident"


def _words(fact: StatusFact) -> Body:
    """What the templates say of the fact. `event` is the last word of its name; times are ISO 8601, empty where it has none."""
    if isinstance(fact, PostmortemPublished):
        text = "\n\n".join(f"{part.heading}\n{part.body}" for part in fact.sections)
    else:
        text = str(getattr(fact, "body", ""))
    times = {name: at.isoformat() if (at := getattr(fact, name, None)) else "" for name in _TIMES}
    return {
        "event": EVENTS[type(fact)].partition(".")[2], "subject": fact.title, "text": text, **times,
        "components": [component.name for component in fact.components], "impact": fact.impact.model_dump(mode="json"),
        "purpose": fact.purpose.value if isinstance(fact, AnnouncementMade) else "maintenance",
    }  # fmt: skip


_TIMES = ("started_at", "starts_at", "ends_at", "previous_starts_at", "previous_ends_at")


def _payload(fact: StatusFact, house: House) -> Body:
    words = _words(fact)
    about = {"id": fact.key, "title": words["subject"], "body": words["text"], "impact": words["impact"], "seq": fact.seq}
    components = [{"id": component.id, "name": component.name} for component in fact.components]
    times = {name: _z(at) for name in _TIMES if (at := getattr(fact, name, None))}
    return {**about, "components": components, "provider": fact.provider, "url": _link(fact, house)["url"], **times}


def _link(fact: StatusFact, house: House) -> dict[str, str]:
    if isinstance(fact, AnnouncementMade) and fact.purpose not in (Purpose.MAINTENANCE, Purpose.INTERRUPTION):
        return {"url": f"{house.public_url}/status", "link": "Status"}  # what else a provider writes to its users is on no page
    return {"url": f"{house.public_url}/status/incidents/{fact.key}", "link": "Follow it on the status page"}


def _addons(fact: StatusFact) -> frozenset[str]:
    """The add-ons it is about."""
    return frozenset(filter(None, (*(component.addon for component in fact.components), fact.provider)))


def _name_of(slug: str | None, directory: Lookup) -> str:
    return str((directory.get("providers", slug) or {}).get("name", slug)) if slug else ""


def _own(address: str, house: House) -> str:
    return OWN_ADDRESS if address in house.own_addresses else ""


def _z(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


STATUS: Mapping[type[Fact], Rule] = dict[type[Fact], Any].fromkeys(EVENTS, _rule)
