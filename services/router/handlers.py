"""The shell: what the router hands the spine. No decisions here; `work` is the table of what is called when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.router import domain, ticket
from services.router.decision import PolicyOf
from services.router.ticket import TicketRow
from shared.errors import Poisonous
from shared.events import Event, Fact, OpenTicket, Request
from shared.topics import REQUESTS, TICKETS
from shared.wire import Message
from shared.work import Work, read_event

HANDLERS: frozenset[type[Request]] = frozenset({OpenTicket, *domain.DECIDE})
"""What the router decides of topic `requests`; the rest (pages, incidents) is others'."""


def parse(message: Message) -> Event | None:
    """The request in a message; None where it is not the router's. Raises Poisonous."""
    event = read_event(message)
    if type(event) not in HANDLERS:
        return None
    assert event is not None
    if event.key != message.key:
        raise Poisonous(f"the record's key is {message.key!r}, its request is about {event.key!r}")
    return event


def work(policy_of: PolicyOf) -> Work[TicketRow]:
    """The router as a worker; `policy_of` finds the policy version a request is stamped with."""

    def decide(row: TicketRow | None, request: Request, now: datetime) -> Sequence[Fact]:
        return domain.decide(row, request, policy_of)

    return Work(
        name="router",
        input=REQUESTS.name,
        outputs=(TICKETS.name,),
        row=TicketRow,
        parse=parse,
        decide=decide,
        evolve=ticket.evolve,
        due_at=ticket.due_at,
        fire=domain.fire,
    )
