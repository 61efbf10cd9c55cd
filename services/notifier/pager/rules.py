"""The policy the pager decides under: the latest published versions of the documents `default` and
`on-call`.
"""

from __future__ import annotations

from collections.abc import Callable

from services.notifier.pager.pace import PagingRules
from shared.errors import Unavailable
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.policy.book import PolicyLog
from shared.wire import Message

# No people, no steps: a page that is opened under it waits.
NOBODY = OnCallPolicy(people={}, schedules={}, escalation={})
"""In force until the first document is published: pages are opened, and wait for somebody."""

_KEPT = 20
"""So many versions of each document: should the newest be of no use, one before it is."""


class Rulebook:
    """Fed with the records of topic `policies` in log order. Of two with one version the first
    counts. A document that cannot be used leaves the one before in force.
    """

    def __init__(self) -> None:
        self._is_caught_up: Callable[[], bool] = lambda: False
        self._log = PolicyLog((DESK, ON_CALL), _KEPT)
        self._rules: tuple[int, PagingRules] | None = None

    def follow(self, is_caught_up: Callable[[], bool]) -> None:
        """Ask this before every answer: whether the topic has been read to the end."""
        self._is_caught_up = is_caught_up

    def take(self, message: Message) -> None:
        """A replica's `on_change`."""
        self._log.take(message.key, message.value)

    def changes(self) -> int:
        """It grows with every version that was read."""
        return self._log.changes

    def trouble(self) -> str | None:
        """What operators should see of the documents."""
        return self._log.trouble() if self._is_caught_up() else None

    def rules(self) -> PagingRules:
        """What is in force now. Raises Unavailable while it is not known: nobody may be woken by a
        stale rota.
        """
        if not self._is_caught_up():
            raise Unavailable("policies", "not read to the end yet")
        # Made once for each change of the documents: decisions ask many times a second.
        if self._rules is None or self._rules[0] != self._log.changes:
            self._rules = self._log.changes, self._newest()
        return self._rules[1]

    def _newest(self) -> PagingRules:
        found, desk = self._log.newest(ON_CALL), self._log.newest(DESK)
        on_call = found.policy if found else None
        # A document that does not exist, or that is broken, leaves nobody to page.
        if not isinstance(on_call, OnCallPolicy):
            on_call = NOBODY
        # Without a desk policy the name is the default of the field.
        escalation = (
            desk.policy.escalation
            if desk and isinstance(desk.policy, DeskPolicy)
            else DeskPolicy.model_fields["escalation"].default
        )
        known = {DESK: desk, ON_CALL: found}
        # Facts are stamped with the versions that they were decided under.
        stamp = {name: one.number for name, one in known.items() if one is not None}
        return PagingRules(on_call, escalation, stamp)

    def lacks(self) -> str | None:
        """What is not set up yet."""
        if not self._is_caught_up() or self.rules().is_set_up:
            return None
        return f"an escalation policy in the document {ON_CALL!r}: urgent tickets reach nobody"

    async def unready(self) -> str | None:
        """A telemetry check: whether the documents are known, be there any or none."""
        try:
            self.rules()
        except Unavailable as error:
            return str(error)
        return None
