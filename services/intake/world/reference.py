"""What intake knows of the world while it accepts: directory and policies, at hand in this process,
Kafka there or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from services.intake.domain import DeskRules
from services.intake.policies.check import MODELS
from services.intake.world.directory import Directory
from shared.errors import Unavailable
from shared.events import PolicyPublished, Stamp
from shared.policy import (
    COMPONENTS,
    DECIDING,
    DESK,
    ON_CALL,
    ComponentsPolicy,
    DeskPolicy,
    OnCallPolicy,
)
from shared.policy.book import PolicyLog
from shared.policy.on_call.document import Person
from shared.wire import Message

log = structlog.get_logger()

_FILE = TypeAdapter(list[PolicyPublished])


class DirectoryReplica(Protocol):
    """The directory's replica (`shared.spine.replica.Replica`)."""

    def record(self, key: str) -> bytes | None: ...

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None: ...

    def ids(self, kind: str) -> list[str]: ...

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 2.0) -> None: ...


class Policies:
    """Every version of every policy document; the first in the log with a number counts.

    Fed by the replica of `policies`, which reads the topic from its beginning at each start. The
    newest ones are kept in `path`, so that tickets are accepted after a start with Kafka away; what
    the log says replaces them.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._log = PolicyLog()
        self._kept: dict[str, PolicyPublished] = {}
        # What was kept is a start without Kafka; the log replaces it.
        if path and path.exists():
            try:
                self._kept = {
                    kept.key: kept
                    for kept in _FILE.validate_json(path.read_bytes(), extra="ignore")
                }
            except ValidationError as error:
                log.warning(
                    "the kept policies cannot be read, Kafka will tell them",
                    path=str(path),
                    problems=error.error_count(),
                )

    def on_change(self, message: Message) -> None:
        """A record of the topic; what cannot be read or used is left out, and said."""
        if self._log.take(message.key, message.value):
            # A newest version that cannot be used keeps the last good one in its place.
            if self._log.fault(message.key, self._log.highest(message.key)) is None:
                self._kept.pop(message.key, None)
            self._keep()

    @property
    def changes(self) -> int:
        """It grows with every version that was read."""
        return self._log.changes

    def trouble(self) -> str | None:
        """What operators should see of the documents."""
        return self._log.trouble()

    def get(self, name: str, version: int | None = None) -> PolicyPublished | None:
        """A version, or the newest, of those that can be used."""
        known = self._log.newest(name) if version is None else self._log.version(name, version)
        # The log's word first; the file only where the log has said nothing yet.
        if known is not None:
            return known.published
        kept = self._kept.get(name)
        return kept if kept is not None and version in (None, kept.version) else None

    def versions(self, name: str) -> list[PolicyPublished]:
        return [one.published for one in self._log.versions(name)]

    def next_version(self, name: str) -> int:
        """The number of the next version: beyond every one in the log, those that nobody can use
        included.
        """
        # Versions that nobody can use count too: their numbers are taken.
        last = self.get(name)
        return max(last.version if last else 0, self._log.highest(name)) + 1

    def stamp(self) -> Stamp:
        """The newest version of each policy document there is."""
        return {name: found.version for name in DECIDING if (found := self.get(name)) is not None}

    def _keep(self) -> None:
        if self._path is None:
            return
        newest = [found for name in MODELS if (found := self.get(name)) is not None]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Written under another name first, so that a crash leaves the old file.
        half = self._path.with_suffix(".new")
        half.write_bytes(_FILE.dump_json(newest))
        half.replace(self._path)


class Reference:
    """Directory and policies together. `publishing` serialises this process's own new policy
    versions.
    """

    def __init__(
        self, records: DirectoryReplica, policies: Policies, policies_changed: DirectoryReplica
    ) -> None:
        self._records, self._policies, self._policies_changed = records, policies, policies_changed
        self.directory = Directory(records)
        self.publishing = asyncio.Lock()
        # Each is parsed again only after a version was read.
        self._rules: tuple[int, DeskRules] | None = None
        self._on_call: tuple[int, OnCallPolicy] | None = None
        self._components: tuple[int, ComponentsPolicy] | None = None

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None:
        """The raw document: what `shared.people.identity` looks tokens and accounts up by."""
        return self._records.get(kind, doc_id)

    def ids(self, kind: str) -> list[str]:
        """All ids of a kind, in no order."""
        return self._records.ids(kind)

    def rules(self) -> DeskRules:
        """What tickets are admitted by now. Raises Unavailable before any desk policy is known."""
        # Compared by the number of changes, which costs nothing per request.
        if self._rules is None or self._rules[0] != self._policies.changes:
            found = self._policies.get(DESK)
            if found is None:
                raise Unavailable("policies", "no policy has been read yet")
            self._rules = (
                self._policies.changes,
                DeskRules(
                    DeskPolicy.model_validate(found.document, extra="ignore"),
                    self._policies.stamp(),
                ),
            )
        return self._rules[1]

    def stamp(self) -> Stamp:
        return self._policies.stamp()

    def components(self) -> ComponentsPolicy:
        """What incidents can affect; an empty list before one was published."""
        if self._components is None or self._components[0] != self._policies.changes:
            found = self._policies.get(COMPONENTS)
            policy = (
                ComponentsPolicy.model_validate(found.document, extra="ignore")
                if found
                else ComponentsPolicy()
            )
            self._components = self._policies.changes, policy
        return self._components[1]

    def policy(self, name: str, version: int | None = None) -> PolicyPublished | None:
        return self._policies.get(name, version)

    def versions(self, name: str) -> list[PolicyPublished]:
        return self._policies.versions(name)

    def next_version(self, name: str) -> int:
        return self._policies.next_version(name)

    def on_call(self) -> OnCallPolicy | None:
        """The on-call document; None before any is known."""
        if self._on_call is None or self._on_call[0] != self._policies.changes:
            found = self._policies.get(ON_CALL)
            if found is None:
                return None
            self._on_call = (
                self._policies.changes,
                OnCallPolicy.model_validate(found.document, extra="ignore"),
            )
        return self._on_call[1]

    def is_colleague(self, email: str) -> bool:
        """Whether the directory says that this is somebody of our staff."""
        # A deactivated account is nobody's colleague.
        account = self.directory.account(email)
        return account is not None and account.is_staff

    def person(self, name: str) -> Person | None:
        """Somebody of the on-call document."""
        policy = self.on_call()
        return policy.people.get(name) if policy else None

    async def read_back_document(
        self, kind: str, doc_id: str, document: Mapping[str, Any] | None
    ) -> bool:
        """Wait until the directory says so here; False: not within two seconds."""
        return await _wait_until(self._records, lambda: self.get(kind, doc_id) == document)

    async def read_back_policy(self, name: str, version: int) -> bool:
        """Wait until a version with this number has been read; False: not within two seconds."""
        return await _wait_until(
            self._policies_changed, lambda: self.policy(name, version) is not None
        )


async def _wait_until(records: DirectoryReplica, condition: Callable[[], bool]) -> bool:
    try:
        await records.wait_until(condition)
    except Unavailable:
        # Not seen in time is no failure: it is in the log, and the answer says so.
        return False
    return True
