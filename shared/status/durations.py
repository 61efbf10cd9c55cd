"""How long a category was yellow and red, from the facts of topic `status` alone. Pure.

Seed 004 heads its report "Production 5h8h Development 5h8h": per category the time it was yellow and the time it was red.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from shared.events import (
    GREEN,
    Colour,
    Impact,
    ImpactChanged,
    IncidentOpened,
    IncidentResolved,
    MaintenanceEnded,
    MaintenanceStarted,
    StatusFact,
)

CATEGORIES = ("production", "development")
_RANK = {Colour.GREEN: 0, Colour.YELLOW: 1, Colour.RED: 2}
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Span:
    """`impact` in [since, until); `until` None: it goes on."""

    since: datetime
    until: datetime | None
    impact: Impact


@dataclass(frozen=True, slots=True)
class Times:
    """Time of one category that was yellow, and that was red."""

    yellow: timedelta = _NONE
    red: timedelta = _NONE

    def __add__(self, other: Times) -> Times:
        return Times(self.yellow + other.yellow, self.red + other.red)


def worse(one: Impact, other: Impact) -> Impact:
    """The worse colour of each category."""
    return Impact(**{name: max(getattr(one, name), getattr(other, name), key=_RANK.__getitem__) for name in CATEGORIES})


def worst_of(impacts: Iterable[Impact]) -> Impact:
    """The worst colour of each category; green for none."""
    found = GREEN
    for impact in impacts:
        found = worse(found, impact)
    return found


def turn_of(fact: StatusFact) -> tuple[datetime, Impact] | None:
    """(instant, impact from then on) where a fact changes what the public sees; None where it does not.

    An incident counts from when it began (`started_at`), which may be before it was known; drafts and what is internal count
    for nothing, so an impact that was changed before it became public counts as it was published.
    """
    if not fact.is_public:
        return None
    match fact:
        case IncidentOpened():
            return min(fact.started_at, fact.at), fact.impact
        case ImpactChanged() | MaintenanceStarted():
            return fact.at, fact.impact
        case IncidentResolved() | MaintenanceEnded():
            return fact.at, GREEN
        case _:
            return None


def spans(facts: Iterable[StatusFact]) -> list[Span]:
    """The impact over time of one incident or maintenance, from its facts in their order; green times are left out."""
    return spans_between(turn for fact in facts if (turn := turn_of(fact)) is not None)


def spans_between(turns: Iterable[tuple[datetime, Impact]]) -> list[Span]:
    """The same from its turns, which never go back in time."""
    found: list[Span] = []
    since, impact = datetime.min.replace(tzinfo=UTC), GREEN
    for at, to in turns:
        if impact != GREEN and at > since:
            found.append(Span(since, at, impact))
        since, impact = max(at, since), to
    if impact != GREEN:
        found.append(Span(since, None, impact))
    return found


def times(over: Iterable[Span], category: str, now: datetime, since: datetime | None = None) -> Times:
    """Yellow and red of `category` up to `now`, from `since` on. Spans of several incidents at once count once, as the worse."""
    cuts = _pieces(over, category, since, now)
    return Times(
        sum((until - begin for begin, until, colour in cuts if colour is Colour.YELLOW), _NONE),
        sum((until - begin for begin, until, colour in cuts if colour is Colour.RED), _NONE),
    )


def _pieces(over: Iterable[Span], category: str, since: datetime | None, now: datetime) -> list[tuple[datetime, datetime, Colour]]:
    """Time cut where anything changes, each piece with the worst colour of the spans that cover it."""
    covering = [
        (max(span.since, since) if since else span.since, min(span.until or now, now), getattr(span.impact, category)) for span in over
    ]
    covering = [(begin, until, colour) for begin, until, colour in covering if begin < until and colour is not Colour.GREEN]
    edges = sorted({edge for begin, until, _ in covering for edge in (begin, until)})
    found = []
    for begin, until in pairwise(edges):
        colours = [colour for first, last, colour in covering if first <= begin and until <= last]
        if colours:
            found.append((begin, until, max(colours, key=_RANK.__getitem__)))
    return found


def header(over: Sequence[Span], now: datetime) -> str:
    """`Production 5h 8h Development 5h 8h`: the time yellow and the time red, as seed 004 heads its report."""
    words = []
    for category in CATEGORIES:
        found = times(over, category, now)
        words.append(f"{category.capitalize()} {short(found.yellow)} {short(found.red)}")
    return " ".join(words)


def short(span: timedelta) -> str:
    """In whole hours from one hour on, else in whole minutes, rounded to the nearest: `5h`, `51m`, `0m`."""
    minutes = round(span.total_seconds() / 60)
    return f"{round(minutes / 60)}h" if minutes >= 60 else f"{minutes}m"


def uptime(over: Iterable[Span], category: str, since: datetime, until: datetime, now: datetime) -> float:
    """The share (0 to 1) of [since, until) in which `category` was not red; of the part that has passed where `until` is ahead.

    Yellow counts as up: degraded is not down (the Heroku Status page of 2012 counted so).
    """
    end = min(until, now)
    if end <= since:
        return 1.0
    return 1.0 - times(over, category, end, since).red / (end - since)


def month(year: int, number: int) -> tuple[datetime, datetime]:
    """[first instant, first instant of the next month), UTC."""
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
