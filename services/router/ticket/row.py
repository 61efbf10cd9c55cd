"""What the router remembers of a ticket, and how each fact changes it. A row is a function of the
ticket's facts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.events import (
    SYSTEM,
    AccessEnded,
    AccessGranted,
    AppealDecided,
    Fact,
    MergeNoted,
    OwnerChanged,
    ParticipantAsked,
    ParticipantDeclined,
    ParticipantJoined,
    ParticipantRemoved,
    Plan,
    PriorityAppealed,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    QueueSuggested,
    QueueSuggestionDismissed,
    ReplyAdded,
    RequestParked,
    Scope,
    ScopeDecided,
    SenderConfirmed,
    ShareRevoked,
    Stage,
    Status,
    SuggestionDismissed,
    TicketAssigned,
    TicketClosed,
    TicketFact,
    TicketLinked,
    TicketMerged,
    TicketOpened,
    TicketRated,
    TicketReopened,
    TicketRouted,
    TicketShared,
    TicketSolved,
    TicketTagged,
    TicketUnlinked,
)
from shared.events.envelope import Kind, Priority, Value
from shared.lifecycle import Move, after
from shared.people.folding import fold_address
from shared.policy import is_change
from shared.spine.rows import Row


class PendingAsk(Value):
    """Somebody is asked to take part. `until`: when they can no longer say yes."""

    until: datetime
    by: str


EXCERPT = 2000
"""Characters of the first message kept for a later assignment's notices. A row must stay small: a
million of them are in memory.
"""


class ParkedRequest(Value):
    """A request for a ticket that is not open yet."""

    request: dict[str, Any]
    until: datetime


class TicketRow(Row):
    """`status` None: not open yet (only refusals or parked requests so far). `obligations`: pages
    owed and not taken back.
    """

    # Where it is now, and whose turn it is.
    status: Status | None = None
    queue: str = ""
    provider: str | None = None
    suggestion: str | None = None
    """The provider that is suggested."""
    suggested_queue: str | None = None
    """The queue of ours that is suggested."""
    for_architects: bool = False
    """A person agreed that it is for the architects, whatever kind it was sent as."""
    # Whom it is from, and what it is about: a copy of the opening, for decisions and notices.
    requester: str = ""
    requester_name: str = ""
    participants: tuple[str, ...] = ()
    plan: Plan = Plan.FREE
    app: str | None = None
    stage: Stage | None = None
    addon: str | None = None
    kind: Kind = Kind.PROBLEM
    scope: Scope = Scope.COVERED
    priority: Priority = Priority.NORMAL
    subject: str = ""
    excerpt: str = ""
    # Its pages, and the history of its priority.
    lane: str = ""
    incidents: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    changed_by: str = ""
    """Who changed the priority that was asked for, last: an address, `system` for a rule, empty for
    nobody.
    """
    appealed: bool = False
    """An appeal waits for a reviewer."""
    final: bool = False
    """An appeal was decided: the priority stays."""
    # How it was answered, solved and rated.
    provider_since: datetime | None = None
    provider_answered: bool = False
    solved_at: datetime | None = None
    solved_side: str = ""
    rated: int | None = None
    """The score of this solving."""
    # Who else may read or touch it.
    shares: dict[str, datetime] = {}
    """Hash of a link's token → until when it is good."""
    asked: dict[str, PendingAsk] = {}
    """Folded address → the last ask that was sent there and not answered."""
    asks: int = 0
    """How many asks were sent for this ticket, ever."""
    declined: tuple[str, ...] = ()
    """Folded addresses of those who said no thanks, or left."""
    access: bool = False
    """Our staff may access the app for this ticket."""
    verified: bool = True
    """False: it came by mail, and its sender has not confirmed it yet."""
    # Who of ours has it.
    owner: str | None = None
    """Who of our staff has it: an address."""
    owner_name: str = ""
    team: str = ""
    """The queue of ours it is in, or was in before a provider had it."""
    tags: tuple[str, ...] = ()
    said_seq: int = 0
    said_by: str = ""
    said_before: int = 0
    """The seq and author of the last message, and the seq of the last one by somebody else."""
    # Requests that came before the ticket itself.
    parked: dict[str, ParkedRequest] = {}
    """Request id → request."""


BLANK = TicketRow()
"""What every ticket begins as; made once, as rows are never changed in place."""


def _on_opened(row: TicketRow, fact: TicketOpened) -> dict[str, Any]:
    return {
        "status": Status.NEW,
        "requester": fact.requester,
        "requester_name": fact.requester_name,
        "participants": (fact.requester,),
        "plan": fact.plan,
        "app": fact.app,
        "stage": fact.stage,
        "addon": fact.addon,
        "kind": fact.kind,
        "scope": fact.scope,
        "subject": fact.subject,
        "excerpt": excerpt(fact.body),
        "lane": fact.lane,
        "incidents": fact.incidents,
        "verified": fact.verified,
        # Only a clear yes in the urgent form gives access; no answer counts as no.
        "access": fact.urgent is not None and fact.urgent.access_granted is True,
    }


def _on_priority_set(row: TicketRow, fact: PrioritySet) -> dict[str, Any]:
    return {
        "priority": fact.priority,
        "obligations": (fact.obligation,) if fact.obligation else (),
        "changed_by": SYSTEM.email if is_change(fact) else "",
    }


def _on_routed(row: TicketRow, fact: TicketRouted) -> dict[str, Any]:
    return {"queue": fact.queue, "team": _team(row, fact.queue)}


def _team(row: TicketRow, queue: str) -> str:
    """The queue of ours; while a provider has the ticket, the one it came from."""
    if queue.startswith("provider:"):
        return row.team or row.queue
    return queue


def _on_scope_decided(row: TicketRow, fact: ScopeDecided) -> dict[str, Any]:
    return {"scope": fact.scope}


def _on_suggested(row: TicketRow, fact: ProviderSuggested) -> dict[str, Any]:
    return {"suggestion": fact.provider}


def _on_queue_suggested(row: TicketRow, fact: QueueSuggested) -> dict[str, Any]:
    return {"suggested_queue": fact.queue}


def _on_queue_dismissed(row: TicketRow, fact: QueueSuggestionDismissed) -> dict[str, Any]:
    return {"suggested_queue": None}


def _on_dismissed(row: TicketRow, fact: SuggestionDismissed) -> dict[str, Any]:
    return {"suggestion": None}


def _on_assigned(row: TicketRow, fact: TicketAssigned) -> dict[str, Any]:
    since = fact.at if fact.provider else None
    return {
        "queue": fact.queue,
        "team": _team(row, fact.queue),
        "provider": fact.provider,
        "suggestion": None,
        "suggested_queue": None,
        "for_architects": row.for_architects or fact.queue == row.suggested_queue,
        "provider_since": since,
        "provider_answered": False,
    }


def _on_owner_changed(row: TicketRow, fact: OwnerChanged) -> dict[str, Any]:
    return {"owner": fact.owner, "owner_name": fact.owner_name}


def _on_tagged(row: TicketRow, fact: TicketTagged) -> dict[str, Any]:
    return {"tags": fact.tags}


def _on_reviewed(row: TicketRow, fact: PriorityReviewed) -> dict[str, Any]:
    left = tuple(owed for owed in row.obligations if owed not in fact.cancels)
    return {
        "priority": fact.priority,
        "obligations": (*left, fact.obligation) if fact.obligation else left,
        "changed_by": fact.by,
    }


def _on_appealed(row: TicketRow, fact: PriorityAppealed) -> dict[str, Any]:
    return {"appealed": True}


def _on_appeal_decided(row: TicketRow, fact: AppealDecided) -> dict[str, Any]:
    return {"appealed": False, "final": True}


def _on_replied(row: TicketRow, fact: ReplyAdded) -> dict[str, Any]:
    answered = row.provider_answered or (fact.side == "provider" and not fact.automatic)
    changes = {"status": Status(fact.status), "provider_answered": answered}
    return changes if fact.automatic else changes | _with_last_said(row, fact.author, fact.seq)


def _with_last_said(row: TicketRow, author: str, seq: int) -> dict[str, Any]:
    author = fold_address(author)
    before = row.said_before if row.said_by == author else row.said_seq
    return {"said_seq": seq, "said_by": author, "said_before": before}


def _on_solved(row: TicketRow, fact: TicketSolved) -> dict[str, Any]:
    return {
        "status": Status.SOLVED,
        "obligations": (),
        "solved_at": fact.at,
        "solved_side": fact.side,
        "rated": None,
        **_with_last_said(row, fact.by, fact.seq),
    }


def _on_reopened(row: TicketRow, fact: TicketReopened) -> dict[str, Any]:
    return {"status": Status.OPEN}


def _on_closed(row: TicketRow, fact: TicketClosed) -> dict[str, Any]:
    """What nobody can act on any more is forgotten; the row itself stays, so that seq goes on."""
    return {"status": Status.CLOSED, "excerpt": "", "shares": {}, "asked": {}}


def _merged(row: TicketRow, fact: TicketMerged) -> dict[str, Any]:
    """Its pages end with it; a TicketClosed follows."""
    return {"obligations": ()}


def _merge_noted(row: TicketRow, fact: MergeNoted) -> dict[str, Any]:
    return {"status": fact.status}


def _on_rated(row: TicketRow, fact: TicketRated) -> dict[str, Any]:
    return {"rated": fact.score}


def _on_shared(row: TicketRow, fact: TicketShared) -> dict[str, Any]:
    good = {token: until for token, until in row.shares.items() if until > fact.at}
    return {"shares": {**good, fact.token_hash: fact.expires_at}}


def _on_share_revoked(row: TicketRow, fact: ShareRevoked) -> dict[str, Any]:
    return {"shares": {}}


def _on_joined(row: TicketRow, fact: ParticipantJoined) -> dict[str, Any]:
    return {"participants": fact.participants, "asked": _asks_without(row, fact.participant)}


def _on_asked(row: TicketRow, fact: ParticipantAsked) -> dict[str, Any]:
    ask = PendingAsk(until=fact.expires_at, by=fact.by)
    return {"asked": {**row.asked, fold_address(fact.person): ask}, "asks": fact.asks}


def _on_declined(row: TicketRow, fact: ParticipantDeclined) -> dict[str, Any]:
    return {
        "asked": _asks_without(row, fact.person),
        "declined": (*row.declined, fold_address(fact.person)),
    }


def _on_removed(row: TicketRow, fact: ParticipantRemoved) -> dict[str, Any]:
    left = (fold_address(fact.person),) if fact.left else ()
    return {
        "participants": fact.participants,
        "asked": _asks_without(row, fact.person),
        "declined": (*row.declined, *left),
    }


def _asks_without(row: TicketRow, person: str) -> dict[str, PendingAsk]:
    gone = fold_address(person)
    return {address: ask for address, ask in row.asked.items() if address != gone}


def _on_access_granted(row: TicketRow, fact: AccessGranted) -> dict[str, Any]:
    return {"access": True}


def _on_access_ended(row: TicketRow, fact: AccessEnded) -> dict[str, Any]:
    return {"access": False}


def _on_confirmed(row: TicketRow, fact: SenderConfirmed) -> dict[str, Any]:
    return {
        "verified": True,
        "obligations": (*row.obligations, fact.obligation) if fact.obligation else row.obligations,
    }


def _on_linked(row: TicketRow, fact: TicketLinked | TicketUnlinked) -> dict[str, Any]:
    return {"incidents": fact.incidents}


def _on_noted(row: TicketRow, fact: Fact) -> dict[str, Any]:
    return {"status": row.status and (after(row.status, Move.INTERNAL) or row.status)}


def _on_parked(row: TicketRow, fact: RequestParked) -> dict[str, Any]:
    return {
        "parked": {**row.parked, fact.cause: ParkedRequest(request=fact.request, until=fact.until)}
    }


def _keep_row(row: TicketRow, fact: Fact) -> dict[str, Any]:
    return {}


EVOLVE: dict[str, Callable[[TicketRow, Any], dict[str, Any]]] = {
    "TicketOpened": _on_opened,
    "PrioritySet": _on_priority_set,
    "TicketRouted": _on_routed,
    "ScopeDecided": _on_scope_decided,
    "ProviderSuggested": _on_suggested,
    "SuggestionDismissed": _on_dismissed,
    "QueueSuggested": _on_queue_suggested,
    "QueueSuggestionDismissed": _on_queue_dismissed,
    "TicketAssigned": _on_assigned,
    "OwnerChanged": _on_owner_changed,
    "TicketTagged": _on_tagged,
    "TicketMerged": _merged,
    "MergeNoted": _merge_noted,
    "PriorityReviewed": _on_reviewed,
    "ReplyAdded": _on_replied,
    "NoteAdded": _on_noted,
    "TicketSolved": _on_solved,
    "TicketReopened": _on_reopened,
    "PriorityAppealed": _on_appealed,
    "AppealDecided": _on_appeal_decided,
    "TicketClosed": _on_closed,
    "TicketRated": _on_rated,
    "TicketShared": _on_shared,
    "ShareRevoked": _on_share_revoked,
    "ParticipantJoined": _on_joined,
    "ParticipantAsked": _on_asked,
    "ParticipantDeclined": _on_declined,
    "ParticipantRemoved": _on_removed,
    "AccessGranted": _on_access_granted,
    "AccessEnded": _on_access_ended,
    "SenderConfirmed": _on_confirmed,
    "TicketLinked": _on_linked,
    "TicketUnlinked": _on_linked,
    "RequestRefused": _keep_row,
    "RequestParked": _on_parked,
}


def evolve(row: TicketRow | None, fact: TicketFact) -> TicketRow:
    """The row after `fact`. A fact that answers a parked request takes it off the waiting list."""
    row = row or BLANK
    changes = EVOLVE[fact.type](row, fact)
    if fact.cause in row.parked and not isinstance(fact, RequestParked):
        changes["parked"] = {key: parked for key, parked in row.parked.items() if key != fact.cause}
    return row.copy_with(changes)


def due_at(row: TicketRow) -> datetime | None:
    """When the first parked request has waited long enough."""
    return min((parked.until for parked in row.parked.values()), default=None)


def excerpt(body: str) -> str:
    return body if len(body) <= EXCERPT else body[: EXCERPT - 1] + "…"
