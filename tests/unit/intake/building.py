"""A desk in memory: the demo's directory, the shipped policies, and a log that is a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

import orjson
from argon2 import PasswordHasher

from deploy.demo.directory import documents, policies
from services.intake.accounts.shell import Accounts
from services.intake.accounts.tokens import TokenIndex
from services.intake.app import build
from services.intake.directory.administrators import Administrators
from services.intake.http.door import Allowance, RequestGate
from services.intake.http.idempotency import Keys
from services.intake.shell import Intake
from services.intake.spool.spool import Accepted
from services.intake.world.portal_view import SeenTicket, SentNotice
from services.intake.world.reference import Policies, Reference
from shared.errors import Unavailable
from shared.events import Event, PolicyPublished
from shared.people.passwords import Passwords
from shared.topics import read
from shared.wire import Message, Record

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SECRET = "a secret of sixteen"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""A hash that costs next to nothing: one as it should be takes a tenth of a second of a core."""
POLICIES = dict(policies("http://sink"))


class StandingClock:
    tick = timedelta(0)

    def now(self) -> datetime:
        return NOW


def event_of(record: Record) -> Event:
    assert record.value is not None
    event = read(record.value)
    assert event is not None
    assert event.key == record.key
    return event


class Log:
    """Kafka's side: what was written, by topic, and read back at once by directory and policies."""

    def __init__(self) -> None:
        self.written: list[tuple[str, Event]] = []
        self.spooled: list[tuple[str, Event]] = []
        self.away = False
        self.policies = Policies(None)
        self.tokens, self.administrators = TokenIndex(), Administrators()
        self._directory: dict[str, bytes] = {}

    async def write(self, record: Record) -> int:
        if self.away:
            raise Unavailable("kafka", "no answer in 2 s")
        assert record.value is not None
        event = event_of(record)
        self.written.append((record.topic, event))
        if record.topic == "directory":
            self._directory[record.key] = record.value
            self._tell(
                Message("directory", 0, len(self.written), record.key, record.value, {}, 0.0)
            )
        if record.topic == "policies":
            self.policies.on_change(
                Message("policies", 0, len(self.written), record.key, record.value, {}, 0.0)
            )
        return len(self.written)

    async def publish(self, records: Sequence[Record]) -> Accepted:
        if self.away:
            self.spooled += [(record.topic, event_of(record)) for record in records]
            return "spooled"
        for record in records:
            await self.write(record)
        return "logged"

    def on(self, topic: str) -> list[Event]:
        return [event for where, event in self.written if where == topic]

    def holds(self, kind: str, doc_id: str, document: dict[str, Any]) -> None:
        key, value = f"{kind}:{doc_id}", orjson.dumps({"document": document})
        self._directory[key] = value
        self._tell(Message("directory", 0, 0, key, value, {}, 0.0))

    def _tell(self, message: Message) -> None:
        self.tokens.on_change(message)
        self.administrators.on_change(message)

    def publishes(self, name: str, version: int, document: dict[str, Any], **fields: Any) -> None:
        event = PolicyPublished(
            id=f"{name}{version}{fields}",
            key=name,
            at=NOW,
            version=version,
            document=document,
            **fields,
        )
        self.policies.on_change(Message("policies", 0, 0, name, event.wire(), {}, 0.0))

    def record(self, key: str) -> bytes | None:
        return self._directory.get(key)

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        raw = self.record(f"{kind}:{doc_id}")
        return orjson.loads(raw)["document"] if raw else None

    def ids(self, kind: str) -> list[str]:
        start = f"{kind}:"
        return [key[len(start) :] for key in self._directory if key.startswith(start)]

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 2.0) -> None:
        if not condition():
            raise Unavailable("replica")


@cache
def _read_once() -> Policies:
    log = Log()
    for name, document in POLICIES.items():
        log.publishes(name, 1, document)
        assert log.policies.get(name) is not None
    return log.policies


def shipped_policies() -> Policies:
    """Version 1 of each shipped document. What was read and tried out is shared by all tests: that
    takes 10 ms. What a test publishes is its own.
    """
    own = copy(_read_once())
    own._kept, own._log = {}, copy(own._log)
    own._log._unreadable = {}
    own._log._read = {name: dict(known) for name, known in own._log._read.items()}
    return own


class KnownTickets:
    """The view, as far as it has come."""

    def __init__(self) -> None:
        self.tickets: dict[str, SeenTicket] = {}
        self.by_incident: dict[str, list[str]] = {}
        self.notices: dict[str, SentNotice] = {}
        self.trouble: Unavailable | None = None

    async def ticket(self, ticket_id: str) -> SeenTicket | None:
        return self.tickets.get(ticket_id)

    async def has_no(self, ticket_id: str) -> bool:
        return ticket_id not in self.tickets

    async def notice(self, notice_id: str) -> SentNotice | None:
        return self.notices.get(notice_id)

    async def linked(self, incident: str) -> list[str]:
        if self.trouble:
            raise self.trouble
        return self.by_incident.get(incident, [])


class Bench:
    """Everything together. `empty`: an installation in which nothing has happened yet."""

    def __init__(self, rate: str = "1000/minute", *, empty: bool = False) -> None:
        self.log, self.view = Log(), KnownTickets()
        for document in () if empty else documents("http://sink"):
            self.log.holds(document.kind, document.id, document.body)
        if not empty:
            self.log.policies = shipped_policies()
        self.reference = Reference(self.log, self.log.policies, self.log)
        self.intake = Intake(
            self.reference,
            self.log.publish,
            self.log.write,
            Keys(None),
            self.view,
            SECRET,
            administrators=self.log.administrators,
        )
        self.door = RequestGate(self.reference, StandingClock(), SECRET, Allowance(rate))
        self.accounts = Accounts(
            self.log.tokens,
            passwords=Passwords(hasher=QUICK),
            administrators=self.log.administrators,
        )

    @cached_property
    def app(self) -> Any:
        """Made when it is first asked for: its routes take a tenth of a second."""
        return build(self.intake, self.door, {}, accounts=self.accounts)
