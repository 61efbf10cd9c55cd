"""Scope: what a new ticket's requester is told about it, and what happens when they insist.
Pure.
"""

from __future__ import annotations

from typing import Any

from services.router.team.rules import CSA, Route
from services.router.team.scope import ScopeVerdict
from services.router.ticket.decision import PolicyOf, about, next_status
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import Fact, InsistScope, Kind, OpenTicket, RuleTried, Scope, ScopeDecided
from shared.lifecycle import Move
from shared.policy import DeskPolicy

MOVED = (
    "Solutions architects do not handle what is broken now, so that it is not kept waiting "
    "there: your ticket is with support. "
    "If it is a question of architecture after all, say so in a reply."
)
NO_ARCHITECTS = (
    "Solutions architects answer architecture questions on enterprise and premier plans. "
    "Support keeps your ticket and answers what it can."
)
INSISTED = "You hold that support covers it, so a person will look at your ticket."


def on_scope(
    request: OpenTicket, verdict: ScopeVerdict, way: Route, policy: DeskPolicy, said: dict[str, Any]
) -> list[Fact]:
    """The fact that tells the requester; none where there is nothing to tell. `said`: what every
    fact of the opening has.
    """
    about_ticket: dict[str, Any] = {
        **said,
        "subject": request.subject,
        "requester": request.for_whom,
        "verified": request.verified,
    }
    # Not covered: the reason, and where to find help. The first case that holds is told, and only
    # that.
    if verdict.scope is Scope.NOT_COVERED:
        about_ticket |= {
            "scope": verdict.scope,
            "rule": verdict.rule,
            "reason": verdict.reason,
            "pointers": policy.pointers,
        }
        return [ScopeDecided(**about_ticket, trail=verdict.trail)]
    # Moved from the architects to support: covered, but the customer expects another team.
    if way.moved:
        tried = RuleTried(rule="break_fix_sent_as_architecture", matched=True, because=way.moved)
        return [
            ScopeDecided(
                **about_ticket, scope=Scope.COVERED, rule=tried.rule, reason=MOVED, trail=(tried,)
            )
        ]
    # An architecture question on a plan without architects: support answers, and says why.
    if (
        request.kind is Kind.ARCHITECTURE
        and way.queue != CSA
        and way.provider is None
        and request.admission.plan not in policy.architects
    ):
        return [
            ScopeDecided(
                **about_ticket,
                scope=Scope.COVERED,
                rule="architecture_for_plans",
                reason=NO_ARCHITECTS,
                pointers=policy.pointers,
                trail=(
                    RuleTried(
                        rule="architecture_for_plans",
                        matched=True,
                        because=f"plan {request.admission.plan}",
                    ),
                ),
            )
        ]
    return []


def on_insist(row: TicketRow, request: InsistScope, policy_of: PolicyOf) -> list[Fact]:
    """Covered from now on, as the requester's word; once is enough."""
    next_status(row, Move.INSIST)
    if row.scope is not Scope.NOT_COVERED:
        raise Refused(
            "scope-covered",
            "Support covers this ticket already: a person looks at it, there is nothing to "
            "insist on.",
        )
    return [
        ScopeDecided(
            **about(request),
            scope=Scope.COVERED,
            rule="insisted",
            reason=INSISTED,
            information=request.information,
            subject=row.subject,
            requester=row.requester,
        )
    ]
