"""Chooses the incident that an alert belongs to, so that a storm of alerts is few incidents and few
pages. Pure, but for the short memory of `Recent`.

Each incident is one paging group (`shared.ids.ops_lane`). So these rules also say who is woken:

1. An alert that fires in an incident already stays there, and so does its end.
2. A later alert of the same kind (name and component) and group joins that group's incident, also
   one that was dropped because its alerts ended: it is drafted again. One that ops have closed is
   closed: what begins afterwards is another incident.
3. An alert of a kind that another group has at the same time joins that incident.
4. The first alert of a new kind makes a new incident, and so pages at once.
5. In a storm, where nine were begun in ten minutes, all further kinds share a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared import ids

STORM = timedelta(minutes=10)
"""The time in which new kinds of alerts count as one storm."""

MOST_PLACES = 10
"""Incidents that one storm may begin: nine for one kind each, and one for all other kinds."""

SAME_KIND = timedelta(hours=1)
"""An incident so young is joined by alerts of its kind from other groups."""

AGAIN = timedelta(hours=6)
"""An incident so young is drafted again when its alerts begin again."""

UNTIMED = timedelta(hours=1)
"""An alert without a `startsAt` is told of again in an incident that ops have closed: so long after
it began there, it has begun anew. Its monitor may never say that it ended.
"""

# The first of these labels that an alert has names its component.
COMPONENT_LABELS = ("component", "service", "job")


def kind_of(labels: Mapping[str, str]) -> str:
    """What tells one trouble from another: the alert's name and the component that it names."""
    # Without a component the name alone is the kind.
    component = next((labels[name] for name in COMPONENT_LABELS if labels.get(name)), "")
    return f"{labels.get('alertname', '').strip()}|{component.strip()}".casefold()


@dataclass(frozen=True)
class AlertIncident:
    """An incident with alerts. `live`: a draft or open. `again`: dropped because its alerts ended.
    `firing`: fingerprint → since when.
    """

    incident: str
    groups: frozenset[str]
    kinds: frozenset[str]
    live: bool
    again: bool
    began: datetime
    firing: Mapping[str, datetime]


@dataclass(frozen=True)
class UnplacedAlert:
    """An alert that looks for its incident. `starts_at` None: the monitor does not say."""

    print: str
    kind: str
    firing: bool
    starts_at: datetime | None


@dataclass(frozen=True)
class IncidentChoice:
    """The incident of each alert, in the order of the alerts. `storm`: the one that was begun, or
    joined, because of a storm; None: there is none.
    """

    incidents: tuple[str, ...]
    storm: str | None = None


def choose(
    alerts: Sequence[UnplacedAlert],
    *,
    source: str,
    group: str,
    now: datetime,
    places: Sequence[AlertIncident],
    is_closed: Callable[[str], bool],
) -> IncidentChoice:
    """`places`: the incidents with alerts that may matter. `is_closed` (incident id): whether it is
    over and must not be joined.
    """
    found: list[str | None] = [_find_incident(alert, group, now, places) for alert in alerts]
    # What rules 1 to 3 say nothing about: all of it goes into one incident, old or new.
    left = [alert for alert, place in zip(alerts, found, strict=True) if place is None]
    storm: str | None = None
    if left:
        begun = [place for place in places if now - place.began <= STORM]
        # Nine were begun already: the tenth takes every other kind.
        if len(begun) >= MOST_PLACES - 1 and any(alert.firing for alert in left):
            new = storm = _of_storm(source, now, begun, is_closed)
        else:
            new = _new(left, source, group, now, is_closed)
        found = [new if place is None else place for place in found]
    return IncidentChoice(tuple(place for place in found if place is not None), storm)


def _find_incident(
    alert: UnplacedAlert, group: str, now: datetime, places: Sequence[AlertIncident]
) -> str | None:
    """Rules 1 to 3."""
    # Rule 1: it fires there already. A repeat stays also where ops have closed the incident.
    for place in places:
        if group in place.groups and alert.print in place.firing:
            since = place.firing[alert.print]
            repeats = (
                now - since <= UNTIMED if alert.starts_at is None else alert.starts_at <= since
            )
            if place.live or not alert.firing or repeats:
                return place.incident
    # Rules 2 and 3, in this order: a live incident of the group, one dropped by itself, any
    # group's.
    same = [place for place in places if alert.kind in place.kinds]
    for place in same:
        if place.live and group in place.groups:
            return place.incident
    for place in same:
        if place.again and group in place.groups and now - place.began <= AGAIN:
            return place.incident
    for place in same:
        if place.live and now - place.began <= SAME_KIND:
            return place.incident
    return None


def _new(
    left: Iterable[UnplacedAlert],
    source: str,
    group: str,
    now: datetime,
    is_closed: Callable[[str], bool],
) -> str:
    """Derived from the group, the kinds and the first beginning, so that two processes that are
    sent the same notification make the same id.
    """
    left = tuple(left)
    # The earliest beginning, in one zone, so that two processes write it the same.
    first = min(alert.starts_at or now for alert in left).astimezone(UTC)
    about = (group, first.isoformat(), *sorted({alert.kind for alert in left}))
    return _derive_open_id(("inc", "alert", source, *about), is_closed)


def _of_storm(
    source: str, now: datetime, begun: Iterable[AlertIncident], is_closed: Callable[[str], bool]
) -> str:
    """The incident for all other kinds: the one of the last ten minutes, else a new one."""
    # The slot before counts too, or a storm over a slot's end would make two.
    number = int(now.timestamp() // STORM.total_seconds())
    last = _derive_open_id(("inc", "alert-storm", source, str(number - 1)), is_closed)
    if any(place.incident == last for place in begun):
        return last
    return _derive_open_id(("inc", "alert-storm", source, str(number)), is_closed)


def _derive_open_id(parts: tuple[str, ...], is_closed: Callable[[str], bool]) -> str:
    """The id derived from `parts`, with a number where that one is closed already."""
    # A closed one is passed over, in an order that every process goes through alike.
    number = 0
    while is_closed(found := ids.derive(*parts, *([str(number)] if number else []))):
        number += 1
    return found


@dataclass
class _RecentIncident:
    """What this process has put into an incident a moment ago."""

    began: datetime
    groups: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    firing: dict[str, datetime] = field(default_factory=dict)


class Recent:
    """What this process chose in the last minutes, before the log tells it: a storm comes faster
    than the log is read.
    """

    def __init__(self) -> None:
        self._given: dict[str, _RecentIncident] = {}

    def note(
        self, alerts: Sequence[UnplacedAlert], choice: IncidentChoice, group: str, now: datetime
    ) -> None:
        """Remember what was chosen."""
        # Old enough to be in the log by now.
        for name in [n for n, given in self._given.items() if now - given.began > STORM]:
            del self._given[name]
        for alert, incident in zip(alerts, choice.incidents, strict=True):
            # An end says nothing new about an incident that this memory does not have.
            if not alert.firing and incident not in self._given:
                continue
            given = self._given.setdefault(incident, _RecentIncident(now))
            given.groups.add(group)
            given.kinds.add(alert.kind)
            if alert.firing:
                given.firing[alert.print] = alert.starts_at or now

    def beside(
        self, known: Mapping[str, AlertIncident], is_closed: Callable[[str], bool]
    ) -> list[AlertIncident]:
        """The places of the log and those of this memory in one. The log says whether one is
        over.
        """
        found = dict(known)
        for name, given in self._given.items():
            # The log knows more: it has read that this one is over.
            if is_closed(name):
                continue
            of_log = found.get(name)
            if of_log is None:
                found[name] = AlertIncident(
                    name,
                    frozenset(given.groups),
                    frozenset(given.kinds),
                    live=True,
                    again=False,
                    began=given.began,
                    firing=dict(given.firing),
                )
            else:
                found[name] = AlertIncident(
                    name,
                    of_log.groups | given.groups,
                    of_log.kinds | given.kinds,
                    of_log.live,
                    of_log.again,
                    of_log.began,
                    # Of one that is over, the log's word counts: this memory may be older.
                    {**of_log.firing, **given.firing} if of_log.live else of_log.firing,
                )
        return list(found.values())
