"""How long a category was yellow and red, and how long it was under maintenance, from the facts of
topic `status` alone. Pure.

Seed 004 heads its report "Production 5h8h Development 5h8h": per category the time it was yellow
and the time it was red. What was announced as maintenance is no downtime: it is counted apart, and
where an incident happens meanwhile, the incident counts.
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
    IncidentCorrected,
    IncidentOpened,
    IncidentResolved,
    MaintenanceEnded,
    MaintenanceStarted,
    StatusFact,
)

CATEGORIES = ("production", "development")
_RANK = {Colour.GREEN: 0, Colour.YELLOW: 1, Colour.RED: 2}
_NONE = timedelta(0)
_MAINTENANCE = "maintenance"
_KINDS = (_MAINTENANCE, Colour.YELLOW.value, Colour.RED.value)
"""What a time is counted as, the worst last."""


@dataclass(frozen=True, slots=True)
class ImpactSpan:
    """`impact` in [since, until); `until` None: it goes on. `is_maintenance`: it was announced."""

    since: datetime
    until: datetime | None
    impact: Impact
    is_maintenance: bool = False


@dataclass(frozen=True, slots=True)
class ImpactTimes:
    """Time of one category that was yellow, that was red, and that was maintenance and neither."""

    yellow: timedelta = _NONE
    red: timedelta = _NONE
    maintenance: timedelta = _NONE

    def __add__(self, other: ImpactTimes) -> ImpactTimes:
        return ImpactTimes(
            self.yellow + other.yellow,
            self.red + other.red,
            self.maintenance + other.maintenance,
        )


def worse(one: Impact, other: Impact) -> Impact:
    """The worse colour of each category."""
    return Impact(
        **{
            # By rank: the words of the colours do not sort.
            name: max(getattr(one, name), getattr(other, name), key=_RANK.__getitem__)
            for name in CATEGORIES
        }
    )


def worst_of(impacts: Iterable[Impact]) -> Impact:
    """The worst colour of each category; green for none."""
    found = GREEN
    for impact in impacts:
        found = worse(found, impact)
    return found


def turn_of(fact: StatusFact) -> tuple[datetime, Impact] | None:
    """(instant, impact from then on) where a fact changes what the public sees; None where it does
    not.

    An incident counts from when it began (`started_at`), which may be before it was known; drafts
    and what is internal count for nothing, so an impact that was changed before it became public
    counts as it was published.
    """
    # First of all: a draft must count for nothing, whatever it says.
    if not fact.is_public:
        return None
    match fact:
        case IncidentOpened():
            # The earlier of the two: an incident is often known only after it began.
            return min(fact.started_at, fact.at), fact.impact
        case ImpactChanged():
            return fact.happened_at or fact.at, fact.impact
        case MaintenanceStarted():
            return fact.at, fact.impact
        case IncidentResolved():
            return fact.resolved_at or fact.at, GREEN
        case MaintenanceEnded():
            return fact.at, GREEN
        # Updates, corrections and texts change no colour.
        case _:
            return None


def update_of(fact: StatusFact) -> str:
    """The update that says of this turn; empty for a maintenance's."""
    return (
        fact.update if isinstance(fact, IncidentOpened | ImpactChanged | IncidentResolved) else ""
    )


def correction_of(fact: StatusFact) -> tuple[str, datetime] | None:
    """(update, the instant when it really happened) where a fact corrects that; else None."""
    if isinstance(fact, IncidentCorrected) and fact.update and fact.happened_at is not None:
        return fact.update, fact.happened_at
    return None


def spans(facts: Iterable[StatusFact]) -> list[ImpactSpan]:
    """The impact over time of one incident or maintenance, from its facts in their order; green
    times of an incident are left out.
    """
    # Read twice: once for turns, once for whether it is a maintenance.
    known = list(facts)
    found: list[tuple[str, datetime, Impact]] = []
    for fact in known:
        if (turn := turn_of(fact)) is not None:
            found.append((update_of(fact), *turn))
        elif (correction := correction_of(fact)) is not None:
            # A correction moves the turn of the update that it names.
            which, right = correction
            found = [(u, right if u == which else at, impact) for u, at, impact in found]
    turns = [(at, impact) for _, at, impact in found]
    if any(isinstance(fact, MaintenanceStarted) for fact in known):
        return maintenance_spans(turns)
    return spans_between(turns)


def maintenance_spans(turns: Sequence[tuple[datetime, Impact]]) -> list[ImpactSpan]:
    """The time a maintenance took, whatever its impact: from its first turn to its second."""
    if not turns:
        return []
    # The second turn is its end.
    (since, impact), *later = turns
    return [ImpactSpan(since, later[0][0] if later else None, impact, is_maintenance=True)]


def spans_between(turns: Iterable[tuple[datetime, Impact]]) -> list[ImpactSpan]:
    """The same from its turns, which never go back in time."""
    found: list[ImpactSpan] = []
    # Before the first turn everything is green.
    since, impact = datetime.min.replace(tzinfo=UTC), GREEN
    for at, to in turns:
        if impact != GREEN and at > since:
            found.append(ImpactSpan(since, at, impact))
        # Never back in time: a correction may put a turn before the one ahead of it.
        since, impact = max(at, since), to
    if impact != GREEN:
        found.append(ImpactSpan(since, None, impact))
    return found


def times(
    over: Iterable[ImpactSpan], category: str, now: datetime, since: datetime | None = None
) -> ImpactTimes:
    """Yellow, red and maintenance of `category` up to `now`, from `since` on. Spans of several
    incidents at once count once, as the worse.
    """
    # Pieces do not overlap, so their lengths add up.
    spent = dict.fromkeys(_KINDS, _NONE)
    for begin, until, kind in _pieces(over, category, since, now):
        spent[kind] += until - begin
    return ImpactTimes(spent[Colour.YELLOW], spent[Colour.RED], spent[_MAINTENANCE])


def _pieces(
    over: Iterable[ImpactSpan], category: str, since: datetime | None, now: datetime
) -> list[tuple[datetime, datetime, str]]:
    """Time cut where anything changes, each piece with the worst kind of the spans that cover
    it.
    """
    # Cut to the time asked about; what is green or outside falls out below.
    covering = [
        (
            max(span.since, since) if since else span.since,
            min(span.until or now, now),
            _MAINTENANCE if span.is_maintenance else str(getattr(span.impact, category)),
        )
        for span in over
    ]
    covering = [
        (begin, until, kind) for begin, until, kind in covering if begin < until and kind in _KINDS
    ]
    # Between two neighbouring edges nothing changes.
    edges = sorted({edge for begin, until, _ in covering for edge in (begin, until)})
    found = []
    for begin, until in pairwise(edges):
        kinds = [kind for first, last, kind in covering if first <= begin and until <= last]
        if kinds:
            found.append((begin, until, max(kinds, key=_KINDS.index)))
    return found


def header(over: Sequence[ImpactSpan], now: datetime) -> str:
    """`Production 5h 8h Development 5h 8h`: the time yellow and the time red, as seed 004 heads its
    report.
    """
    # The form of the seed: yellow first, then red.
    words = []
    for category in CATEGORIES:
        found = times(over, category, now)
        words.append(f"{category.capitalize()} {short(found.yellow)} {short(found.red)}")
    return " ".join(words)


def maintenance_header(over: Sequence[ImpactSpan], now: datetime) -> str:
    """`Maintenance 2h`: the time a maintenance has taken."""
    return f"Maintenance {short(times(over, CATEGORIES[0], now).maintenance)}"


def short(span: timedelta) -> str:
    """In whole hours from one hour on, else in whole minutes, rounded to the nearest: `5h`, `51m`,
    `0m`.
    """
    minutes = round(span.total_seconds() / 60)
    return f"{round(minutes / 60)}h" if minutes >= 60 else f"{minutes}m"


def uptime(
    over: Iterable[ImpactSpan], category: str, since: datetime, until: datetime, now: datetime
) -> float:
    """The share (0 to 1) of [since, until) in which `category` was not red; of the part that has
    passed where `until` is ahead.

    Yellow counts as up: degraded is not down (the Heroku Status page of 2012 counted so). So does
    maintenance.
    """
    end = min(until, now)
    # Nothing of it has passed yet.
    if end <= since:
        return 1.0
    return 1.0 - times(over, category, end, since).red / (end - since)


def month(year: int, number: int) -> tuple[datetime, datetime]:
    """[first instant, first instant of the next month), UTC."""
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
