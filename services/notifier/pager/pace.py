"""The pace of retries, and the rules a decision of the pager is made under. Who is tried next:
`shared/policy/on_call/steps.py`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.events import Stamp
from shared.policy.on_call.document import Channel, OnCallPolicy

SWITCH_AFTER = 3
"""After so many tries without a receipt the person's next method is tried as well (about 3 s of
errors, 33 s of silence).
"""

STAND_DOWN_TRIES = 8
"""A stand-down that cannot be delivered is given up after about three minutes: it is a courtesy,
the page is over.
"""

# A mail or a text message stays where it is; only these ring on.
ESCALATES_BY_ITSELF = frozenset({Channel.PAGERDUTY})
"""Far sides that go on waking people unless told to stop, so an acknowledgement here must be told
there.
"""


@dataclass(frozen=True, slots=True)
class PagingRules:
    """The policy a decision is made under: the on-call document, the escalation policy new pages
    use, and the versions.
    """

    on_call: OnCallPolicy
    escalation: str
    stamp: Stamp

    @property
    def is_set_up(self) -> bool:
        """Whether there is an escalation policy: without one nobody can be woken yet."""
        return bool(self.on_call.escalation)
