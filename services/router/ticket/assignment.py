"""Who has a ticket: assigned, handed back, taken back, a suggestion dismissed. Pure."""

from __future__ import annotations

from datetime import datetime

from services.router.team.rules import CSA, PLATFORM
from services.router.ticket.decision import PolicyOf, about, next_status, people, work_on
from services.router.ticket.owning import release_from_team
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import (
    AcceptSuggestion,
    AssignTicket,
    DismissSuggestion,
    Fact,
    HandBack,
    Kind,
    QueueSuggestionDismissed,
    Request,
    SuggestionDismissed,
    TakeBack,
    TicketAssigned,
)
from shared.lifecycle import Move


def on_assign(row: TicketRow, request: AssignTicket, policy_of: PolicyOf) -> list[Fact]:
    if (request.provider is None) == (request.queue is None):
        raise Refused("bad-assignment", "Name either a provider or a queue.")
    if request.provider is not None and not request.provider_known:
        raise Refused("no-such-provider", f"There is no provider {request.provider!r}.")
    queue = f"provider:{request.provider}" if request.provider else str(request.queue)
    if queue == row.queue:
        raise Refused("already-there", f"The ticket is in the queue {queue} already.")
    # Architects take a problem only where a person agreed, or the router itself suggested them.
    agreed = row.for_architects or row.suggested_queue == CSA
    if queue == CSA and row.kind is Kind.PROBLEM and not agreed:
        raise Refused(
            "csa-takes-no-break-fix",
            "Solutions architects do not handle break/fix tickets; that is the platform queue's.",
        )
    if queue == CSA and row.plan not in policy_of(request.policy).architects:
        raise Refused("csa-not-for-plan", f"Plan {row.plan} has no solutions architects.")
    # Only the check counts here: assigning keeps the status, so the result of `next_status` is not used.
    next_status(row, Move.ASSIGN)
    confirmed = (
        request.provider == row.suggestion
        if request.provider is not None
        else queue == row.suggested_queue
    )
    return [
        _make_assigned(
            row,
            request,
            queue,
            request.provider,
            "the suggestion was confirmed" if confirmed else "",
        ),
        *release_from_team(row, request, queue),
    ]


def on_hand_back(row: TicketRow, request: HandBack, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.HAND_BACK)
    return [
        _make_assigned(row, request, PLATFORM, None, request.reason),
        *release_from_team(row, request, PLATFORM),
    ]


def on_take_back(row: TicketRow, request: TakeBack, policy_of: PolicyOf) -> list[Fact]:
    if row.provider is None:
        raise Refused("not-with-provider", "The ticket is with no provider.")
    next_status(row, Move.TAKE_BACK)
    # A request by the timer is refused if the provider answered before the timer's request came.
    if request.missed and _is_overtaken(row, request.provider, request.missed):
        raise Refused(
            "overtaken", "The provider has answered meanwhile, or another has the ticket."
        )
    return [
        _make_assigned(row, request, PLATFORM, None, request.reason),
        *release_from_team(row, request, PLATFORM),
    ]


def on_accept(row: TicketRow, request: AcceptSuggestion, policy_of: PolicyOf) -> list[Fact]:
    """The customer's side agrees with the suggested queue: as if an agent had confirmed it."""
    if row.suggested_queue != request.queue:
        raise Refused("no-suggestion", "There is no suggestion to agree with any more.")
    if row.plan not in policy_of(request.policy).architects:
        raise Refused("csa-not-for-plan", f"Plan {row.plan} has no solutions architects.")
    next_status(row, Move.ASSIGN)
    reason = "the suggestion was confirmed on the customer's side"
    return [
        _make_assigned(row, request, request.queue, None, reason),
        *release_from_team(row, request, request.queue),
    ]


def on_dismiss(row: TicketRow, request: DismissSuggestion, policy_of: PolicyOf) -> list[Fact]:
    """The suggested queue where it is named, or where nothing else is suggested; else the suggested
    provider.
    """
    # A ticket may have both suggestions at once; a named queue means the queue, never the provider.
    queue = row.suggested_queue
    if request.queue is not None and request.queue != queue:
        raise Refused("no-suggestion", f"The queue {request.queue} is not suggested.")
    if row.suggestion is None and queue is None:
        raise Refused("no-suggestion", "There is no suggestion to dismiss.")
    next_status(row, Move.DISMISS)
    if queue is not None and (request.queue is not None or row.suggestion is None):
        return [QueueSuggestionDismissed(**about(request), queue=queue, reason=request.reason)]
    assert row.suggestion is not None
    return [SuggestionDismissed(**about(request), provider=row.suggestion, reason=request.reason)]


def _is_overtaken(row: TicketRow, provider: str | None, missed: datetime) -> bool:
    """A timer's request may come after what it waited for."""
    since = row.provider_since
    return (
        row.provider_answered or row.provider != provider or (since is not None and since >= missed)
    )


def _make_assigned(
    row: TicketRow, request: Request, queue: str, provider: str | None, reason: str
) -> TicketAssigned:
    return TicketAssigned(
        **about(request),
        queue=queue,
        provider=provider,
        previous=row.provider,
        reason=reason,
        body=row.excerpt,
        requester_name=row.requester_name,
        app=row.app,
        priority=row.priority,
        **people(row),
        **work_on(row, request),
    )
