"""The shell: what sla hands the spine. No decisions here; `work` is the table of what is called
when.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.sla import clock, domain
from services.sla.clock import ClockRow
from services.sla.promise import PolicyOf
from shared.events import Event, Fact, TicketFact
from shared.spine.work import Work, read_event
from shared.topics import CLOCKS, TICKETS
from shared.wire import Message

HANDLERS: frozenset[type[TicketFact]] = frozenset(domain.DECIDE)
"""The facts of tickets that matter to a clock; the others are passed over without being parsed."""

_NAMES = {b"dev.signalbox." + kind.__name__.encode() for kind in HANDLERS}


def parse(message: Message) -> Event | None:
    """The fact in a message; None where it matters to no clock. Raises Poisonous."""
    # The header tells the type, so most records are passed over without being parsed.
    kind = message.headers.get("ce_type")
    if kind is not None and kind not in _NAMES:
        return None
    event = read_event(message)
    return event if type(event) in HANDLERS else None


def work(policy_of: PolicyOf) -> Work[ClockRow]:
    """Sla as a worker; `policy_of` finds the policy version a fact is stamped with."""

    def decide(row: ClockRow | None, fact: TicketFact, now: datetime) -> Sequence[Fact]:
        return domain.decide(row, fact, policy_of)

    return Work(
        name="sla",
        input=TICKETS.name,
        outputs=(CLOCKS.name,),
        row=ClockRow,
        parse=parse,
        decide=decide,
        evolve=clock.evolve,
        due_at=clock.due_at,
        fire=domain.fire,
    )
