"""Whether somebody may be asked by mail to take part in a ticket. Pure but for what it counts.

Asking makes us write to an address of the asker's choice. So there are ceilings, and whom we never
ask. Why somebody is not asked goes into the request (`AskParticipant.not_asked`): the router
refuses with it, and the log has the record.

| who is asked | why not |
|---|---|
| an address of ours | a mail to it would come back to us |
| a machine's address (`no-reply@`, `mailer-daemon@` …), or one made up by an import | nobody there |
| staff, and a provider's people | they see tickets by their work |
| a stopped address | mail to it bounced, or its owner complained |
| more than the policy lets one person ask within a day | the asker could send mail to strangers |
| more than the policy lets one address get within a day | so could many askers together |
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.events import STAFF
from shared.people.folding import fold_address
from shared.people.identity import Lookup
from shared.people.subscriptions import stops_among
from shared.policy import AskRules

OURS = "This is an address of ours. Write to us on the ticket instead."
MACHINE = "This looks like a machine's address. Ask a person."
AT_WORK = "They see tickets by their work; only the customer's colleagues are asked."
STOPPED = "Mail to this address is stopped. Share a link with them instead."
MANY_BY_ONE = "You have asked many people today. Share a link instead, or ask again tomorrow."
MANY_TO_ONE = "This person was asked often today. Ask again tomorrow."

_DAY = timedelta(days=1)
_MOST_COUNTED = 50_000
# Local parts of programs, as they stand before the `@`.
_MACHINES = re.compile(
    r"(?:mailer-daemon|postmaster|bounces?|auto-?reply|no-?_?reply|do-?_?not-?_?reply|nobody"
    r"|notifications?|alerts?)(?:[+-][^@]*)?@",
    re.IGNORECASE,
)


@dataclass
class AskLimits:
    """`own`: our folded addresses. The counts are this process's alone, and begin anew with it: each
    of `copies` processes gives its share of the day's limits, rounded up. What a ticket's asks add
    up to is in the log and holds for ever.
    """

    own: frozenset[str] = frozenset()
    copies: int = 1
    _times: dict[str, deque[datetime]] = field(default_factory=dict)

    def find_obstacle(
        self, email: str, asker: str, directory: Lookup, rules: AskRules, now: datetime
    ) -> str:
        """Why `asker` may not have `email` asked now: a sentence for them. Empty: they may, and it
        counts.
        """
        person = fold_address(email)
        if why := find_reason_against(person, self.own, directory):
            return why
        by, to = f"by {fold_address(asker)}", f"to {person}"
        # Both are looked at before either is counted: a refused ask uses up nothing.
        if self._count(by, now) >= math.ceil(rules.by_person / self.copies):
            return MANY_BY_ONE
        if self._count(to, now) >= math.ceil(rules.to_address / self.copies):
            return MANY_TO_ONE
        for key in (by, to):
            self._times.setdefault(key, deque()).append(now)
        return ""

    def _count(self, key: str, now: datetime) -> int:
        """How many there were in the last 24 hours."""
        # Who asked long ago is forgotten, so that the table stays small.
        if len(self._times) > _MOST_COUNTED:
            self._times = {
                one: times for one, times in self._times.items() if times[-1] > now - _DAY
            }
        times = self._times.get(key)
        if times is None:
            return 0
        while times and times[0] <= now - _DAY:
            times.popleft()
        if not times:
            del self._times[key]
            return 0
        return len(times)


def find_reason_against(person: str, own: frozenset[str], directory: Lookup) -> str:
    """Why this folded address is never asked; empty where nothing speaks against it."""
    local, _, domain = person.partition("@")
    # A tagged address (`support+tkt_…@`) is that of its mailbox.
    if person in own or f"{local.partition('+')[0]}@{domain}" in own:
        return OURS
    # Imports make up addresses for people without one (RFC 2606).
    if _MACHINES.match(person) or domain == "invalid" or domain.endswith(".invalid"):
        return MACHINE
    if _works_here(directory.get("accounts", person)):
        return AT_WORK
    return STOPPED if stops_among((person,), directory) else ""


def _works_here(account: Mapping[str, Any] | None) -> bool:
    """Whether an account is of our staff, or of a provider's people."""
    if account is None:
        return False
    return bool(account.get("provider")) or bool(STAFF & set(account.get("roles") or ()))
