"""A ticket and the incident it is about: linked when it opens (what intake found), or by hand
later, and taken off again. Pure.
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, people
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import Fact, LinkIncident, TicketLinked, TicketUnlinked, UnlinkIncident
from shared.lifecycle import Move, after


def on_link(row: TicketRow, request: LinkIncident, policy_of: PolicyOf) -> list[Fact]:
    """Linking changes neither status nor clocks, and moves no page to another lane."""
    _check_state(row)
    # Intake looks the title up; an empty one says that it found no public incident of this id.
    if not request.title:
        raise Refused("no-such-incident", "There is no such incident, or it is not public.")
    if request.incident_id in row.incidents:
        raise Refused("already-linked", "The ticket is linked to this incident already.")
    incidents = (*row.incidents, request.incident_id)
    return [
        TicketLinked(
            **about(request),
            incident=request.incident_id,
            title=request.title,
            incidents=incidents,
            **people(row),
        )
    ]


def on_unlink(row: TicketRow, request: UnlinkIncident, policy_of: PolicyOf) -> list[Fact]:
    """As linking, it changes nothing else."""
    _check_state(row)
    if request.incident_id not in row.incidents:
        raise Refused("not-linked", "The ticket is not linked to this incident, or no more.")
    left = tuple(incident for incident in row.incidents if incident != request.incident_id)
    return [
        TicketUnlinked(
            **about(request), incident=request.incident_id, title=request.title, incidents=left
        )
    ]


def _check_state(row: TicketRow) -> None:
    """Raises Refused where the state allows no link, in the words that older logs hold."""
    assert row.status is not None
    if after(row.status, Move.LINK) is None:
        raise Refused("not-in-this-state", "The ticket is closed for good.")
