"""What the status page says, from the facts of topic `status` and the policy `components`. Pure.

The lights are the platform's: an incident of a provider's add-on colours that component alone (seed
003: providers answer for their own). Maintenance is no downtime: it has its own word and its own
minutes. Nothing is counted from before this installation began to be told of anything
(`known_from`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.portal.incidents.documents import describe_incident, may_see
from services.portal.projector.incidents import Doc, project_status
from shared.events import GREEN, Category, Colour, Component, Impact, StatusFact
from shared.status.durations import (
    CATEGORIES,
    ImpactSpan,
    correction_of,
    maintenance_spans,
    month,
    spans_between,
    times,
    turn_of,
    uptime,
    worst_of,
)

Shape = dict[str, Any]
Turn = tuple[datetime, Impact, frozenset[str]]

DAYS = 90
"""How many days the bars show."""
# Months that the history shows even where nothing was.
RECENT_MONTHS = 3
STALE_AFTER = timedelta(seconds=90)
"""The log has not answered for so long: the page says that it may be behind."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class BoardEntry:
    """An incident or maintenance: its view, and when the public impact changed, with the components
    it was on.
    """

    doc: Doc
    turns: tuple[Turn, ...] = ()

    @property
    def is_public(self) -> bool:
        return may_see(None, self.doc)

    @property
    def is_of_the_platform(self) -> bool:
        return self.doc["provider"] is None

    @property
    def is_maintenance(self) -> bool:
        """An announcement has turns only where it is of a maintenance."""
        return bool(self.doc["aggregate"] != "incident")


def take(known: BoardEntry | None, fact: StatusFact) -> BoardEntry:
    """`known` with the fact in it; the same object where it was seen before."""
    doc = project_status(known.doc if known else None, fact)
    if doc is None or (known is not None and doc is known.doc):
        assert known is not None
        return known
    turns = known.turns if known else ()
    # First: a corrected instant moves the turns that are there already.
    if (correction := correction_of(fact)) is not None:
        update, right = correction
        told = [turn.get("update") for turn in doc["turns"]]
        turns = tuple(
            (right if update == which else at, impact, on)
            # The view and these turns were made of the same facts, one by one.
            for which, (at, impact, on) in zip(told, turns, strict=True)
        )
    # The components of that moment: an incident may reach others later.
    if (turn := turn_of(fact)) is not None:
        turns = (*turns, (*turn, frozenset(fact.component_ids)))
    return BoardEntry(doc, turns)


@dataclass(frozen=True)
class Day:
    """One day of the bars. `colour` None: not recorded."""

    on: datetime
    colour: Colour | None
    yellow: timedelta = timedelta(0)
    red: timedelta = timedelta(0)
    maintenance: timedelta = timedelta(0)


@dataclass(frozen=True)
class ComponentStatus:
    """A light of the page, or a component: how it is now, and how it was. `uptime` None: not
    recorded. `is_maintained`: a maintenance is under way, and no incident; `colour` is then what
    that was announced to do.
    """

    id: str
    name: str
    colour: Colour
    days: tuple[Day, ...]
    uptime: float | None
    addon: str | None = None
    is_maintained: bool = False


@dataclass(frozen=True)
class Month:
    """A month of the history. `uptime`: (name, share or None) of the lights, then of the
    components.
    """

    key: str
    begins: datetime
    incidents: tuple[Shape, ...]
    maintenances: tuple[Shape, ...]
    lights: tuple[tuple[str, float | None], ...]
    components: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Board:
    """Everything the page says at `as_of`; `heard_at`: when the log last answered. Incidents are
    shapes of `incident_shapes`.
    """

    as_of: datetime
    heard_at: datetime
    lights: tuple[ComponentStatus, ...]
    components: tuple[ComponentStatus, ...]
    current: tuple[Shape, ...]
    running: tuple[Shape, ...]
    planned: tuple[Shape, ...]
    everything: tuple[Shape, ...]
    months: tuple[Month, ...]
    follow_ups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    recorded_from: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """When the records begin, where that is within the days that the bars show."""
        first = self.lights[0].days[0].on
        return self.recorded_from if self.recorded_from and self.recorded_from > first else None

    def since_in(self, begins: datetime) -> datetime | None:
        """When the records begin, where that is after `begins`, in its month."""
        known = self.recorded_from
        ends = month(begins.year, begins.month)[1]
        return known if known and begins < known < ends else None

    @property
    def is_stale(self) -> bool:
        return self.as_of - self.heard_at > STALE_AFTER

    @property
    def titles(self) -> dict[str, str]:
        return {item["id"]: item["title"] for item in self.everything}


def board(
    told: Iterable[BoardEntry],
    components: Sequence[Component],
    *,
    known_from: datetime | None,
    now: datetime,
    heard_at: datetime,
) -> Board:
    """The page. `components` as the policy lists them; one that an incident names and the policy no
    longer has is left out, and so are those that only stand for a light.
    """
    # A component that stands for a light would be shown twice.
    components = [component for component in components if component.id not in CATEGORIES]
    # From here on only what everybody may see.
    public = [one for one in told if one.is_public]
    shapes = sorted(
        (describe_incident(one.doc, None, now) for one in public), key=find_start, reverse=True
    )
    lights = {name: _light_spans(public, name) for name in CATEGORIES}
    parts = {component.id: _component_spans(public, component) for component in components}
    incidents = [item for item in shapes if item["kind"] == "incident"]
    follow_ups: dict[str, list[str]] = {}
    for item in incidents:
        if item["follow_up_of"]:
            follow_ups.setdefault(item["follow_up_of"], []).append(item["id"])
    planned = [item for item in shapes if item["state"] == "scheduled"]
    return Board(
        as_of=now,
        heard_at=heard_at,
        lights=tuple(
            _line(name, name.capitalize(), None, spans, name, known_from, now)
            for name, spans in lights.items()
        ),
        components=tuple(
            _line(c.id, c.name, c.addon, parts[c.id], "production", known_from, now)
            for c in components
        ),
        current=tuple(item for item in incidents if item["state"] == "open"),
        running=tuple(item for item in shapes if item["state"] == "started"),
        # The next one first; everything else has the latest first.
        planned=tuple(sorted(planned, key=find_start)),
        everything=tuple(shapes),
        months=tuple(
            _months(shapes, lights, {c.name: parts[c.id] for c in components}, known_from, now)
        ),
        follow_ups=follow_ups,
        recorded_from=known_from,
    )


def find_start(item: Shape) -> str:
    """When it began, or is to begin: ISO 8601, to sort by."""
    return str(item["starts_at"] or item["started_at"] or item["opened_at"] or "")


def month_of(item: Shape) -> str:
    """`2012-06`: the month it is listed in."""
    return find_start(item)[:7]


def _light_spans(public: Iterable[BoardEntry], category: str) -> list[ImpactSpan]:
    return [
        span
        for one in public
        # A provider's incident is its own component's, and no light's.
        if one.is_of_the_platform
        for span in _spans(
            one,
            [(at, Impact(**{category: getattr(impact, category)})) for at, impact, _ in one.turns],
        )
        # A maintenance that was announced without impact colours nothing.
        if span.impact != GREEN
    ]


def _spans(one: BoardEntry, turns: list[tuple[datetime, Impact]]) -> list[ImpactSpan]:
    return maintenance_spans(turns) if one.is_maintenance else spans_between(turns)


def _component_spans(public: Iterable[BoardEntry], component: Component) -> list[ImpactSpan]:
    """One colour for a component, kept under `production`: of the category that it serves, or the
    worse of both.
    """
    return [
        span
        for one in public
        # Only maintenances of this component: the others would count as its maintenance.
        if not one.is_maintenance or any(component.id in on for _, _, on in one.turns)
        for span in _spans(
            one,
            [
                (
                    at,
                    Impact(production=_colour_for(component, impact))
                    # Green while the incident was not about this component.
                    if component.id in on
                    else GREEN,
                )
                for at, impact, on in one.turns
            ],
        )
    ]


def _colour_for(component: Component, impact: Impact) -> Colour:
    if component.category is Category.PRODUCTION:
        return impact.production
    if component.category is Category.DEVELOPMENT:
        return impact.development
    # For one that serves both: each category is compared under one name.
    return worst_of([impact, Impact(production=impact.development)]).production


def _line(
    key: str,
    name: str,
    addon: str | None,
    spans: Sequence[ImpactSpan],
    category: str,
    known_from: datetime | None,
    now: datetime,
) -> ComponentStatus:
    # What lies ahead colours nothing yet.
    live = [
        span for span in spans if span.since <= now and (span.until is None or span.until > now)
    ]
    colour = getattr(worst_of(span.impact for span in live), category)
    is_maintained = bool(live) and all(span.is_maintenance for span in live)
    # Days of UTC, so that everybody sees the same bars.
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # Only what touches the bars: history may hold years.
    spans = _select_spans(spans, midnight - (DAYS - 1) * DAY, midnight + DAY)
    days = tuple(
        _day(spans, category, midnight - n * DAY, known_from, now) for n in reversed(range(DAYS))
    )
    share = _share(spans, category, midnight - (DAYS - 1) * DAY, midnight + DAY, known_from, now)
    return ComponentStatus(key, name, colour, days, share, addon, is_maintained)


def _day(
    spans: Sequence[ImpactSpan],
    category: str,
    begin: datetime,
    known_from: datetime | None,
    now: datetime,
) -> Day:
    # Before anything was recorded there is no green either.
    if known_from is None or begin + DAY <= known_from:
        return Day(begin, None)
    # Today counts up to now.
    spent = times(_select_spans(spans, begin, begin + DAY), category, min(begin + DAY, now), begin)
    colour = Colour.RED if spent.red else Colour.YELLOW if spent.yellow else Colour.GREEN
    return Day(begin, colour, spent.yellow, spent.red, spent.maintenance)


def _share(
    spans: Sequence[ImpactSpan],
    category: str,
    begin: datetime,
    end: datetime,
    known_from: datetime | None,
    now: datetime,
) -> float | None:
    if known_from is None or known_from >= min(end, now):
        return None
    # Only recorded time counts, up and down alike.
    begin = max(begin, known_from)
    return uptime(_select_spans(spans, begin, end), category, begin, end, now)


def _select_spans(spans: Iterable[ImpactSpan], begin: datetime, end: datetime) -> list[ImpactSpan]:
    return [
        span for span in spans if span.since < end and (span.until is None or span.until > begin)
    ]


def _months(
    shapes: Sequence[Shape],
    lights: Mapping[str, Sequence[ImpactSpan]],
    parts: Mapping[str, Sequence[ImpactSpan]],
    known_from: datetime | None,
    now: datetime,
) -> Iterable[Month]:
    """Those in which something was, and the last few; the latest first."""
    # What is only planned is on the front page.
    kept = [item for item in shapes if find_start(item) and item["state"] != "scheduled"]
    # Empty months too, so that "nothing was" can be read.
    keys = {month_of(item) for item in kept} | set(_recent(known_from, now))
    for key in sorted(keys, reverse=True):
        begins, ends = month(int(key[:4]), int(key[5:]))
        yield Month(
            key,
            begins,
            incidents=tuple(
                item for item in kept if month_of(item) == key and item["kind"] == "incident"
            ),
            maintenances=tuple(
                item for item in kept if month_of(item) == key and item["kind"] != "incident"
            ),
            lights=tuple(
                (name.capitalize(), _share(spans, name, begins, ends, known_from, now))
                for name, spans in lights.items()
            ),
            components=tuple(
                (name, _share(spans, "production", begins, ends, known_from, now))
                for name, spans in parts.items()
            ),
        )


def _recent(known_from: datetime | None, now: datetime) -> Iterable[str]:
    at = now.astimezone(UTC)
    for _ in range(RECENT_MONTHS):
        yield f"{at:%Y-%m}"
        # The day before the first of a month is in the month before.
        at = at.replace(day=1) - DAY
        if known_from is not None and at < known_from:
            return
