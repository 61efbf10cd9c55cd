"""Whose a ticket is: assigned, handed back, taken back, a suggestion dismissed. Pure."""

from __future__ import annotations

from datetime import datetime

from services.router.decision import PolicyOf, about, moved, people, work_on
from services.router.rules import CSA, PLATFORM
from services.router.ticket import TicketRow
from shared.errors import Refused
from shared.events import AssignTicket, DismissSuggestion, Fact, HandBack, Kind, Request, SuggestionDismissed, TakeBack, TicketAssigned
from shared.lifecycle import Move


def on_assign(row: TicketRow, request: AssignTicket, policy_of: PolicyOf) -> list[Fact]:
    if (request.provider is None) == (request.queue is None):
        raise Refused("bad-assignment", "Name either a provider or a queue.")
    if request.provider is not None and not request.provider_known:
        raise Refused("no-such-provider", f"There is no provider {request.provider!r}.")
    queue = f"provider:{request.provider}" if request.provider else str(request.queue)
    if queue == row.queue:
        raise Refused("already-there", f"The ticket is in the queue {queue} already.")
    if queue == CSA and row.kind is Kind.PROBLEM:
        raise Refused("csa-takes-no-break-fix", "Solutions architects do not handle break/fix tickets; that is the platform queue's.")
    if queue == CSA and row.plan not in policy_of(request.policy).architects:
        raise Refused("csa-not-for-plan", f"Plan {row.plan} has no solutions architects.")
    moved(row, Move.ASSIGN)
    confirmed = request.provider is not None and request.provider == row.suggestion
    return [_assigned(row, request, queue, request.provider, "the suggestion was confirmed" if confirmed else "")]


def on_hand_back(row: TicketRow, request: HandBack, policy_of: PolicyOf) -> list[Fact]:
    moved(row, Move.HAND_BACK)
    return [_assigned(row, request, PLATFORM, None, request.reason)]


def on_take_back(row: TicketRow, request: TakeBack, policy_of: PolicyOf) -> list[Fact]:
    if row.provider is None:
        raise Refused("not-with-provider", "The ticket is with no provider.")
    moved(row, Move.TAKE_BACK)
    if request.missed and _is_overtaken(row, request.provider, request.missed):
        raise Refused("overtaken", "The provider has answered meanwhile, or another has the ticket.")
    return [_assigned(row, request, PLATFORM, None, request.reason)]


def on_dismiss(row: TicketRow, request: DismissSuggestion, policy_of: PolicyOf) -> list[Fact]:
    if row.suggestion is None:
        raise Refused("no-suggestion", "There is no suggestion to dismiss.")
    moved(row, Move.DISMISS)
    return [SuggestionDismissed(**about(request), provider=row.suggestion, reason=request.reason)]


def _is_overtaken(row: TicketRow, provider: str | None, missed: datetime) -> bool:
    """A timer's request may come after what it waited for."""
    since = row.provider_since
    return row.provider_answered or row.provider != provider or (since is not None and since >= missed)


def _assigned(row: TicketRow, request: Request, queue: str, provider: str | None, reason: str) -> TicketAssigned:
    return TicketAssigned(
        **about(request), queue=queue, provider=provider, previous=row.provider, reason=reason, body=row.excerpt,
        requester_name=row.requester_name, app=row.app, priority=row.priority, **people(row), **work_on(row, request),
    )  # fmt: skip
