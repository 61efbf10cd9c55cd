"""What a provider's reports say of its own work: tickets it got and solved, its first answers and
resolutions, what left it unsolved, its ratings. Pure.

Everything is counted from its stays (`projector/provider_stays.py`): what happened to a ticket
before it came, after it left, or with another provider has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.portal.operations.reports import Table, begin_of, ratings_table, times_table
from services.portal.tickets.documents import iso
from services.portal.web.filters import instant

FIELDS = {"stays": 1}
"""What is read of each ticket."""

Doc = Mapping[str, Any]


@dataclass
class ProviderReport:
    """`assigned`, `solved`: day → tickets. `first_answer`, `resolution`: priority → seconds of each
    ticket that came in these days, from when it came. `handed_back`, `taken_back`: tickets that
    left in these days. `ratings`: score → how many.
    """

    assigned: dict[date, int]
    solved: dict[date, int]
    first_answer: dict[str, list[float]] = field(default_factory=dict)
    resolution: dict[str, list[float]] = field(default_factory=dict)
    handed_back: int = 0
    taken_back: int = 0
    ratings: dict[int, int] = field(default_factory=dict)


def make_ticket_filter(provider: str, days: list[date]) -> dict[str, Any]:
    """The filter for tickets that `provider` had, and that can count in these days."""
    # `touched` is the last instant that can count, and an index leads to it.
    since = {"$gte": iso(begin_of(days))}
    return {"stays": {"$elemMatch": {"provider": provider, "touched": since}}}


def blank_for_provider(days: list[date]) -> ProviderReport:
    return ProviderReport(dict.fromkeys(days, 0), dict.fromkeys(days, 0))


def add_stays(
    report: ProviderReport, provider: str, ticket: Doc, is_theirs: Callable[[str], bool]
) -> None:
    """Count the stays of one ticket with `provider`, and no others. `is_theirs`: whether an address
    is of its own people, who hand back what others take back.
    """
    for stay in ticket.get("stays") or ():
        if stay["provider"] == provider:
            _add_stay(report, stay, is_theirs)


def _add_stay(report: ProviderReport, stay: Doc, is_theirs: Callable[[str], bool]) -> None:
    since = instant(stay["since"])
    solved = instant(stay["solved_at"]) if stay["solved_at"] else None
    # Each by its own day: a ticket may come in these days and be solved later, or the other way.
    for counted, at in ((report.assigned, since), (report.solved, solved)):
        if at is not None and at.date() in counted:
            counted[at.date()] += 1
    # Times are counted for what came in these days, whenever it ended.
    if since.date() in report.assigned:
        for spent, until in (
            (report.first_answer, stay["answered_at"]),
            (report.resolution, stay["solved_at"]),
        ):
            if until:
                spent.setdefault(stay["priority"], []).append(
                    (instant(until) - since).total_seconds()
                )
    # A stay that goes on has not left anybody.
    if stay["until"] and instant(stay["until"]).date() in report.assigned:
        if is_theirs(stay["ended_by"]):
            report.handed_back += 1
        else:
            report.taken_back += 1
    rating = stay["rating"]
    if rating and instant(rating["at"]).date() in report.assigned:
        report.ratings[rating["score"]] = report.ratings.get(rating["score"], 0) + 1


def provider_tables(report: ProviderReport) -> list[Table]:
    """The tables, in the order of the page. Times are in minutes."""
    left = [("handed back by you", report.handed_back), ("taken back", report.taken_back)]
    days = [(day.isoformat(), n) for day, n in report.assigned.items()]
    plain = "in minutes of plain time, for tickets that came to you in these days."
    return [
        Table(
            "volume",
            "Volume",
            "Tickets that came to you, and tickets whose last solving was while you had them, on "
            "each day.",
            ("Day", "Came", "Solved"),
            [(day.isoformat(), n, report.solved[day]) for day, n in report.assigned.items()],
            [(day, float(n)) for day, n in days],
            "tickets that came",
        ),
        times_table(
            "first-answer",
            "First answer",
            f"Came to your first answer, {plain}",
            report.first_answer,
        ),
        times_table("resolution", "Resolution", f"Came to solved, {plain}", report.resolution),
        Table(
            "take-backs",
            "Take-backs",
            "Tickets that left you in these days: handed back by your own people, or taken back.",
            ("How", "Tickets"),
            list(left),
            [(how, float(n)) for how, n in left],
            "tickets",
        ),
        ratings_table(
            "What customers gave in these days for tickets you had, 1 to 5.", report.ratings
        ),
    ]
