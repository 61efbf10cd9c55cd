"""Who has had the ticket, and for how long: a fold over its facts. Pure.

Every instant from the opening on belongs to exactly one of three, so that their times add up to the
ticket's age. The age ends when the ticket is solved; if it is reopened, the time it was thought
solved was the requester's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from shared.events.envelope import Instant, Status, Value

_NONE = timedelta(0)


class Holder(StrEnum):
    REQUESTER = "requester"
    PLATFORM = "platform"
    PROVIDER = "provider"


def holder_of(status: Status, provider: str | None) -> Holder | None:
    """The side that has to act; None: nobody any more. A ticket that waits for the customer is theirs
    wherever it lies.
    """
    # The status comes first: a solved or waiting ticket is not the provider's, wherever it lies.
    if status in (Status.SOLVED, Status.CLOSED):
        return None
    if status is Status.PENDING:
        return Holder.REQUESTER
    return Holder.PROVIDER if provider else Holder.PLATFORM


class Custody(Value):
    """`holder` has had it since `since`; the others' times, and the holder's before, are spent."""

    holder: Holder | None
    since: Instant
    requester: timedelta = _NONE
    platform: timedelta = _NONE
    provider: timedelta = _NONE

    def passed(self, holder: Holder | None, at: datetime) -> Custody:
        """Now `holder` has it. Facts may carry times that go back a little: no time is counted
        twice or below nothing.
        """
        at = max(at, self.since)
        if holder is self.holder:
            return self
        if self.holder is None and holder is None:
            return self
        # Nobody had it while it was solved. Reopened, that time was the requester's, see the
        # module.
        spent = (self.holder or Holder.REQUESTER).value
        return self.model_copy(
            update={"holder": holder, "since": at, spent: getattr(self, spent) + (at - self.since)}
        )

    def until(self, now: datetime) -> dict[Holder, timedelta]:
        """The three times at `now`."""
        spent = {holder: getattr(self, holder.value) for holder in Holder}
        if self.holder is not None:
            spent[self.holder] += max(now, self.since) - self.since
        return spent
