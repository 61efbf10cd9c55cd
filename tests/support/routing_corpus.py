"""The labelled tickets of `tests/corpus/routing`, the router's decision on each, and the table that
compares the two.

`belongs`: who must answer (a provider's slug, `platform` or `csa`). `suggestion: allowed` on one of
ours: a proposal does no harm. `held_out`: never looked at while the rules were written, so its
figures are the honest ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.router.team.rules import Route, route
from services.router.team.scope import ScopeVerdict, scope_of
from shared.events import AddonKnown, Admission, Kind, OpenTicket, Stage
from tests.unit.router.building import AT, STAMP, actor, directory, policy

FOLDER = Path(__file__).parents[1] / "corpus" / "routing"
DEMO = ("redisco", "mailgrid", "logdrain")
OURS = frozenset({"platform", "csa"})


@dataclass(frozen=True)
class Case:
    """One labelled ticket. `scope` None: either will do."""

    name: str
    ticket: OpenTicket
    belongs: str
    may_suggest: bool
    scope: str | None
    moved: bool
    held_out: bool


@dataclass(frozen=True)
class Judged:
    case: Case
    way: Route
    scope: ScopeVerdict

    @property
    def column(self) -> str:
        """What the router made of it, in a word."""
        if self.way.provider:
            return (
                "assigned: right" if self.way.provider == self.case.belongs else "assigned: WRONG"
            )
        if self.way.suggestion:
            return (
                "suggested: right"
                if self.way.suggestion.provider == self.case.belongs
                else "suggested: other"
            )
        return "csa" if self.way.queue == "csa" else "nothing"


def cases() -> list[Case]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.stem == "addons":
            continue
        for i, entry in enumerate(yaml.safe_load(path.read_text())):
            found.append(_case(f"{path.stem}/{i}: {entry['subject']}", entry))
    return found


def judged(given: Iterable[Case]) -> list[Judged]:
    return [Judged(case, route(case.ticket, policy()), scope_of(case.ticket)) for case in given]


def figures(results: list[Judged]) -> dict[str, float]:
    """`certain`: share of right ones among those assigned by the text; `suggested`: share of
    providers' tickets that reach or are proposed to the right one; `false`: tickets assigned
    wrongly; `idle`: proposals on our tickets that should not be.
    """
    by_text = [each for each in results if each.way.provider and each.case.ticket.addon is None]
    theirs = [each for each in results if each.case.belongs not in OURS]
    ours = [each for each in results if each.case.belongs in OURS]
    return {
        "certain": sum(each.column == "assigned: right" for each in by_text) / max(1, len(by_text)),
        "certain made": len(by_text),
        "suggested": sum(each.column.endswith(": right") for each in theirs) / max(1, len(theirs)),
        "false": sum(each.column == "assigned: WRONG" for each in results),
        "idle": sum(each.way.suggestion is not None and not each.case.may_suggest for each in ours)
        / max(1, len(ours)),
        "queue": sum(each.way.queue == each.case.belongs for each in ours) / max(1, len(ours)),
        "scope": sum(each.case.scope in (None, each.scope.scope.value) for each in results)
        / max(1, len(results)),
        "moved": sum(bool(each.way.moved) is each.case.moved for each in results)
        / max(1, len(results)),
    }


COLUMNS = (
    "assigned: right",
    "assigned: WRONG",
    "suggested: right",
    "suggested: other",
    "csa",
    "nothing",
)


def table(results: list[Judged]) -> str:
    """Rows: who must answer; columns: what the router did."""
    cells = Counter((each.case.belongs, each.column) for each in results)
    rows = sorted({belongs for belongs, _ in cells}, key=lambda name: (name in OURS, name))
    lines = [f"{'belongs to':<14}" + "".join(f"{column:>18}" for column in COLUMNS)]
    lines += [
        f"{row:<14}" + "".join(f"{cells[row, column] or '·':>18}" for column in COLUMNS)
        for row in rows
    ]
    return "\n".join(lines)


@cache
def _addons() -> dict[str, AddonKnown]:
    documents = {slug: directory()["providers", slug] for slug in DEMO} | yaml.safe_load(
        (FOLDER / "addons.yaml").read_text()
    )
    return {
        slug: AddonKnown(
            slug=slug,
            name=document["name"],
            aliases=tuple(document["aliases"]),
            hosts=tuple(document["hosts"]),
        )
        for slug, document in documents.items()
    }


def _case(name: str, entry: dict[str, Any]) -> Case:
    who = entry.get("plan", "premium")
    plan = directory()["accounts", f"{who}@example.com"]["plan"]
    known = Admission(
        plan=plan,
        app_stage=Stage.PRODUCTION,
        addons=tuple(_addons()[slug] for slug in entry.get("addons", DEMO)),
    )
    ticket = OpenTicket(
        id="req_a",
        key="tkt_a",
        at=AT,
        actor=actor(who),
        policy=STAMP,
        subject=entry["subject"],
        body=entry["body"],
        app="shop",
        addon=entry.get("addon"),
        kind=Kind(entry.get("kind", "problem")),
        admission=known,
        lane="lane_a",
    )
    scope = entry.get("scope", "covered")
    return Case(
        name,
        ticket,
        entry["belongs"],
        may_suggest=entry.get("suggestion") == "allowed",
        scope=None if scope == "any" else scope,
        moved=entry.get("moved", False),
        held_out=entry.get("held_out", False),
    )
