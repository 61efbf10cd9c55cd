"""The policy documents in force, which the portal follows in memory: for what the pages say of
hours and names, and for the administration. MongoDB is not needed for it.
"""

from __future__ import annotations

from pydantic import BaseModel

from shared.policy import BRAND, DESK, BrandPolicy, DeskPolicy
from shared.policy.book import PolicyLog, Version
from shared.policy.writing.documents import MODELS
from shared.wire import Message

_KEPT = 20
"""Versions of each, should the newest be of no use."""


class PublishedPolicies:
    """Fed with the records of topic `policies` in log order. Of two with one version the first
    counts; a document that cannot be used leaves the one before in force.
    """

    def __init__(self) -> None:
        self._log = PolicyLog(tuple(MODELS), _KEPT)

    def take(self, message: Message) -> None:
        """A replica's `on_change`."""
        self._log.take(message.key, message.value)

    def newest(self, name: str) -> Version | None:
        """The version in force; None before one was published."""
        return self._log.newest(name)

    @property
    def brand(self) -> BrandPolicy:
        """What the desk is called; our plain words where nobody said."""
        found = self.policy(BRAND)
        return found if isinstance(found, BrandPolicy) else BrandPolicy()

    @property
    def desk(self) -> DeskPolicy | None:
        """Hours, targets and routing."""
        found = self.policy(DESK)
        return found if isinstance(found, DeskPolicy) else None

    def policy(self, name: str) -> BaseModel | None:
        """Its document, read."""
        found = self._log.newest(name)
        return found.policy if found else None
