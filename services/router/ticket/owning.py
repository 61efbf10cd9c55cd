"""Who of our staff has a ticket: taken, handed over, released. Pure.

Being the owner gives no rights: every agent may do what the owner may. It says whose work the
ticket is, so that nobody answers what a colleague is at, and nothing waits for everybody.
"""

from __future__ import annotations

from typing import Any, Literal

from services.router.ticket.decision import PolicyOf, about, next_status
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import (
    AddReply,
    Audience,
    Fact,
    HandOverTicket,
    OwnerChanged,
    ReleaseTicket,
    Request,
    TakeTicket,
    Via,
)
from shared.lifecycle import Move
from shared.people.folding import fold_address, is_same_address

How = Literal["taken", "handed-over", "released", "moved", "replied", "assigned"]


def on_take(row: TicketRow, request: TakeTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.OWN)
    _check_on_staff(request)
    if row.owner and is_same_address(row.owner, request.actor.email):
        raise Refused("already-so", "You have this ticket already.")
    # `instead_of` names the owner whom the asker saw: a ticket that changed hands since is not
    # taken.
    if row.owner and not is_same_address(row.owner, request.instead_of):
        raise Refused(
            "has-owner",
            f"{row.owner_name or row.owner} has it. Take it from them only if they know.",
        )
    return [_make_owner_changed(row, request, request.actor.email, request.actor.name, "taken")]


def on_hand_over(row: TicketRow, request: HandOverTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.OWN)
    if not request.to_is_staff:
        raise Refused("no-such-colleague", f"{request.to} is not one of our staff.")
    if row.owner and is_same_address(row.owner, request.to):
        raise Refused("already-so", f"{request.to_name or request.to} has this ticket already.")
    return [
        _make_owner_changed(
            row, request, request.to, request.to_name, "handed-over", reason=request.reason
        )
    ]


def on_release(row: TicketRow, request: ReleaseTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.OWN)
    if row.owner is None:
        raise Refused("no-owner", "Nobody has this ticket.")
    return [_make_owner_changed(row, request, None, "", "released", reason=request.reason)]


def release_from_team(row: TicketRow, request: Request, queue: str) -> list[Fact]:
    """What moving to `queue` does to the owner: another team of ours begins without one. With a
    provider the owner stays, and follows it up.
    """
    # The queue does not change, or only a provider joins: the owner goes on with it.
    if row.owner is None or queue == row.queue or queue.startswith("provider:"):
        return []
    if row.provider is not None and queue == row.team:
        return []  # it comes back to the team it was in
    return [_make_owner_changed(row, request, None, "", "moved")]


def take_by_reply(row: TicketRow, request: AddReply, policy_of: PolicyOf) -> list[Fact]:
    """Who answers a ticket that nobody has, has it then; where the policy says so."""
    actor = request.actor
    # An answer is what the customer can read, written by a person: notes and machines take nothing.
    is_answer = request.audience is Audience.EVERYONE and not request.automatic
    if row.owner is not None or not is_answer or not actor.is_staff or actor.via is Via.SYSTEM:
        return []
    if request.imported or not policy_of(request.policy).ownership.first_answer_takes:
        return []
    return [_make_owner_changed(row, request, actor.email, actor.name, "replied")]


def _check_on_staff(request: Request) -> None:
    """The system takes nothing for itself."""
    if request.actor.via is Via.SYSTEM:
        raise Refused("not-allowed", "Only a person has a ticket.")


def _make_owner_changed(
    row: TicketRow, request: Request, owner: str | None, name: str, how: How, **more: Any
) -> OwnerChanged:
    return OwnerChanged(
        **about(request),
        owner=owner and fold_address(owner),
        owner_name=name,
        previous=row.owner,
        how=how,
        subject=row.subject,
        priority=row.priority,
        **more,
    )
