"""By when the first answer is promised, for the mail that says a ticket has arrived: from the
policy version that the fact itself names, so making the mail again says the same. Pure, over the
policies read so far.
"""

from __future__ import annotations

from datetime import datetime

from shared.events import PrioritySet, SenderConfirmed
from shared.policy import DESK, DeskPolicy
from shared.policy.book import PolicyLog
from shared.policy.working_time import due_at


def answer_by(policies: PolicyLog, fact: PrioritySet | SenderConfirmed) -> datetime | None:
    """None where that version has not been read, or cannot be used: the mail leaves the line
    out.
    """
    # The version that the fact is stamped with, not the newest.
    found = policies.version(DESK, fact.policy.get(DESK, 0))
    if found is None or not isinstance(found.policy, DeskPolicy):
        return None
    target = found.policy.target_for(fact.plan, fact.priority)
    # A confirmed mail counts from its confirmation: before it nothing was promised.
    began = fact.opened_at if isinstance(fact, PrioritySet) else fact.at
    return due_at(found.policy.calendars[target.calendar], began, target.within)
