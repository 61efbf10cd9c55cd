"""A maintenance begins or ends: every incident in which an alert fires is told of it, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.followers.follow import maintenances, records_for
from services.intake.world.incidents import Incidents
from shared.errors import Unavailable
from shared.events import (
    AlertCleared,
    AlertRaised,
    Component,
    Event,
    IncidentDrafted,
    IncidentResolved,
    MaintenanceEnded,
    MaintenanceScheduled,
    MaintenanceStarted,
    RestoreAlerts,
    Severity,
    SilenceAlerts,
    StatusFact,
    Via,
)
from shared.topics import read
from shared.wire import Message

AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
TIMES: dict[str, Any] = {"starts_at": AT, "ends_at": AT + timedelta(hours=1)}
ROUTING = (Component(id="routing", name="Routing"),)


class Log:
    """The topic `status` and a book that has read it, as far as `late` does not say otherwise."""

    def __init__(self) -> None:
        self.book, self.late = Incidents(), list[StatusFact]()
        self._seqs: dict[str, int] = {}
        self.away = False

    def says(
        self, kind: type[StatusFact], key: str, *, late: bool = False, **fields: Any
    ) -> StatusFact:
        seq = self._seqs[key] = self._seqs.get(key, 0) + 1
        fact = kind(
            id=f"fct_{key}_{seq}",
            key=key,
            seq=seq,
            at=AT,
            by="system",
            policy={"default": 3},
            components=ROUTING,
            **fields,
        )
        self.late.append(fact)
        if not late:
            self._catch_up()
        return fact

    async def refresh(self) -> None:
        if self.away:
            raise Unavailable("kafka", "away")
        self._catch_up()

    def _catch_up(self) -> None:
        for fact in self.late:
            self.book.on_change(message(fact))
        self.late.clear()

    async def asked(self, *facts: Event) -> list[Any]:
        records = await records_for(
            maintenances(self.book, self.refresh), [message(fact) for fact in facts]
        )
        return [read(record.value) for record in records if record.value]


def message(fact: Event) -> Message:
    return Message("status", 0, 0, fact.key, fact.wire(), {}, 0.0)


@pytest.fixture
def log() -> Log:
    """An alert fires in inc_1, one ended in inc_2, and inc_3 has none."""
    made = Log()
    for key in ("inc_1", "inc_2", "inc_3"):
        made.says(IncidentDrafted, key, update="u", body="b", started_at=AT, draft=True)
    for key in ("inc_1", "inc_2"):
        raises(made, key)
    made.says(
        AlertCleared, "inc_2", source="alertmanager", alert="g", fingerprint="f", started_at=AT
    )
    made.says(MaintenanceScheduled, "mnt_1", body="b", **TIMES)
    return made


def raises(log: Log, key: str, **more: Any) -> StatusFact:
    told = {
        "source": "alertmanager",
        "alert": "g",
        "fingerprint": "f",
        "severity": Severity.ERROR,
        "summary": "s",
        "started_at": AT,
    }
    return log.says(AlertRaised, key, **{**told, **more})


async def test_incidents_with_an_alert_that_fires_are_told_and_no_others(log: Log) -> None:
    started = log.says(MaintenanceStarted, "mnt_1", **TIMES)
    (asked,) = await log.asked(started)
    assert isinstance(asked, SilenceAlerts)
    assert (asked.key, asked.maintenance, asked.components, asked.actor.via) == (
        "inc_1",
        "mnt_1",
        ("routing",),
        Via.SYSTEM,
    )
    assert await log.asked(started) == [asked], "reading it again asks for nothing new"
    ended = log.says(MaintenanceEnded, "mnt_1", **TIMES)
    (restored,) = await log.asked(ended)
    assert isinstance(restored, RestoreAlerts) and (restored.key, restored.maintenance) == (
        "inc_1",
        "mnt_1",
    )
    assert restored.id != asked.id


async def test_an_incident_that_ops_closed_while_its_alert_fires_is_told_as_well(log: Log) -> None:
    log.says(IncidentResolved, "inc_1", update="v", body="b", started_at=AT)
    assert len(await log.asked(log.says(MaintenanceStarted, "mnt_1", **TIMES))) == 1


async def test_the_book_is_brought_up_to_date_first(log: Log) -> None:
    raises(log, "inc_3", late=True)
    asked = await log.asked(log.says(MaintenanceStarted, "mnt_1", late=True, **TIMES))
    assert {one.key for one in asked} == {"inc_1", "inc_3"}
    log.away = True
    with pytest.raises(Unavailable):
        await log.asked(log.says(MaintenanceEnded, "mnt_1", late=True, **TIMES))


async def test_a_beginning_that_is_read_when_it_is_over_silences_nobody(log: Log) -> None:
    started = log.says(MaintenanceStarted, "mnt_1", **TIMES)
    log.says(MaintenanceEnded, "mnt_1", **TIMES)
    assert await log.asked(started) == []


async def test_an_alert_taken_in_as_silent_after_the_end_is_restored(log: Log) -> None:
    log.says(MaintenanceStarted, "mnt_1", **TIMES)
    during = raises(log, "inc_3", silenced_by="mnt_1")
    assert await log.asked(during) == [], "under way: it waits for the end"
    log.says(MaintenanceEnded, "mnt_1", **TIMES)
    (restored,) = await log.asked(raises(log, "inc_2", fingerprint="g", silenced_by="mnt_1"))
    assert isinstance(restored, RestoreAlerts) and restored.key == "inc_2"
    assert await log.asked(raises(log, "inc_2", fingerprint="h")) == []
