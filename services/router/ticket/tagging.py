"""The tags of a ticket: staff add and remove them. Pure.

A tag gives no rights and moves nothing: who has the ticket and whose turn it is stay as they were.
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, next_status
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import Fact, TagTicket, TicketTagged
from shared.lifecycle import Move
from shared.tags import MOST, as_tag, mistake_of_tag


def on_tag(row: TicketRow, request: TagTicket, policy_of: PolicyOf) -> list[Fact]:
    """What is there already is not added again, and what is not there is not removed: the same
    request twice leaves the same tags. A tag that is both added and removed is removed.
    """
    next_status(row, Move.TAG)
    for text in request.add:
        if mistake := mistake_of_tag(text):
            raise Refused("bad-tag", mistake)
    unwanted = {as_tag(text) for text in request.remove}
    wanted = {as_tag(text) for text in request.add} - unwanted
    tags = tuple(sorted((set(row.tags) | wanted) - unwanted))
    # Only adding can be refused: a ticket with too many tags can always lose some.
    if wanted - set(row.tags) and len(tags) > MOST:
        raise Refused("too-many-tags", f"A ticket has at most {MOST} tags. Remove one first.")
    return [
        TicketTagged(
            **about(request),
            tags=tags,
            added=tuple(sorted(wanted - set(row.tags))),
            removed=tuple(sorted(unwanted & set(row.tags))),
        )
    ]
