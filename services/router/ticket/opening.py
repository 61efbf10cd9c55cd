"""A new ticket: opened, its priority, its place. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.router.team.rules import PLATFORM, Route, Suggestion, route
from services.router.team.scope import scope_of
from services.router.ticket.choosing import choose
from services.router.ticket.insisting import on_scope
from shared import ids
from shared.events import (
    SYSTEM,
    Fact,
    OpenTicket,
    OwnerChanged,
    Priority,
    PrioritySet,
    ProviderSuggested,
    QueueSuggested,
    TicketAssigned,
    TicketOpened,
    TicketRouted,
)
from shared.people.folding import fold_address
from shared.policy import DeskPolicy, priority_at_opening, stands_first
from shared.text.completeness import items_of, questions
from shared.text.reading import began_in_words


def make_opening(request: OpenTicket, policy: DeskPolicy) -> list[Fact]:
    """The facts of a ticket that may be opened; unstamped."""
    admission, by, requester = request.admission, request.actor.email, request.for_whom
    # Decide everything first; the facts below only record it. No fact here depends on another.
    verdict = priority_at_opening(policy, admission, request.priority)
    way, scope = route(request, policy), scope_of(request)
    # Nobody is woken by a mail that could be forged, nor by a ticket of the past.
    pages = verdict.pages and request.verified and not request.imported
    # A provider is not told of history, nor of a mail that nobody confirmed: suggest it instead.
    if way.provider and request.imported:
        way = without_provider(way, "it was imported, and the provider would not know of it")
    elif way.provider and not request.verified:
        way = without_provider(way, "the sender has not confirmed the mail yet")
    about: dict[str, Any] = {
        "at": request.at,
        "by": by,
        "policy": request.policy,
        "imported": request.imported,
    }
    # `requester` is set where staff open a ticket for a customer; the agent's name is not the
    # customer's.
    own_name = "" if request.requester else request.actor.name
    name = admission.requester_name or own_name
    author: dict[str, Any] = {}
    if request.requester:
        author = {"author": by, "author_name": request.actor.name}
    # The order matters: readers build the ticket from the first fact and add the others to it.
    facts: list[Fact] = [
        TicketOpened(
            **about,
            subject=request.subject,
            body=request.body,
            **author,
            follows=request.follows,
            requester=requester,
            requester_name=name,
            plan=admission.plan,
            app=request.app,
            stage=admission.app_stage,
            addon=request.addon,
            kind=request.kind,
            scope=scope.scope,
            urgent=request.urgent,
            attachments=request.attachments,
            incidents=admission.open_incidents,
            via=request.actor.via,
            lane=request.lane,
            first=stands_first(policy, admission.plan),
            verified=request.verified,
            quoted=request.quoted,
            times=request.times,
        ),
        PrioritySet(
            **about,
            requested=request.priority,
            priority=verdict.priority,
            reason=verdict.reason,
            trail=verdict.trail,
            plan=admission.plan,
            opened_at=request.at,
            lane=request.lane,
            pages=pages,
            obligation=ids.obligation_id(request.key, request.id) if pages else None,
            subject=request.subject,
            requester=requester,
            verified=request.verified,
            no_receipt=request.no_receipt,
            # A quiet time is for imported tickets alone: a live ticket's clocks never wait.
            quiet_until=request.quiet_until if request.imported else None,
            missing=list_missing(request, verdict.priority),
            began=began_in_words(request.times),
        ),
        TicketRouted(**about, queue=way.queue, trail=(*way.trail, *scope.trail)),
        *on_scope(request, scope, way, policy, about),
    ]
    # Suggestions are facts of their own, so that a person can accept or dismiss each one.
    if way.suggestion:
        found = way.suggestion
        facts.append(
            ProviderSuggested(
                **about, provider=found.provider, because=found.because, confidence=found.confidence
            )
        )
    if way.queue_suggestion:
        like = way.queue_suggestion
        facts.append(
            QueueSuggested(
                **about, queue=like.queue, because=like.because, confidence=like.confidence
            )
        )
    # Assigned at once. The fact has the whole text, because the notice to the provider is made of
    # it.
    if way.provider:
        facts.append(
            TicketAssigned(
                **about,
                queue=way.queue,
                provider=way.provider,
                reason=way.because,
                subject=request.subject,
                body=request.body,
                requester=requester,
                requester_name=name,
                participants=(requester,),
                app=request.app,
                priority=verdict.priority,
            )
        )
    # An owner is chosen last: it depends on the queue and the priority decided above.
    choice = choose(request, way.queue, verdict.priority, policy)
    if choice is not None and choice.person is not None:
        facts.append(
            OwnerChanged(
                **about | {"by": SYSTEM.email},
                owner=fold_address(choice.person.email),
                owner_name=choice.person.name,
                how="assigned",
                trail=choice.trail,
                subject=request.subject,
                priority=verdict.priority,
            )
        )
    return facts


def list_missing(request: OpenTicket, priority: Priority) -> tuple[str, ...]:
    """What the urgent guide (seed 001) asks for and an urgent ticket lacks, as questions."""
    if priority is not Priority.URGENT:
        return ()
    return questions(items_of(request.urgent, request.body, request.times))


def without_provider(way: Route, why: str) -> Route:
    """What nobody vouches for is passed on to no provider by itself: an agent looks at it, and
    assigns it with one click.
    """
    assert way.provider is not None
    return replace(
        way,
        queue=PLATFORM,
        provider=None,
        suggestion=Suggestion(way.provider, (way.because, why), 1.0),
    )
