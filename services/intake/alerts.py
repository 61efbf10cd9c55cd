"""Alerts of monitors: Prometheus Alertmanager's webhook body, version 4, and what it asks for. Pure.

The shape is Alertmanager's (prometheus.io, "Alerting, configuration: webhook_config"). An alert is one episode: its group, its
fingerprint and when it began. The ids are derived from those and its status, so a repeat of a notification (Alertmanager sends
one again at every `repeat_interval`, and after every lost answer) has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.intake.domain import Asked
from shared import events as e
from shared import ids
from shared.errors import Refused
from shared.events import Component, Severity, Stamp
from shared.instants import of_ours
from shared.mistakes import invalid
from shared.policy import ComponentsPolicy
from shared.text.redact import redact

SOURCE = "alertmanager"
MOST = 1000
"""Alerts in one notification. Alertmanager's `max_alerts` can cut a group; this bound is ours."""

_AHEAD = timedelta(minutes=10)
"""A monitor's clock may be a little ahead of ours."""

_SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(("critical", "crit", "page", "emergency", "fatal", "disaster", "p1", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(("error", "major", "high", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "minor", "average", "p3", "sev3"), Severity.WARNING),
    **dict.fromkeys(("info", "informational", "information", "none", "low", "p4", "p5", "sev4"), Severity.INFO),
}
"""What monitors write in the label `severity`. What is not here counts as critical: better one page too many."""

_COMPONENT_LABELS = ("component", "service", "job")

Labels = dict[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=10_000)]]


class Alert(BaseModel):
    """One alert of a notification. Other fields (`generatorURL`, those of tomorrow) are not ours to refuse."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Labels = {}
    annotations: Labels = {}
    starts_at: Annotated[AwareDatetime, Field(alias="startsAt"), AfterValidator(of_ours)]
    fingerprint: Annotated[str, Field(max_length=200)] = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def print(self) -> str:
        """The alert's own id; older versions send none, so the labels stand for it."""
        return self.fingerprint or ids.digest(*(f"{name}={value}" for name, value in sorted(self.labels.items())))


class Notification(BaseModel):
    """A group's notification."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    group: Annotated[str, Field(min_length=1, max_length=5_000, alias="groupKey")]
    status: Literal["firing", "resolved"]
    receiver: Annotated[str, Field(max_length=500)] = ""
    alerts: Annotated[tuple[Alert, ...], Field(min_length=1, max_length=MOST)]


@dataclass(frozen=True)
class Raised:
    """What a notification asks for: the incident, and one request for each of its alerts."""

    incident: str
    requests: tuple[e.RaiseAlert, ...]


def read(body: Mapping[str, Any]) -> Notification:
    """The notification in a body. Raises Refused with every mistake."""
    try:
        return Notification.model_validate(body)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from error


def raised(
    notification: Notification,
    asked: Asked,
    policy: ComponentsPolicy,
    stamp: Stamp,
    incident_of: Callable[[str, str], str | None],
    silencing: Callable[[Collection[str]], str | None] = lambda components: None,
) -> Raised:
    """The requests. `incident_of` (source, group key): the incident that the group has already; else it is derived from the
    group and the beginning of its first alert, so the group's next trouble, weeks later, is another incident.

    `silencing` (component ids): the maintenance under way that was to make such alerts. It wakes nobody while that
    lasts, and says so; afterwards the pager rings for what still fires. A monitor's repeat after it is another request.

    Those that end come after those that begin, so that a group whose alerts pass the baton stays one incident.
    """
    first = min(alert.starts_at for alert in notification.alerts).astimezone(UTC)
    group = notification.group
    incident = incident_of(SOURCE, group) or ids.derive("inc", "alert", SOURCE, group, first.isoformat())
    ordered = sorted(notification.alerts, key=lambda alert: alert.status == "resolved")
    return Raised(incident, tuple(_request(alert, group, incident, asked, policy, stamp, silencing) for alert in ordered))


def _request(
    alert: Alert, group: str, incident: str, asked: Asked, policy: ComponentsPolicy, stamp: Stamp,
    silencing: Callable[[Collection[str]], str | None],
) -> e.RaiseAlert:  # fmt: skip
    began = alert.starts_at.astimezone(UTC)
    if began > asked.at + _AHEAD:
        raise Refused("not-yet", f"The alert begins at {began.isoformat()}, which is ahead of our clock. Check the monitor's.")
    severity = _SEVERITIES.get(alert.labels.get("severity", "").strip().lower(), Severity.CRITICAL)
    summary = alert.annotations.get("summary") or alert.annotations.get("title") or alert.name or "An alert without a name"
    components = tuple(_components(alert, policy))
    wakes = severity not in policy.quiet
    silenced = silencing([component.id for component in components]) if alert.status == "firing" and wakes else None
    episode = (group, alert.print, began.isoformat(), alert.status, *([silenced] if silenced else []))
    return e.RaiseAlert(
        id=ids.derive("req", SOURCE, *episode), key=incident, at=asked.at, actor=asked.actor,
        policy=stamp, digest=asked.digest, source=SOURCE, group_key=group, fingerprint=alert.print, status=alert.status,
        severity=severity, summary=_line(redact(summary).text), description=redact(alert.annotations.get("description", "")[:20_000]).text,
        labels={name: redact(value).text for name, value in alert.labels.items()}, components=components, started_at=began,
        pages=wakes and silenced is None, silenced_by=silenced,
    )  # fmt: skip


def _components(alert: Alert, policy: ComponentsPolicy) -> Iterable[Component]:
    """Those a label names by id or name; no guessing from words."""
    for label in _COMPONENT_LABELS:
        if (component := policy.find(alert.labels.get(label, ""))) is not None:
            return (component,)
    return ()


def _line(text: str) -> str:
    """One line of at most 200 characters: it becomes a title and the subject of a page."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split()) or "An alert without a name"
    return line if len(line) <= 200 else line[:199] + "…"
