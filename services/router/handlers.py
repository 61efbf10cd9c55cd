"""The shell: what the router hands the spine. No decisions here; `work` is the table of what is
called when.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.router.incident import domain as incident_domain
from services.router.incident import maintenance as incident_maintenance
from services.router.incident import row as incident_row
from services.router.incident.row import StatusRow, may_be_forgotten
from services.router.ticket import domain
from services.router.ticket import row as ticket
from services.router.ticket.decision import PolicyOf
from services.router.ticket.row import TicketRow
from shared.errors import Poisonous
from shared.events import Event, Fact, OpenTicket, Request, StatusFact, StatusRequest, TicketFact
from shared.spine.rows import Row
from shared.spine.work import Work, read_request
from shared.topics import REQUESTS, STATUS, TICKETS
from shared.wire import Message

HANDLERS: frozenset[type[Request]] = frozenset(
    {OpenTicket, *domain.DECIDE, *incident_domain.DECIDE}
)
"""What the router decides of topic `requests`; the rest (pages) is the pager's."""

_IS_STATUS = b'"aggregate":"'
"""No other row has a field of this name, and in a text the quotes would be escaped."""


def parse(message: Message) -> Event | None:
    """The request in a message; None where it is not the router's. Raises Poisonous."""
    event = read_request(message)
    if type(event) not in HANDLERS:
        return None
    # Intake gives record and request the same key; a difference means that another program wrote
    # it.
    if event.key != message.key:
        raise Poisonous(f"the record's key is {message.key!r}, its request is about {event.key!r}")
    return event


def parse_row(raw: bytes) -> TicketRow | StatusRow:
    """A ticket's row, or that of an incident, maintenance or announcement."""
    return (
        StatusRow.model_validate_json(raw, extra="ignore")
        if _IS_STATUS in raw
        else TicketRow.model_validate_json(raw, extra="ignore")
    )


def evolve(row: Row | None, fact: Fact) -> Row:
    if isinstance(fact, TicketFact):
        assert row is None or isinstance(row, TicketRow)
        return ticket.evolve(row, fact)
    assert isinstance(fact, StatusFact) and (row is None or isinstance(row, StatusRow))
    return incident_row.evolve(row, fact)


def due_at(row: Row) -> datetime | None:
    if isinstance(row, TicketRow):
        return ticket.due_at(row)
    assert isinstance(row, StatusRow)
    return incident_row.due_at(row)


def fire(row: Row, now: datetime) -> Sequence[Fact]:
    if isinstance(row, TicketRow):
        return domain.fire(row, now)
    assert isinstance(row, StatusRow)
    return incident_maintenance.fire(row, now)


def work(policy_of: PolicyOf) -> Work[Row]:
    """The router as a worker; `policy_of` finds the policy version a request is stamped with."""

    def decide(row: Row | None, request: Request, now: datetime) -> Sequence[Fact]:
        if isinstance(request, StatusRequest):
            if row is None or isinstance(row, StatusRow):
                return incident_domain.decide(row, request)
        # A request on a ticket, or one that opens it.
        elif row is None or isinstance(row, TicketRow):
            return domain.decide(row, request, policy_of)
        # A request of the wrong kind for its key can never be decided: it goes to the dead letters.
        raise Poisonous(f"{request.type} does not fit what {request.key!r} is")

    return Work(
        name="router",
        input=REQUESTS.name,
        outputs=(TICKETS.name, STATUS.name),
        row=Row,
        parse=parse,
        parse_row=parse_row,
        decide=decide,
        evolve=evolve,
        due_at=due_at,
        fire=fire,
        # Only repeats of alerts; every other id stays, so that a retry changes nothing.
        forgets=may_be_forgotten,
    )
