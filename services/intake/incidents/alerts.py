"""What a monitor's notification asks for: the incident of each of its alerts, and one request for
each. Pure, but for the masking of secrets.

Every notification makes requests of its own, also one that repeats another: a monitor may repeat
everything it sends, so nothing of it is an identity. Router and pager count, from the requests in
their order, when an alert begins, goes on and ends. Alertmanager sends a notification again at
every `repeat_interval`, and after every lost answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.intake.domain import RequestContext
from services.intake.incidents.alert_body import Alert, Notification
from services.intake.incidents.alert_places import (
    COMPONENT_LABELS,
    AlertIncident,
    IncidentChoice,
    UnplacedAlert,
    choose,
    kind_of,
)
from services.intake.world.incidents import alert_group
from shared import events as e
from shared import ids
from shared.events import Component, Severity, Stamp
from shared.policy import ComponentsPolicy
from shared.text.redact import redact

SOURCE = "alertmanager"

_SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(
        ("critical", "crit", "page", "emergency", "fatal", "disaster", "p1", "sev1"),
        Severity.CRITICAL,
    ),
    **dict.fromkeys(("error", "major", "high", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "minor", "average", "p3", "sev3"), Severity.WARNING),
    **dict.fromkeys(
        ("info", "informational", "information", "none", "low", "p4", "p5", "sev4"), Severity.INFO
    ),
}
"""What monitors write in the label `severity`. What is not here counts as critical: better one page
too many.
"""

_NAMELESS = "An alert without a name"
_LISTED = 10
"""Alerts that the text of a draft names."""

Silencing = Callable[[Collection[str]], str | None]
"""Component ids → the maintenance under way that was to make their alerts; None: there is none."""


class Masker:
    """Masks secrets. Alerts of one group have most of their texts in common, so each text is looked
    at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = redact(text).text
        return self._known[text]


@dataclass(frozen=True)
class AlertContext:
    """What the requests are made with. `places` and `is_closed`: as `alert_places.choose` has
    them.
    """

    policy: ComponentsPolicy
    stamp: Stamp
    places: Sequence[AlertIncident] = ()
    is_closed: Callable[[str], bool] = lambda incident: False
    silencing: Silencing = lambda components: None


@dataclass(frozen=True)
class AlertReading:
    """An alert with its secrets masked, and what we make of its labels."""

    alert: Alert
    labels: Mapping[str, str]
    summary: str
    description: str
    severity: Severity
    components: tuple[Component, ...]

    @property
    def kind(self) -> str:
        return kind_of(self.labels)


@dataclass
class AlertReader:
    """Reads alerts one by one, so that whoever has many can do something else in between."""

    policy: ComponentsPolicy
    mask: Masker = field(default_factory=Masker)

    def read(self, alert: Alert) -> AlertReading:
        text = alert.annotations
        # Whichever the monitor filled in; at least a line to read.
        summary = text.get("summary") or text.get("title") or alert.name or _NAMELESS
        severity = _SEVERITIES.get(
            alert.labels.get("severity", "").strip().lower(), Severity.CRITICAL
        )
        return AlertReading(
            alert,
            {name: self.mask(value) for name, value in alert.labels.items()},
            _line(self.mask(summary)),
            self.mask(text.get("description", "")),
            severity,
            tuple(_components(alert, self.policy)),
        )


def to_wanted(alerts: Iterable[AlertReading]) -> list[UnplacedAlert]:
    """What `alert_places.choose` needs of them."""
    return [
        UnplacedAlert(
            found.alert.print, found.kind, found.alert.status == "firing", found.alert.starts_at
        )
        for found in alerts
    ]


def place(
    notification: Notification,
    alerts: Sequence[AlertReading],
    asked: RequestContext,
    world: AlertContext,
) -> IncidentChoice:
    """The incident of each alert, in the order of the alerts."""
    return choose(
        to_wanted(alerts),
        source=SOURCE,
        group=alert_group(SOURCE, notification.group),
        now=asked.at,
        places=world.places,
        is_closed=world.is_closed,
    )


def requests_for(
    notification: Notification,
    alerts: Sequence[AlertReading],
    choice: IncidentChoice,
    asked: RequestContext,
    world: AlertContext,
) -> Iterator[e.RaiseAlert]:
    """The requests, those of alerts that begin first: a group whose alerts pass the baton stays one
    incident.

    `asked.idempotency_key` makes the ids: one that was never used, or a signature's, so that a
    replay of it asks for nothing new.
    """
    # All that fire in one incident are told together, by the first of them.
    by_place: dict[str, list[AlertReading]] = {}
    for found, incident in zip(alerts, choice.incidents, strict=True):
        if found.alert.status == "firing":
            by_place.setdefault(incident, []).append(found)
    told: set[str] = set()
    numbered = enumerate(zip(alerts, choice.incidents, strict=True))
    # Beginnings before ends, or an incident could be over between two alerts of one notification.
    for number, (found, incident) in sorted(
        numbered, key=lambda entry: entry[1][0].alert.status == "resolved"
    ):
        together: Sequence[AlertReading] = ()
        if found.alert.status == "firing" and incident not in told:
            told.add(incident)
            together = by_place[incident]
        yield _request(
            found,
            together,
            incident,
            # The number tells apart alerts of one notification that look alike.
            ids.derive("req", SOURCE, asked.idempotency_key, asked.digest, str(number)),
            notification.group,
            asked,
            world,
            is_storm=incident == choice.storm,
        )


def _request(
    found: AlertReading,
    together: Sequence[AlertReading],
    incident: str,
    request: str,
    group: str,
    asked: RequestContext,
    world: AlertContext,
    *,
    is_storm: bool,
) -> e.RaiseAlert:
    """`together`: the alerts that begin the incident with this one, if it is the first of them."""
    alert = found.alert
    # Some severities are set to wake nobody: then no maintenance has to be looked for either.
    wakes = found.severity not in world.policy.quiet
    silenced = (
        world.silencing([component.id for component in found.components])
        if alert.status == "firing" and wakes
        else None
    )
    return e.RaiseAlert(
        id=request,
        key=incident,
        at=asked.at,
        actor=asked.actor,
        policy=world.stamp,
        digest=asked.digest,
        source=SOURCE,
        group_key=group,
        fingerprint=alert.print,
        status=alert.status,
        severity=found.severity,
        summary=found.summary,
        description=found.description,
        labels=dict(found.labels),
        components=found.components,
        started_at=alert.starts_at or asked.at,
        start_known=alert.starts_at is not None,
        pages=wakes and silenced is None,
        silenced_by=silenced,
        title=title_of(together, is_storm=is_storm),
        # Text and components of the whole incident stand with its first alert only.
        body=body_of(together) if len(together) > 1 or is_storm else "",
        affected=_collect_components(together) if len(together) > 1 else (),
    )


def title_of(together: Sequence[AlertReading], *, is_storm: bool = False) -> str:
    """What a draft is called, one line; empty where the alert's own summary will do."""
    if not together:
        return ""
    first, many = together[0].summary, len(together)
    if is_storm:
        return _line(f"Many alerts at once: {first}" + (f" (+ {many - 1})" if many > 1 else ""))
    if many == 1:
        return ""
    # A hundred alerts of one name are one sentence.
    if all(found.summary == first for found in together):
        return _line(first, f" ({many} alerts)")
    return _line(first, f" and {many - 1} more {'alert' if many == 2 else 'alerts'}")


def body_of(together: Sequence[AlertReading]) -> str:
    """The text of a draft: what the first alert says, and what the others are called."""
    first = together[0]
    counted = Counter(found.summary for found in together)
    lines = [
        f"* {summary}" + (f" ({count} times)" if count > 1 else "")
        for summary, count in counted.most_common(_LISTED)
    ]
    if len(counted) > _LISTED:
        lines.append(f"* and {len(counted) - _LISTED} more")
    text = first.description or first.summary
    return f"{text}\n\n{len(together)} {'alert' if len(together) == 1 else 'alerts'}:\n\n" + (
        "\n".join(lines)
    )


def _collect_components(together: Sequence[AlertReading]) -> tuple[Component, ...]:
    found: dict[str, Component] = {}
    for read in together:
        for component in read.components:
            found.setdefault(component.id, component)
    return tuple(found.values())


def _components(alert: Alert, policy: ComponentsPolicy) -> Iterable[Component]:
    """Those a label names by id or name; no guessing from words."""
    # The first label that names a known component; a guess from words could silence the wrong
    # thing.
    for label in COMPONENT_LABELS:
        if (component := policy.find(alert.labels.get(label, ""))) is not None:
            return (component,)
    return ()


def _line(text: str, tail: str = "") -> str:
    """One line of at most 200 characters, `tail` included: it becomes a title and the subject of a
    page.
    """
    line = (
        " ".join("".join(char if char.isprintable() else " " for char in text).split()) or _NAMELESS
    )
    most = 200 - len(tail)
    return (line if len(line) <= most else line[: most - 1] + "…") + tail
