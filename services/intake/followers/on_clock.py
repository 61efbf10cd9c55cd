"""What a clock asks for when it fires, as a request of the system. Pure; `ASKS` is the table.

The request's id, time and policy come from the firing, so reading it again makes the same request,
which the router takes once. Whether it still makes sense (an answer may have come meanwhile) is the
router's to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared import events as e
from shared.ids import derive


def on_breached(fact: e.ClockBreached) -> e.Request | None:
    """A provider that did not answer in time loses the ticket to the platform queue."""
    # Other clocks that are missed ask for nothing here.
    if fact.clock != e.ClockName.PROVIDER_ANSWER:
        return None
    return e.TakeBack(
        **_make_request_fields(fact),
        reason="The provider did not answer in time.",
        provider=fact.provider,
        missed=fact.due_at,
    )


def on_ran_out(fact: e.ClockRanOut) -> e.Request | None:
    """A solved ticket that nobody reopened is closed."""
    return (
        e.CloseTicket(**_make_request_fields(fact), ended=fact.due_at)
        if fact.clock == e.ClockName.AUTO_CLOSE
        else None
    )


ASKS: dict[type[e.ClockFact], Callable[[Any], e.Request | None]] = {
    e.ClockBreached: on_breached,
    e.ClockRanOut: on_ran_out,
}
"""Firing → the request it makes. Other facts of clocks ask for nothing and are not even parsed."""


def _make_request_fields(fact: e.ClockFact) -> dict[str, Any]:
    return {
        # From the firing, so reading it again makes the same request.
        "id": derive("req", fact.id, "timer"),
        "key": fact.key,
        "at": fact.at,
        "actor": e.SYSTEM,
        "policy": fact.policy,
    }
