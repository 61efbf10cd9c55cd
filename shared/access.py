"""The one authorisation function: used by every read, list, counter, stream and write
(RELIABILITY.md, Security).

What may not be seen does not exist: callers answer 404, never 403, where `find_standing` is None.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from shared.events import (
    Actor,
    Audience,
    ClockFact,
    ClockName,
    Component,
    Fact,
    ReplyAdded,
    Role,
    Via,
)
from shared.people.folding import fold_address


class Standing(StrEnum):
    """What somebody is to one ticket."""

    STAFF = "staff"
    PROVIDER = "provider"
    CUSTOMER = "customer"


def find_standing(
    actor: Actor, *, requester: str, participants: Collection[str], provider: str | None
) -> Standing | None:
    """Staff see all; a provider's users the tickets assigned to it now; everybody their own and
    those they take part in.

    A provider's user is a customer of the platform, too: what they opened themselves they follow
    like any customer.
    """
    if actor.is_staff:
        return Standing.STAFF
    if actor.provider is not None and actor.provider == provider:
        return Standing.PROVIDER
    email = fold_address(actor.email)
    return (
        Standing.CUSTOMER
        if email == fold_address(requester) or email in {fold_address(p) for p in participants}
        else None
    )


# One entry each, and no default: a new audience fails here, not in a leak.
READERS: dict[Audience, frozenset[Standing]] = {
    Audience.EVERYONE: frozenset(Standing),
    Audience.PROVIDER: frozenset({Standing.STAFF, Standing.PROVIDER}),
    Audience.STAFF: frozenset({Standing.STAFF}),
}
"""Who may read, and so who may write, for an audience."""

# Missing on purpose: facts that have an audience of their own (`audience_of`).
FACT_READERS: dict[str, frozenset[Standing]] = {
    "TicketOpened": frozenset(Standing),
    "PrioritySet": frozenset(Standing),
    "TicketRouted": frozenset(Standing),
    "ScopeDecided": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "ProviderSuggested": frozenset({Standing.STAFF}),
    "SuggestionDismissed": frozenset({Standing.STAFF}),
    "QueueSuggested": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "QueueSuggestionDismissed": frozenset({Standing.STAFF}),
    "TicketAssigned": frozenset(Standing),
    "OwnerChanged": frozenset({Standing.STAFF}),
    "TicketTagged": frozenset({Standing.STAFF}),
    "TicketMerged": frozenset({Standing.STAFF}),
    "MergeNoted": frozenset({Standing.STAFF}),
    "PriorityReviewed": frozenset(Standing),
    "PriorityAppealed": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "AppealDecided": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "NoteAdded": frozenset({Standing.STAFF}),
    "TicketSolved": frozenset(Standing),
    "TicketReopened": frozenset(Standing),
    "TicketClosed": frozenset(Standing),
    "TicketRated": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "TicketShared": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "ShareRevoked": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "ParticipantJoined": frozenset(Standing),
    "ParticipantAsked": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "ParticipantDeclined": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "ParticipantRemoved": frozenset(Standing),
    "AccessGranted": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "AccessEnded": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "SenderConfirmed": frozenset({Standing.STAFF, Standing.CUSTOMER}),
    "TicketLinked": frozenset(Standing),
    "TicketUnlinked": frozenset(Standing),
    "RequestRefused": frozenset({Standing.STAFF}),
    "RequestParked": frozenset({Standing.STAFF}),
    "ClockStarted": frozenset(Standing),
    "ClockRetargeted": frozenset(Standing),
    "ClockPaused": frozenset(Standing),
    "ClockResumed": frozenset(Standing),
    "ClockWarned": frozenset({Standing.STAFF}),
    "ClockMet": frozenset(Standing),
    "ClockBreached": frozenset({Standing.STAFF}),
    "ClockStopped": frozenset(Standing),
    "ClockRanOut": frozenset(Standing),
}
"""Fact type → who sees it on a timeline or a stream. What is absent only staff see."""

TOLD_OF_PAGING: frozenset[Standing] = frozenset({Standing.STAFF, Standing.CUSTOMER})
"""Who learns that a ticket's page was sent, and since when somebody has it."""

PAGING = frozenset(
    {
        "PageOpened",
        "PageJoined",
        "PageAcknowledged",
        "PageReopened",
        "PageReassigned",
        "PageCancelled",
        "PageResolved",
    }
)
"""Facts of pages after which the customer's view of the ticket says something else. They get none
of these facts themselves: only the states and times made of them
(`services/portal/tickets/paging.py`).
"""

STAFF_ONLY: frozenset[Standing] = frozenset({Standing.STAFF})

# Agents are missing: work on tickets gives no say over pages.
PAGERS = frozenset({Role.ON_CALL, Role.OPS, Role.ADMIN})


def audience_of(fact: Fact) -> Audience | None:
    """Whom a fact is for where its type alone does not say: a reply's audience; the provider's
    clock is theirs and ours.
    """
    match fact:
        case ReplyAdded():
            return fact.audience
        case ClockFact() if fact.clock == ClockName.PROVIDER_ANSWER:
            return Audience.PROVIDER
        case _:
            return None


def may_see_fact(who: Standing, fact_type: str, audience: str | None = None) -> bool:
    """Whether `who` may see a fact of `fact_type`. One that has an audience (`audience_of`) goes by
    that alone.
    """
    # A reply goes by its audience alone; without one it is for everybody.
    if fact_type == "ReplyAdded" or audience:
        return who in READERS[Audience(audience or Audience.EVERYONE)]
    return who in FACT_READERS.get(fact_type, STAFF_ONLY)


def may_decide_appeals(actor: Actor) -> bool:
    """Appeals are for reviewers; that it was not they who made the change is checked where it is
    known.
    """
    return bool({Role.REVIEWER, Role.ADMIN} & set(actor.roles))


def may_handle_pages(actor: Actor) -> bool:
    """Pages are seen and acknowledged by those on call, ops and admins."""
    return bool(PAGERS & set(actor.roles))


def runs_incidents(actor: Actor) -> bool:
    """Incidents and maintenances of the platform, drafts and alerts are for ops and admins; so is
    everybody's.
    """
    # SYSTEM: Signalbox itself, such as its timers.
    return actor.via is Via.SYSTEM or bool({Role.OPS, Role.ADMIN} & set(actor.roles))


def may_report(actor: Actor, provider: str | None, components: Iterable[Component]) -> bool:
    """Who may open and change an incident or maintenance: who runs them all, and a provider's users
    for their own add-on alone.
    """
    if runs_incidents(actor):
        return True
    return (
        # All components: one foreign part would let a provider speak for the platform.
        provider is not None
        and actor.provider == provider
        and all(component.addon == provider for component in components)
    )


def may_hand_in_mail(actor: Actor) -> bool:
    """Other people's mail is handed in by gateways, and by staff."""
    return actor.is_staff or Role.GATEWAY in actor.roles


def may_see_desk(actor: Actor) -> bool:
    """Queues, counters, who is on call and the operations dashboard are for staff."""
    return actor.is_staff


def may_see_reports(actor: Actor) -> bool:
    """Staff see those of the desk, a provider's people those of their own tickets."""
    return actor.is_staff or actor.provider is not None


def is_admin(actor: Actor) -> bool:
    """Reference data and policy are for admins."""
    return Role.ADMIN in actor.roles
