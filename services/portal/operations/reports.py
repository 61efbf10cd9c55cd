"""What the desk's reports say of its tickets: volume, backlog, times, promises kept, reopened,
ratings. Pure: everything is counted from the tickets' documents, which are made from the facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.portal.web.filters import instant
from shared.events import PROMISES, ClockName, Plan, Priority, Status

DAYS = (7, 30, 90)
"""How many days a report may be over; the last of them is today, days are UTC's."""
FIELDS = dict.fromkeys(
    ("opened_at", "status", "solved_at", "reopened", "priority", "plan", "clocks", "rating"), 1
)
"""What is read of each ticket."""

Doc = Mapping[str, Any]


@dataclass
class TicketReport:
    """`opened`, `solved`, `backlog`: day → tickets; the backlog is at the day's end.
    `first_answer`, `resolution`: priority → seconds of each ticket opened in these days.
    `promises`: (plan, priority) → [kept, broken]. `ratings`: score → how many. `ended` of the
    tickets opened in these days were solved at least once, and `reopened` of those came back.
    """

    opened: dict[date, int]
    solved: dict[date, int]
    backlog: dict[date, int]
    first_answer: dict[str, list[float]] = field(default_factory=dict)
    resolution: dict[str, list[float]] = field(default_factory=dict)
    promises: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    ratings: dict[int, int] = field(default_factory=dict)
    ended: int = 0
    reopened: int = 0


def days_until(today: date, count: int) -> list[date]:
    return [today - timedelta(days=away) for away in range(count - 1, -1, -1)]


def begin_of(days: list[date]) -> datetime:
    return datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)


def blank(days: list[date]) -> TicketReport:
    return TicketReport(dict.fromkeys(days, 0), dict.fromkeys(days, 0), dict.fromkeys(days, 0))


def add(report: TicketReport, ticket: Doc) -> None:
    """Count one ticket. One that is done, and whose document is from before `solved_at` was kept,
    is in no backlog.
    """
    opened = instant(ticket["opened_at"])
    solved = instant(ticket["solved_at"]) if ticket.get("solved_at") else None
    # Each by its own day: a ticket may be opened before these days and solved in them.
    for counted, at in ((report.opened, opened), (report.solved, solved)):
        if at is not None and at.date() in counted:
            counted[at.date()] += 1
    # It is done, and nobody knows since when.
    is_unknown = solved is None and ticket["status"] in (Status.SOLVED, Status.CLOSED)
    for day in () if is_unknown else report.backlog:
        # Open at the end of the day: opened by then, and not solved by then.
        if opened.date() <= day and (solved is None or solved.date() > day):
            report.backlog[day] += 1
    rating = ticket.get("rating")
    if rating and instant(rating["at"]).date() in report.opened:
        report.ratings[rating["score"]] = report.ratings.get(rating["score"], 0) + 1
    # Times and promises are counted for what was opened in these days, whenever it ended.
    if opened.date() in report.opened:
        _add_opened(report, ticket, opened, solved)


def _add_opened(
    report: TicketReport, ticket: Doc, opened: datetime, solved: datetime | None
) -> None:
    priority = ticket["priority"]
    for clock in ticket["clocks"]:
        if clock["name"] == ClockName.INITIAL_RESPONSE and clock.get("met_at"):
            spent = (instant(clock["met_at"]) - opened).total_seconds()
            # Imported facts may have an answer before the opening.
            report.first_answer.setdefault(priority, []).append(max(0.0, spent))
        if clock["name"] in PROMISES and (kept := is_kept(clock)) is not None:
            both = report.promises.setdefault((ticket["plan"], priority), [0, 0])
            both[0 if kept else 1] += 1
    if solved is not None:
        spent = (solved - opened).total_seconds()
        report.resolution.setdefault(priority, []).append(max(0.0, spent))
    # Solved before it came back, so it counts as ended as well.
    came_back = bool(ticket.get("reopened"))
    report.ended += solved is not None or came_back
    report.reopened += came_back


def is_kept(clock: Doc) -> bool | None:
    """Whether a promise was kept; None while it runs, or where it ended without an answer."""
    if clock.get("breached_at") or clock.get("late"):
        return False
    return True if clock["state"] == "met" else None


def percentile(values: list[float], share: float) -> float | None:
    """The smallest of `values` that `share` of them do not exceed (nearest rank); None of none."""
    if not values:
        return None
    # Rounded up: at least this part of the values is not above it.
    rank = -(-len(values) * share // 1)
    return sorted(values)[max(0, int(rank) - 1)]


@dataclass(frozen=True)
class Table:
    """A report as a table. `bars`: (label, value) of its plot; `unit` of the values."""

    key: str
    title: str
    says: str
    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    bars: list[tuple[str, float]]
    unit: str


def tables_of(report: TicketReport) -> list[Table]:
    """The tables, in the order of the page. Times are in minutes."""
    ended = f"{report.reopened} of {report.ended}" if report.ended else "none yet"
    return [
        Table(
            "volume",
            "Volume",
            "Tickets opened, and tickets whose last solving was, on each day.",
            ("Day", "Opened", "Solved"),
            [(day.isoformat(), n, report.solved[day]) for day, n in report.opened.items()],
            [(day.isoformat(), n) for day, n in report.opened.items()],
            "tickets opened",
        ),
        Table(
            "backlog",
            "Backlog",
            "Tickets that were open at the end of each day.",
            ("Day", "Open"),
            [(day.isoformat(), n) for day, n in report.backlog.items()],
            [(day.isoformat(), n) for day, n in report.backlog.items()],
            "open tickets",
        ),
        times_table(
            "first-answer",
            "First answer",
            "Opened to the first public answer, in minutes of plain time, for tickets opened in "
            "these days.",
            report.first_answer,
        ),
        times_table(
            "resolution",
            "Resolution",
            "Opened to solved, in minutes of plain time, for tickets opened in these days.",
            report.resolution,
        ),
        _promises(report),
        Table(
            "reopened",
            "Reopened",
            f"Of the tickets opened in these days and solved, {ended} came back.",
            ("Solved", "Reopened", "Percent"),
            [(report.ended, report.reopened, _percent(report.reopened, report.ended))],
            [("solved", report.ended), ("reopened", report.reopened)],
            "tickets",
        ),
        ratings_table("What customers gave in these days, 1 to 5.", report.ratings),
    ]


def times_table(key: str, title: str, says: str, spent: Mapping[str, list[float]]) -> Table:
    """`spent`: priority → seconds of each ticket. The table is in minutes."""
    rows = []
    # Every priority, those without a ticket too: a row that is missing would look like a mistake.
    for priority in Priority:
        values = spent.get(priority, [])
        shares = [percentile(values, share) for share in (0.5, 0.9)]
        rows.append((priority.value, *(_minutes(seconds) for seconds in shares), len(values)))
    head = ("Priority", "Half within (min)", "Nine of ten within (min)", "Tickets")
    bars = [(str(row[0]), float(row[2])) for row in rows if row[2] is not None]
    return Table(key, title, says, head, rows, bars, "min, nine of ten")


def ratings_table(says: str, ratings: Mapping[int, int]) -> Table:
    """`ratings`: score → how many gave it."""
    rows = [(score, ratings.get(score, 0)) for score in range(1, 6)]
    bars = [(str(score), float(n)) for score, n in rows]
    return Table("ratings", "Ratings", says, ("Score", "Tickets"), list(rows), bars, "tickets")


def _promises(report: TicketReport) -> Table:
    # In the order of the plans; pairs that had no promise are left out.
    order = [(plan.value, priority.value) for plan in Plan for priority in Priority]
    pairs = [pair for pair in order if pair in report.promises]
    rows = [
        (*pair, kept, broken, _percent(kept, kept + broken))
        for pair in pairs
        for kept, broken in [report.promises[pair]]
    ]
    return Table(
        "promises",
        "Promises kept",
        "First answers, replies and resolutions in time, for tickets opened in these days.",
        ("Plan", "Priority", "Kept", "Broken", "Percent kept"),
        rows,
        [(f"{row[0]}, {row[1]}", float(row[4] or 0)) for row in rows],
        "percent kept",
    )


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 1)


def _percent(part: int, whole: int) -> float | None:
    # None rather than 0 or 100 of nothing.
    return round(100 * part / whole, 1) if whole else None
