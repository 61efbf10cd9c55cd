"""The incidents intake knows of while it accepts: a local view of topic `status`, at hand with Kafka away.

Fed by a replica that reads the topic from its beginning at each start. What is going on is kept in `path`, so that after a start
with Kafka away tickets are still matched; what the log says replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared import topics
from shared.errors import Poisonous
from shared.events import (
    AlertCleared,
    AlertRaised,
    AnnouncementMade,
    Component,
    Impact,
    ImpactChanged,
    IncidentDrafted,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    MaintenanceCancelled,
    MaintenanceEnded,
    MaintenanceRescheduled,
    MaintenanceScheduled,
    MaintenanceStarted,
    StatusFact,
)
from shared.status.matching import Ongoing
from shared.wire import Message

log = structlog.get_logger()

STATES: Mapping[type[StatusFact], str] = {
    IncidentDrafted: "draft",
    IncidentOpened: "open",
    IncidentResolved: "over",
    MaintenanceScheduled: "scheduled",
    MaintenanceStarted: "started",
    MaintenanceEnded: "over",
    MaintenanceCancelled: "over",
    AnnouncementMade: "made",
}
"""Fact → the state it leads to. Others change no state."""

_SAYS: tuple[type[StatusFact], ...] = (*STATES, ImpactChanged, IncidentUpdated, MaintenanceRescheduled)
"""Facts whose title, components and impact are those of today."""


class Known(BaseModel):
    """One incident, maintenance or announcement, as far as the log was read. `alerts`: its groups, `source group`; `firing`: the
    fingerprint of each alert that fires in it, and since when."""

    model_config = ConfigDict(frozen=True)

    id: str
    seq: int = 0
    state: str = ""
    public: bool = False
    title: str = ""
    components: tuple[Component, ...] = ()
    impact: Impact = Impact()
    provider: str | None = None
    alerts: tuple[str, ...] = ()
    firing: dict[str, datetime] = {}

    @property
    def is_live(self) -> bool:
        return self.state in ("draft", "open", "scheduled", "started")

    @property
    def ongoing(self) -> Ongoing:
        return Ongoing(self.id, self.title, self.components, self.impact, self.provider)


_FILE = TypeAdapter(list[Known])


def taken(before: Known | None, fact: StatusFact) -> Known:
    """What is known after `fact`; the same object where it was seen before. Pure."""
    known = before or Known(id=fact.key)
    if fact.seq <= known.seq:
        return known
    change: dict[str, object] = {"seq": fact.seq}
    if isinstance(fact, _SAYS):
        change |= {"title": fact.title, "components": fact.components, "impact": fact.impact, "provider": fact.provider}
    if (state := STATES.get(type(fact))) is not None and not (isinstance(fact, AnnouncementMade) and known.state):
        change |= {"state": state, "public": known.public or fact.is_public}
    if isinstance(fact, AlertRaised) and (group := alert_group(fact.source, fact.alert)) not in known.alerts:
        change["alerts"] = (*known.alerts, group)
    if isinstance(fact, AlertRaised):
        change["firing"] = {**known.firing, fact.fingerprint: fact.started_at}
    if isinstance(fact, AlertCleared):
        change["firing"] = {
            name: since for name, since in known.firing.items() if name != fact.fingerprint or since > fact.started_at
        }  # fmt: skip
    return known.model_copy(update=change)


def alert_group(source: str, group_key: str) -> str:
    """The name of a monitor's group of alerts."""
    return f"{source} {group_key}"


class Incidents:
    """`on_change` for a replica of `status`; the rest reads, and never waits."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, Known] = {}
        self._ongoing: tuple[Ongoing, ...] | None = None
        if path is not None and path.exists():
            try:
                self._known = {kept.id: kept.model_copy(update={"seq": 0}) for kept in _FILE.validate_json(path.read_bytes())}
            except ValidationError as error:
                log.warning("the kept incidents cannot be read, Kafka will tell them", path=str(path), problems=error.error_count())

    def on_change(self, message: Message) -> None:
        """A record of the topic; one that cannot be read is left out: the projector reports it."""
        try:
            fact = topics.read(message.value, message.headers.get("ce_type")) if message.value else None
        except Poisonous as error:
            log.warning("a status fact cannot be read", partition=message.partition, offset=message.offset, reason=str(error))
            return
        if not isinstance(fact, StatusFact):
            return
        before = self._known.get(fact.key)
        after = taken(None if fact.seq == 1 else before, fact) if before is None or fact.seq > before.seq else before
        if after is before:
            return
        self._known[fact.key] = after
        self._ongoing = None
        if (before is not None and before.is_live) or after.is_live:
            self._keep()

    def get(self, key: str) -> Known | None:
        return self._known.get(key)

    def public(self, key: str) -> Known | None:
        """An incident everybody may know of, whatever its state."""
        known = self._known.get(key)
        return known if known is not None and known.public else None

    @property
    def ongoing(self) -> tuple[Ongoing, ...]:
        """The open, public incidents, the newest last."""
        if self._ongoing is None:
            self._ongoing = tuple(known.ongoing for known in self._known.values() if known.public and known.state == "open")
        return self._ongoing

    def silencing(self, components: Collection[str]) -> str | None:
        """A maintenance under way that covers all of these components: their alerts were to be expected. None for no component."""
        wanted = set(components)
        return next(
            (
                key
                for key, known in self._known.items()
                if wanted and known.state == "started" and wanted <= {component.id for component in known.components}
            ),
            None,
        )

    @property
    def with_alerts(self) -> list[str]:
        """Incidents in which an alert fires, whatever became of the incident itself."""
        return [key for key, known in self._known.items() if known.firing]

    def of_alert(self, source: str, group_key: str) -> str | None:
        """The draft or open incident that this group of alerts belongs to."""
        group = alert_group(source, group_key)
        return next((key for key, known in self._known.items() if known.state in ("draft", "open") and group in known.alerts), None)

    def _keep(self) -> None:
        """Only what is going on: the rest is history, and Kafka's to tell."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_suffix(".new")
        half.write_bytes(_FILE.dump_json([known for known in self._known.values() if known.is_live]))
        half.replace(self._path)
