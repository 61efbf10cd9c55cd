"""What the status page says, from the facts of topic `status` and the policy `components`. Pure.

The lights are the platform's: an incident of a provider's add-on colours that component alone (seed 003: providers answer for
their own). Nothing is counted from before this installation began to be told of anything (`known_from`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.portal.incident_shapes import may_see, shown
from services.portal.projection_status import Doc, project_status
from shared.events import GREEN, Category, Colour, Component, Impact, StatusFact
from shared.status.durations import CATEGORIES, Span, month, spans_between, times, turn_of, uptime, worst_of

Shape = dict[str, Any]
Turn = tuple[datetime, Impact, frozenset[str]]

DAYS = 90
"""How many days the bars show."""
RECENT_MONTHS = 3
STALE_AFTER = timedelta(seconds=90)
"""The log has not answered for so long: the page says that it may be behind."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """An incident or maintenance: its view, and when the public impact changed, with the components it was on."""

    doc: Doc
    turns: tuple[Turn, ...] = ()

    @property
    def is_public(self) -> bool:
        return may_see(None, self.doc)

    @property
    def is_of_the_platform(self) -> bool:
        return self.doc["provider"] is None


def take(known: Told | None, fact: StatusFact) -> Told:
    """`known` with the fact in it; the same object where it was seen before."""
    doc = project_status(known.doc if known else None, fact)
    if doc is None or (known is not None and doc is known.doc):
        assert known is not None
        return known
    turns = known.turns if known else ()
    if (turn := turn_of(fact)) is not None:
        turns = (*turns, (*turn, frozenset(fact.component_ids)))
    return Told(doc, turns)


@dataclass(frozen=True)
class Day:
    """One day of the bars. `colour` None: not recorded."""

    on: datetime
    colour: Colour | None
    yellow: timedelta = timedelta(0)
    red: timedelta = timedelta(0)


@dataclass(frozen=True)
class Line:
    """A light of the page, or a component: how it is now, and how it was. `uptime` None: not recorded."""

    id: str
    name: str
    colour: Colour
    days: tuple[Day, ...]
    uptime: float | None
    addon: str | None = None


@dataclass(frozen=True)
class Month:
    """A month of the history. `uptime`: (name, share or None) of the lights, then of the components."""

    key: str
    begins: datetime
    incidents: tuple[Shape, ...]
    maintenances: tuple[Shape, ...]
    lights: tuple[tuple[str, float | None], ...]
    components: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Board:
    """Everything the page says at `as_of`; `heard_at`: when the log last answered. Incidents are shapes of `incident_shapes`."""

    as_of: datetime
    heard_at: datetime
    lights: tuple[Line, ...]
    components: tuple[Line, ...]
    current: tuple[Shape, ...]
    running: tuple[Shape, ...]
    planned: tuple[Shape, ...]
    everything: tuple[Shape, ...]
    months: tuple[Month, ...]
    follow_ups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_stale(self) -> bool:
        return self.as_of - self.heard_at > STALE_AFTER

    @property
    def titles(self) -> dict[str, str]:
        return {item["id"]: item["title"] for item in self.everything}


def board(
    told: Iterable[Told], components: Sequence[Component], *, known_from: datetime | None, now: datetime, heard_at: datetime
) -> Board:
    """The page. `components` as the policy lists them; one that an incident names and the policy no longer has is left out, and
    so are those that only stand for a light.
    """
    components = [component for component in components if component.id not in CATEGORIES]
    public = [one for one in told if one.is_public]
    shapes = sorted((shown(one.doc, None, now) for one in public), key=began, reverse=True)
    lights = {name: _light_spans(public, name) for name in CATEGORIES}
    parts = {component.id: _component_spans(public, component) for component in components}
    incidents = [item for item in shapes if item["kind"] == "incident"]
    follow_ups: dict[str, list[str]] = {}
    for item in incidents:
        if item["follow_up_of"]:
            follow_ups.setdefault(item["follow_up_of"], []).append(item["id"])
    planned = [item for item in shapes if item["state"] == "scheduled"]
    return Board(
        as_of=now, heard_at=heard_at,
        lights=tuple(_line(name, name.capitalize(), None, spans, name, known_from, now) for name, spans in lights.items()),
        components=tuple(_line(c.id, c.name, c.addon, parts[c.id], "production", known_from, now) for c in components),
        current=tuple(item for item in incidents if item["state"] == "open"),
        running=tuple(item for item in shapes if item["state"] == "started"),
        planned=tuple(sorted(planned, key=began)),
        everything=tuple(shapes),
        months=tuple(_months(shapes, lights, {c.name: parts[c.id] for c in components}, known_from, now)),
        follow_ups=follow_ups,
    )  # fmt: skip


def began(item: Shape) -> str:
    """When it began, or is to begin: ISO 8601, to sort by."""
    return str(item["starts_at"] or item["started_at"] or item["opened_at"] or "")


def month_of(item: Shape) -> str:
    """`2012-06`: the month it is listed in."""
    return began(item)[:7]


def _light_spans(public: Iterable[Told], category: str) -> list[Span]:
    return [
        span
        for one in public
        if one.is_of_the_platform
        for span in spans_between((at, Impact(**{category: getattr(impact, category)})) for at, impact, _ in one.turns)
    ]


def _component_spans(public: Iterable[Told], component: Component) -> list[Span]:
    """One colour for a component, kept under `production`: of the category that it serves, or the worse of both."""
    return [
        span
        for one in public
        for span in spans_between(
            (at, Impact(production=_colour_for(component, impact)) if component.id in on else GREEN) for at, impact, on in one.turns
        )
    ]


def _colour_for(component: Component, impact: Impact) -> Colour:
    if component.category is Category.PRODUCTION:
        return impact.production
    if component.category is Category.DEVELOPMENT:
        return impact.development
    return worst_of([impact, Impact(production=impact.development)]).production


def _line(key: str, name: str, addon: str | None, spans: Sequence[Span], category: str, known_from: datetime | None, now: datetime) -> Line:
    live = worst_of(span.impact for span in spans if span.since <= now and (span.until is None or span.until > now))
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spans = _within(spans, midnight - (DAYS - 1) * DAY, midnight + DAY)
    days = tuple(_day(spans, category, midnight - n * DAY, known_from, now) for n in reversed(range(DAYS)))
    share = _share(spans, category, midnight - (DAYS - 1) * DAY, midnight + DAY, known_from, now)
    return Line(key, name, getattr(live, category), days, share, addon)


def _day(spans: Sequence[Span], category: str, begin: datetime, known_from: datetime | None, now: datetime) -> Day:
    if known_from is None or begin + DAY <= known_from:
        return Day(begin, None)
    spent = times(_within(spans, begin, begin + DAY), category, min(begin + DAY, now), begin)
    colour = Colour.RED if spent.red else Colour.YELLOW if spent.yellow else Colour.GREEN
    return Day(begin, colour, spent.yellow, spent.red)


def _share(
    spans: Sequence[Span], category: str, begin: datetime, end: datetime, known_from: datetime | None, now: datetime
) -> float | None:
    if known_from is None or known_from >= min(end, now):
        return None
    begin = max(begin, known_from)
    return uptime(_within(spans, begin, end), category, begin, end, now)


def _within(spans: Iterable[Span], begin: datetime, end: datetime) -> list[Span]:
    return [span for span in spans if span.since < end and (span.until is None or span.until > begin)]


def _months(
    shapes: Sequence[Shape], lights: Mapping[str, Sequence[Span]], parts: Mapping[str, Sequence[Span]], known_from: datetime | None,
    now: datetime,
) -> Iterable[Month]:  # fmt: skip
    """Those in which something was, and the last few; the latest first."""
    kept = [item for item in shapes if began(item) and item["state"] != "scheduled"]
    keys = {month_of(item) for item in kept} | set(_recent(known_from, now))
    for key in sorted(keys, reverse=True):
        begins, ends = month(int(key[:4]), int(key[5:]))
        yield Month(
            key, begins,
            incidents=tuple(item for item in kept if month_of(item) == key and item["kind"] == "incident"),
            maintenances=tuple(item for item in kept if month_of(item) == key and item["kind"] != "incident"),
            lights=tuple((name.capitalize(), _share(spans, name, begins, ends, known_from, now)) for name, spans in lights.items()),
            components=tuple((name, _share(spans, "production", begins, ends, known_from, now)) for name, spans in parts.items()),
        )  # fmt: skip


def _recent(known_from: datetime | None, now: datetime) -> Iterable[str]:
    at = now.astimezone(UTC)
    for _ in range(RECENT_MONTHS):
        yield f"{at:%Y-%m}"
        at = at.replace(day=1) - DAY
        if known_from is not None and at < known_from:
            return
