"""How many mails one address gets within an hour because somebody wrote in its name. Pure but for
what it remembers.

It holds for what answers a message by itself, and for asks to take part in a ticket, which somebody
may have sent to a stranger (`mail.CAPPED`): those are what a loop or a forger makes. What a person
wrote, a ticket handed to a provider, or news of an incident is exempt: somebody waits for it, and a
storm of those is real.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.notifier.notices import Notice, SuppressedNotice, Told

HOUR = timedelta(hours=1)


@dataclass
class Ceiling:
    """`most` mails of `templates` to one address within an hour; counted anew after a restart."""

    most: int
    templates: Collection[str]
    _sent: dict[str, deque[datetime]] = field(default_factory=dict)

    def keep(self, one: Told, now: datetime) -> Told:
        """`one`, or the record that it was left out."""
        if not isinstance(one, Notice) or one.kind != "mail" or one.template not in self.templates:
            return one
        # People who are written to seldom are forgotten, so that the table stays small.
        if len(self._sent) > 50_000:
            self._sent = {
                to: times for to, times in self._sent.items() if times and times[-1] > now - HOUR
            }
        times = self._sent.setdefault(one.to, deque())
        while times and times[0] <= now - HOUR:
            times.popleft()
        if len(times) >= self.most:
            reason = (
                f"{self.most} automatic mails went to this address within an hour; more could "
                "feed a loop"
            )
            return SuppressedNotice(
                one.id,
                one.fact_id,
                one.ticket_id,
                one.kind,
                one.to,
                one.template,
                one.destination,
                reason,
            )
        times.append(now)
        return one
