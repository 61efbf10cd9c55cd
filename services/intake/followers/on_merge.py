"""What a merge asks of the ticket that the other goes on in. Pure; `NOTES` is the table.

The router decides on one ticket at a time, so the fact of the one that ended becomes a request on
the other. The request's id comes from the fact: reading it again asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared import events as e
from shared.ids import derive


def on_merged(fact: e.TicketMerged) -> e.NoteMerge:
    """In the name of whoever merged it: they were let, as staff, when the fact was decided."""
    return e.NoteMerge(
        id=derive("req", fact.id, fact.into, "merge"),
        key=fact.into,
        at=fact.at,
        actor=e.Actor(email=fact.by, roles=(), via=e.Via.SYSTEM),
        policy=fact.policy,
        merged=fact.key,
        waits=fact.waits,
    )


NOTES: dict[type[e.TicketFact], Callable[[Any], e.Request | None]] = {e.TicketMerged: on_merged}
"""Fact → the request it makes. Other facts of tickets ask for nothing and are not even parsed."""
