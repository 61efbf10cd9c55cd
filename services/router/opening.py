"""A new ticket: opened, its priority, its place. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.router.insisting import on_scope
from services.router.rules import PLATFORM, Route, Suggestion, route
from services.router.scope import scope_of
from shared import ids
from shared.events import Fact, OpenTicket, Priority, PrioritySet, ProviderSuggested, TicketAssigned, TicketOpened, TicketRouted
from shared.policy import DeskPolicy, priority_at_opening, stands_first
from shared.text.completeness import items_of, questions
from shared.text.reading import began_in_words


def opening(request: OpenTicket, policy: DeskPolicy) -> list[Fact]:
    """The facts of a ticket that may be opened; unstamped."""
    admission, by = request.admission, request.actor.email
    verdict = priority_at_opening(policy, admission, request.priority)
    way, scope = route(request, policy), scope_of(request)
    pages = verdict.pages and request.verified and not request.imported
    if way.provider and request.imported:
        way = unassigned(way, "it was imported, and the provider would not know of it")
    elif way.provider and not request.verified:
        way = unassigned(way, "the sender has not confirmed the mail yet")
    about: dict[str, Any] = {"at": request.at, "by": by, "policy": request.policy, "imported": request.imported}
    name = request.admission.requester_name or request.actor.name
    facts: list[Fact] = [
        TicketOpened(
            **about, subject=request.subject, body=request.body, requester=by, requester_name=name, plan=admission.plan,
            app=request.app, stage=admission.app_stage, addon=request.addon, kind=request.kind, scope=scope.scope,
            urgent=request.urgent, attachments=request.attachments, incidents=admission.open_incidents, via=request.actor.via,
            lane=request.lane, first=stands_first(policy, admission.plan), verified=request.verified, quoted=request.quoted,
            times=request.times,
        ),
        PrioritySet(
            **about, requested=request.priority, priority=verdict.priority, reason=verdict.reason, trail=verdict.trail,
            plan=admission.plan, opened_at=request.at, lane=request.lane, pages=pages,
            obligation=ids.obligation_id(request.key, request.id) if pages else None, subject=request.subject, requester=by,
            verified=request.verified, missing=missing_of(request, verdict.priority), began=began_in_words(request.times),
        ),
        TicketRouted(**about, queue=way.queue, trail=(*way.trail, *scope.trail)),
        *on_scope(request, scope, way, policy, about),
    ]  # fmt: skip
    if way.suggestion:
        found = way.suggestion
        facts.append(ProviderSuggested(**about, provider=found.provider, because=found.because, confidence=found.confidence))
    if way.provider:
        facts.append(
            TicketAssigned(
                **about, queue=way.queue, provider=way.provider, reason=way.because,
                subject=request.subject, body=request.body, requester=by, requester_name=name, participants=(by,), app=request.app,
                priority=verdict.priority,
            )
        )  # fmt: skip
    return facts


def missing_of(request: OpenTicket, priority: Priority) -> tuple[str, ...]:
    """What the urgent guide (seed 001) asks for and an urgent ticket lacks, as questions."""
    if priority is not Priority.URGENT:
        return ()
    return questions(items_of(request.urgent, request.body, request.times))


def unassigned(way: Route, why: str) -> Route:
    """What nobody vouches for is passed on to no provider by itself: an agent looks at it, and assigns it with one click."""
    assert way.provider is not None
    return replace(way, queue=PLATFORM, provider=None, suggestion=Suggestion(way.provider, (way.because, why), 1.0))
