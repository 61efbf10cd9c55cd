"""How much each sender sent within the last hour, and how often they were told of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.intake.mail.admission.evidence import SenderUsage

# Mail is counted by the hour; the notes that a mail was kept, by the day.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class SenderUsageCounter:
    """How much each sender sent within the last hour, in this process. What nobody vouches for is
    counted apart, so that a forger does not use up what the owner of the address may send."""

    most_tickets: int = 20
    most_replies: int = 60
    most_told: int = 20
    _tickets: dict[tuple[str, bool], deque[datetime]] = field(default_factory=dict)
    _replies: dict[tuple[str, bool], deque[datetime]] = field(default_factory=dict)
    _told: dict[tuple[str, bool], deque[datetime]] = field(default_factory=dict)

    def of(self, sender: str, vouched: bool, now: datetime) -> SenderUsage:
        key = sender, vouched
        return SenderUsage(
            _count_left(self._tickets, key, now - HOUR),
            _count_left(self._replies, key, now - HOUR),
            self.most_tickets,
            self.most_replies,
            _count_left(self._told, key, now - DAY),
            self.most_told,
        )

    def count(self, sender: str, vouched: bool, now: datetime, *, reply: bool) -> None:
        _add(self._replies if reply else self._tickets, (sender, vouched), now, HOUR)

    def count_told(self, sender: str, vouched: bool, now: datetime) -> None:
        """They are told that a mail of theirs was kept."""
        _add(self._told, (sender, vouched), now, DAY)


_Times = dict[tuple[str, bool], deque[datetime]]


def _add(kept: _Times, key: tuple[str, bool], now: datetime, window: timedelta) -> None:
    # A flood of forged senders must not fill the memory: those outside their window go.
    if len(kept) > 50_000:
        for old in [old for old, times in kept.items() if not times or times[-1] <= now - window]:
            del kept[old]
    # Far above the ceilings, so a flood from one sender stays small in memory.
    kept.setdefault(key, deque(maxlen=1000)).append(now)


def _count_left(kept: _Times, key: tuple[str, bool], since: datetime) -> int:
    times = kept.get(key)
    # The oldest go as soon as somebody asks, so no sweep is needed.
    while times and times[0] <= since:
        times.popleft()
    return len(times) if times else 0
