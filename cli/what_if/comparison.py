"""What a what-if found, as one JSON document: the command prints it, the HTTP call answers it, the
HTML report is drawn from it. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cli.what_if.compare import ASSUMED, PersonPaged, WhatIf, WhatIfSums

LISTED = 500
"""Tickets told one by one; the sums are of all of them."""


def comparison(found: WhatIf, name: str, versions: dict[str, int]) -> dict[str, Any]:
    """`{policy, against, window, tickets, changed, breaches, pages, days, items, empty, assumed}`;
    see docs/decisions/0006.
    """
    then, draft = found.calls()
    sums = found.sums
    # Told apart by lane, person and time: the same call on both sides is none of either.
    extra, fewer = _without(draft, then), _without(then, draft)
    fields = Counter(_kind(field) for changed in sums.changed for field in changed.fields)
    days = sorted(sums.days.items())
    return {
        "policy": name,
        "against": versions,
        "window": {"since": found.since, "until": found.until},
        "tickets": sums.seen,
        "skipped": sums.skipped,
        "changed": {
            "tickets": len(sums.changed),
            **{field: fields[field] for field in sorted(fields)},
        },
        "breaches": _breaches(sums),
        "pages": {
            "then": len(then),
            "draft": len(draft),
            "extra": [call.as_json() for call in extra],
            "fewer": [call.as_json() for call in fewer],
            "people": _people(then, draft),
            "hours": {"then": _hours(then), "draft": _hours(draft)},
        },
        "days": [
            {"day": day, "tickets": n, "changed": c, "breaches_then": a, "breaches_draft": b}
            for day, (n, c, a, b) in days
        ],
        "items": [_item(changed) for changed in sums.changed[:LISTED]],
        "listed": min(LISTED, len(sums.changed)),
        "empty": not sums.changed and not extra and not fewer,
        "assumed": list(ASSUMED),
    }


def _kind(field: str) -> str:
    return field.partition(" ")[0]


def _without(calls: Sequence[PersonPaged], others: Sequence[PersonPaged]) -> list[PersonPaged]:
    known = {call.same for call in others}
    return [call for call in calls if call.same not in known]


def _breaches(sums: WhatIfSums) -> dict[str, Any]:
    then, draft = sums.breaches
    # The sums are of all tickets; only changed tickets can have a breach more or less.
    extra = [
        (c.ticket, clock, c.draft.breaches[clock])
        for c in sums.changed
        for clock in c.draft.breaches
        if clock not in c.now.breaches
    ]
    fewer = [
        (c.ticket, clock, c.now.breaches[clock])
        for c in sums.changed
        for clock in c.now.breaches
        if clock not in c.draft.breaches
    ]
    return {
        "then": sum(then.values()),
        "draft": sum(draft.values()),
        "by_clock": {
            clock: {"then": then.get(clock, 0), "draft": draft.get(clock, 0)}
            for clock in sorted(then.keys() | draft.keys())
        },
        "extra": [_breach(*one) for one in extra],
        "fewer": [_breach(*one) for one in fewer],
    }


def _breach(ticket: str, clock: str, due_at: datetime) -> dict[str, Any]:
    return {"ticket_id": ticket, "clock": clock, "due_at": due_at}


# Nights are counted apart: they are what a rota is judged by.
def _people(then: Sequence[PersonPaged], draft: Sequence[PersonPaged]) -> dict[str, dict[str, int]]:
    """Person → pages, and those between 22:00 and 07:00 where they live."""
    found: dict[str, dict[str, int]] = {}
    for side, calls in (("then", then), ("draft", draft)):
        for call in calls:
            mine = found.setdefault(
                call.person, {"then": 0, "draft": 0, "night_then": 0, "night_draft": 0}
            )
            mine[side] += 1
            mine[f"night_{side}"] += call.local.hour >= 22 or call.local.hour < 7
    return dict(sorted(found.items()))


def _hours(calls: Sequence[PersonPaged]) -> list[int]:
    counted = Counter(call.local.hour for call in calls)
    return [counted[hour] for hour in range(24)]


def _item(changed: Any) -> dict[str, Any]:
    now, draft = changed.now, changed.draft
    return {
        "ticket_id": changed.ticket,
        "subject": now.subject,
        "plan": now.plan,
        "opened_at": now.opened_at,
        "changes": {
            field: {"then": old, "draft": new} for field, (old, new) in changed.fields.items()
        },
        "because": {
            field: draft.because[field]
            for field in ("queue", "priority")
            if field in changed.fields and draft.because.get(field)
        },
    }
