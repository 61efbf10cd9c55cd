"""The versions of policy documents, as their topic tells them. One reader for all who follow it.

A record that cannot be read, and a document that no decision could use, are left out, said and
counted; the version before stays in force. Whether a document can be used is tried out at the time
at which it was published, so every follower comes to the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from pydantic import BaseModel, ValidationError

from shared.errors import FAULTS, Poisonous, Unavailable
from shared.events import PolicyPublished
from shared.policy import DESK, DeskPolicy
from shared.policy.writing.documents import MODELS
from shared.policy.writing.rehearsal import why_unusable
from shared.spine.records import check_policies

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Version:
    """A version that can be used."""

    published: PolicyPublished
    policy: BaseModel

    @property
    def number(self) -> int:
        return self.published.version


@dataclass
class _Read:
    """A record that was read. `policy` and `fault` are worked out when somebody asks."""

    published: PolicyPublished
    policy: BaseModel | None = None
    fault: str | None = None
    is_tried: bool = False


class PolicyLog:
    """Fed with the records of topic `policies` in their order (`take` never raises), asked for
    versions. Where two publish the same version, the first in the log counts. `most`: so many of
    the newest versions of each document are kept; None: all.
    """

    def __init__(self, names: Sequence[str] = tuple(MODELS), most: int | None = None) -> None:
        self._names, self._most = frozenset(names), most
        self._read: dict[str, dict[int, _Read]] = {name: {} for name in names}
        self._unreadable: dict[str, str] = {}
        self.changes = 0

    def take(self, key: str, raw: bytes) -> bool:
        """A record. False: it says nothing new, or cannot be read."""
        # A tombstone or another document: not an error.
        if key not in self._names or not raw:
            return False
        try:
            check_policies(key, raw)
            found = PolicyPublished.read(raw)
        except (Poisonous, ValidationError) as error:
            self._unreadable[key] = str(error)
            log.error("a record of policies is skipped", document=key, reason=str(error))
            return False
        known = self._read[key]
        # The first in the log counts: two intakes may publish the same number at once.
        if found.version in known:
            return False
        known[found.version] = _Read(found)
        # A newer version is there: what could not be read before it matters to nobody any more.
        self._unreadable.pop(key, None)
        # `changes` grows only where something new is known, so that followers need not compare.
        if self._most is not None and len(known) > self._most:
            del known[min(known)]
        self.changes += 1
        return True

    def highest(self, name: str) -> int:
        """The highest number in the log, whether it can be used or not; 0: none."""
        return max(self._read.get(name, {}), default=0)

    def newest(self, name: str) -> Version | None:
        """The newest version that can be used."""
        # Newest first; each is tried out when it is first asked for, so old versions cost nothing.
        for number in sorted(self._read.get(name, {}), reverse=True):
            if (found := self.version(name, number)) is not None:
                return found
        return None

    def version(self, name: str, number: int) -> Version | None:
        """This version, where it was read and can be used."""
        read = self._try_version(name, number)
        return Version(read.published, read.policy) if read and read.policy else None

    def versions(self, name: str) -> list[Version]:
        """All that can be used, oldest first."""
        found = (self.version(name, number) for number in sorted(self._read.get(name, {})))
        return [one for one in found if one is not None]

    def fault(self, name: str, number: int) -> str | None:
        """Why this version cannot be used; None where it can, or was not read."""
        read = self._try_version(name, number)
        return read.fault if read else None

    def trouble(self) -> str | None:
        """What operators should see: the newest version of a document is not the one in force."""
        said = []
        for name in sorted(self._names):
            number = self.highest(name)
            if number and (fault := self.fault(name, number)) is not None:
                said.append(f"{name} version {number} cannot be used ({fault[:200]})")
            elif name in self._unreadable:
                said.append(f"a record of {name} was skipped ({self._unreadable[name][:200]})")
        return "; ".join(said) or None

    def _try_version(self, name: str, number: int) -> _Read | None:
        read = self._read.get(name, {}).get(number)
        # Tried out once: the answer cannot change, since it goes by the time of publishing.
        if read is None or read.is_tried:
            return read
        read.is_tried = True
        try:
            # Lenient: a version from before a field was removed stays readable.
            policy = MODELS[name].model_validate(read.published.document, extra="ignore")
            read.fault = why_unusable(policy, read.published.at)
            read.policy = policy if read.fault is None else None
        # What a decision under this document could raise. See `FAULTS` for what is in it.
        except FAULTS as error:
            read.fault = str(error)
        if read.fault is not None:
            log.error(
                "a policy document cannot be used, the one before stays in force",
                document=name,
                version=number,
                reason=read.fault[:500],
            )
        return read


class PolicyBook:
    """The desk policy by the stamp of a request, so that a decision uses the version it names."""

    def __init__(self) -> None:
        self._log = PolicyLog((DESK,))

    def __len__(self) -> int:
        return len(self._log.versions(DESK))

    def take(self, key: str, raw: bytes) -> None:
        """A record of `policies`."""
        self._log.take(key, raw)

    def changes(self) -> int:
        """It grows with every version that was read."""
        return self._log.changes

    def trouble(self) -> str | None:
        return self._log.trouble()

    def of(self, stamp: dict[str, int]) -> DeskPolicy:
        """The version that `stamp` names. Raises Unavailable where it was not read yet, Poisonous
        where none is named.

        A version that was accepted once and that no decision can use (a target that is never
        reached) is read as the last usable one before it, or else the first one after it: so a
        mended policy starts the clocks that stood still.
        """
        number = stamp.get(DESK)
        if number is None:
            raise Poisonous(f"the request is stamped with no version of policy {DESK!r}")
        found = self._log.version(DESK, number) or self._instead_of(number)
        if found is None or not isinstance(found.policy, DeskPolicy):
            why = self._log.fault(DESK, number) or "not read yet"
            raise Unavailable(f"policy {DESK!r} version {number}", why)
        return found.policy

    def _instead_of(self, number: int) -> Version | None:
        if self._log.fault(DESK, number) is None:
            return None
        # Only a version known to be faulty is replaced. One that is merely not read yet is waited
        # for.
        known = self._log.versions(DESK)
        before = [one for one in known if one.number < number]
        after = [one for one in known if one.number > number]
        return before[-1] if before else after[0] if after else None
