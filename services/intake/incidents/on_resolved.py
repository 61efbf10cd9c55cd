"""When an incident is over, the customers of the tickets linked to it are asked, once, whether they
are well again.

The question is a reply on the ticket, which also goes out as a mail. It is marked as a machine's:
it answers nothing, so it moves no clock and no state. The request's id comes from the resolution
and the ticket: reading the fact again asks nobody twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from shared.events import SYSTEM, AddReply, Event, IncidentResolved
from shared.ids import derive

Look = Callable[[str], Awaitable[Sequence[str]]]
"""Incident → the tickets that are linked to it and wait for an answer (`world/portal_view.py`)."""


def question(fact: IncidentResolved, ticket: str) -> AddReply:
    """What is asked on one ticket."""
    body = (
        f'The incident "{fact.title}" that this ticket is linked to is resolved. Is everything '
        "well again for you? "
        "If not, reply here and tell us what you still see. If it is, you can mark the ticket as "
        "solved."
    )
    return AddReply(
        id=derive("req", fact.id, ticket, "well"),
        key=ticket,
        at=fact.at,
        actor=SYSTEM,
        policy=fact.policy,
        body=body,
        # A machine's reply: it stops no clock and reopens nothing.
        automatic=True,
    )


def make_question_handlers(look: Look) -> Mapping[Any, Callable[[Any], Awaitable[Sequence[Event]]]]:
    """Fact → the requests it makes, with a look at the view. What never was public asks nobody."""

    async def on_resolved(fact: IncidentResolved) -> Sequence[Event]:
        # An incident that was never public is not known to any customer.
        return [question(fact, ticket) for ticket in await look(fact.key)] if fact.is_public else []

    return {IncidentResolved: on_resolved}
