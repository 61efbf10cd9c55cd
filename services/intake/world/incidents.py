"""The incidents intake knows of while it accepts: a local view of topic `status`, at hand with
Kafka away.

Fed by a replica that reads the topic from its beginning at each start. What is going on is kept in
`path`, so that after a start with Kafka away tickets are still matched; what the log says replaces
it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.intake.incidents.alert_places import AGAIN, AlertIncident, Recent, kind_of
from shared import topics
from shared.errors import Poisonous
from shared.events import (
    AlertCleared,
    AlertRaised,
    AnnouncementMade,
    Component,
    Impact,
    ImpactChanged,
    IncidentCorrected,
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
from shared.status.matching import OngoingIncident
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

_SAYS: tuple[type[StatusFact], ...] = (
    *STATES,
    ImpactChanged,
    IncidentCorrected,
    IncidentUpdated,
    MaintenanceRescheduled,
)
"""Facts whose title, components and impact are those of today."""


class KnownIncident(BaseModel):
    """One incident, maintenance or announcement, as far as the log was read.

    `alerts`: its groups, `source group`. `kinds`: of its alerts (`alert_places.kind_of`). `firing`:
    the fingerprint of each alert that fires in it, and since when. `began`: when the first fact was
    made. `ended_by_itself`: it was dropped because its last alert ended.
    """

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
    kinds: tuple[str, ...] = ()
    firing: dict[str, datetime] = {}
    began: datetime | None = None
    ended_by_itself: bool = False

    @property
    def is_live(self) -> bool:
        return self.state in ("draft", "open", "scheduled", "started")

    @property
    def ongoing(self) -> OngoingIncident:
        return OngoingIncident(self.id, self.title, self.components, self.impact, self.provider)


_FILE = TypeAdapter(list[KnownIncident])


def evolve(before: KnownIncident | None, fact: StatusFact) -> KnownIncident:
    """What is known after `fact`; the same object where it was seen before. Pure."""
    known = before or KnownIncident(id=fact.key)
    # Facts may come again after a restart; the number of each key tells.
    if fact.seq <= known.seq:
        return known
    change: dict[str, object] = {"seq": fact.seq}
    if known.began is None:
        # The first fact that was read: what is older was never seen.
        change["began"] = fact.at
    if isinstance(fact, _SAYS):
        change |= {
            "title": fact.title,
            "components": fact.components,
            "impact": fact.impact,
            "provider": fact.provider,
        }
    # An announcement that comes with a maintenance leaves that one's state as it is.
    if (state := STATES.get(type(fact))) is not None and not (
        isinstance(fact, AnnouncementMade) and known.state
    ):
        change |= {"state": state, "public": known.public or fact.is_public}
    if (
        isinstance(fact, AlertRaised)
        and (group := alert_group(fact.source, fact.alert)) not in known.alerts
    ):
        change["alerts"] = (*known.alerts, group)
    if isinstance(fact, AlertRaised):
        change["firing"] = {**known.firing, fact.fingerprint: fact.started_at}
        if (kind := kind_of(fact.labels)) not in known.kinds:
            change["kinds"] = (*known.kinds, kind)
    # A draft that was dropped while nothing fired ended by itself.
    if isinstance(fact, IncidentResolved):
        change["ended_by_itself"] = fact.draft and not known.firing
    if isinstance(fact, AlertCleared):
        change["firing"] = {
            name: since
            for name, since in known.firing.items()
            # The end of an earlier alert with the same print does not end the one that fires now.
            if name != fact.fingerprint or since > fact.started_at
        }
    return known.model_copy(update=change)


def alert_group(source: str, group_key: str) -> str:
    """The name of a monitor's group of alerts."""
    return f"{source} {group_key}"


class Incidents:
    """`on_change` for a replica of `status`; the rest reads, and never waits."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, KnownIncident] = {}
        self._ongoing: tuple[OngoingIncident, ...] | None = None
        self._alerting: set[str] = set()
        self.recent = Recent()
        if path is not None and path.exists():
            # `seq` 0: whatever the log tells replaces what was kept.
            try:
                self._known = {
                    kept.id: kept.model_copy(update={"seq": 0})
                    for kept in _FILE.validate_json(path.read_bytes(), extra="ignore")
                }
                self._alerting = {known.id for known in self._known.values() if known.alerts}
            except ValidationError as error:
                # A file of an older version costs only a moment without matches.
                log.warning(
                    "the kept incidents cannot be read, Kafka will tell them",
                    path=str(path),
                    problems=error.error_count(),
                )

    def on_change(self, message: Message) -> None:
        """A record of the topic; one that cannot be read is left out: the projector reports it."""
        try:
            fact = (
                topics.read(message.value, message.headers.get("ce_type"))
                if message.value
                else None
            )
        except Poisonous as error:
            log.warning(
                "a status fact cannot be read",
                partition=message.partition,
                offset=message.offset,
                reason=str(error),
            )
            return
        if not isinstance(fact, StatusFact):
            return
        before = self._known.get(fact.key)
        # The first fact of a key begins anew: what the file kept may be of another log.
        after = (
            evolve(None if fact.seq == 1 else before, fact)
            if before is None or fact.seq > before.seq
            else before
        )
        if after is before:
            return
        self._known[fact.key] = after
        # Remembered apart, or each alert would walk through all incidents there ever were.
        if after.alerts:
            self._alerting.add(after.id)
        self._ongoing = None
        # Only what is going on is in the file, so other changes need no write.
        if (before is not None and before.is_live) or after.is_live:
            self._keep()

    def get(self, key: str) -> KnownIncident | None:
        return self._known.get(key)

    def public(self, key: str) -> KnownIncident | None:
        """An incident everybody may know of, whatever its state."""
        known = self._known.get(key)
        return known if known is not None and known.public else None

    @property
    def ongoing(self) -> tuple[OngoingIncident, ...]:
        """The open, public incidents, the newest last."""
        if self._ongoing is None:
            self._ongoing = tuple(
                known.ongoing
                for known in self._known.values()
                if known.public and known.state == "open"
            )
        return self._ongoing

    def silencing(self, components: Collection[str]) -> str | None:
        """A maintenance under way that covers all of these components: their alerts were to be
        expected. None for no component.
        """
        # All of the components must be covered: one that is not under maintenance may be the cause.
        wanted = set(components)
        return next(
            (
                key
                for key, known in self._known.items()
                if wanted
                and known.state == "started"
                and wanted <= {component.id for component in known.components}
            ),
            None,
        )

    @property
    def with_alerts(self) -> list[str]:
        """Incidents in which an alert fires, whatever became of the incident itself."""
        return [key for key, known in self._known.items() if known.firing]

    def is_closed(self, key: str, now: datetime) -> bool:
        """Whether an incident is over and no alert may be put into it any more."""
        known = self._known.get(key)
        if known is None or known.state != "over":
            return False
        # One that ended by itself may be drafted again for some hours.
        return not known.ended_by_itself or known.began is None or now - known.began > AGAIN

    def places(self, now: datetime) -> list[AlertIncident]:
        """The incidents that an alert may belong to, those of this process's last minutes too."""
        found: dict[str, AlertIncident] = {}
        # A copy: entries are removed on the way.
        for key in list(self._alerting):
            known = self._known[key]
            began = known.began or now - timedelta(days=1)
            # Too old to be joined and nothing fires in it: forgotten for good.
            if not known.is_live and not known.firing and now - began > AGAIN:
                self._alerting.discard(key)
                continue
            found[key] = AlertIncident(
                key,
                frozenset(known.alerts),
                frozenset(known.kinds),
                live=known.state in ("draft", "open"),
                again=known.state == "over" and known.ended_by_itself,
                began=began,
                firing=known.firing,
            )
        return self.recent.beside(found, lambda key: self.is_closed(key, now))

    def _keep(self) -> None:
        """Only what is going on: the rest is history, and Kafka's to tell."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own first, so that the file is never half written.
        half = self._path.with_suffix(".new")
        half.write_bytes(
            _FILE.dump_json([known for known in self._known.values() if known.is_live])
        )
        half.replace(self._path)
