"""The policies of the two lives that a what-if compares: as they were, and with the draft in the
place of one. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.proof.log import PolicyVersions, VersionInForce
from cli.proof.subjects import make_policy_lookup, rules_of
from services.notifier.pager.pace import PagingRules
from services.router import handlers as router
from services.sla import handlers as sla
from shared.policy import DeskPolicy, OnCallPolicy
from shared.spine.work import Work

NO_CLOCKS = frozenset(
    {
        "routing",
        "may_choose_priority",
        "urgent_stages",
        "pages",
        "first_in_queue",
        "architects",
        "pointers",
        "default_priority",
        "escalation",
    }
)
"""Fields of the desk policy that sla never reads (a test holds it to that): where no other differs,
clocks run alike.
"""


@dataclass(frozen=True)
class PolicyWorld:
    """The policies of one of the two lives."""

    router: Work[Any]
    sla: Work[Any]
    rules_at: Callable[[datetime], PagingRules | None]


def then(policies: PolicyVersions) -> PolicyWorld:
    """The policies as they were, each request under the version it was stamped with."""

    def rules_at(at: datetime) -> PagingRules | None:
        on_call, desk = _newest(policies.on_call, at), _newest(policies.desk, at)
        return rules_of(on_call, desk) if on_call else None

    of = make_policy_lookup(policies)
    return PolicyWorld(router.work(of), sla.work(of), rules_at)


def make_draft_world(policies: PolicyVersions, draft: DeskPolicy | OnCallPolicy) -> PolicyWorld:
    """The same, but one document is the draft from the beginning."""
    before = then(policies)
    if isinstance(draft, DeskPolicy):

        def rules_with_desk(at: datetime) -> PagingRules | None:
            found = before.rules_at(at)
            # The desk policy names the escalation; everything else of the pager is the rota's.
            return PagingRules(found.on_call, draft.escalation, found.stamp) if found else None

        return PolicyWorld(
            router.work(lambda stamp: draft), sla.work(lambda stamp: draft), rules_with_desk
        )

    def rules_with_rota(at: datetime) -> PagingRules | None:
        found = before.rules_at(at)
        # No rota was published then: the draft still pages, by the usual escalation.
        return (
            PagingRules(draft, found.escalation, found.stamp)
            if found
            else PagingRules(draft, DeskPolicy.model_fields["escalation"].default, {})
        )

    return PolicyWorld(before.router, before.sla, rules_with_rota)


def promises_alike(one: DeskPolicy, other: DeskPolicy) -> bool:
    """Whether sla decides the same under both."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in DeskPolicy.model_fields
        if name not in NO_CLOCKS
    )


# The pager of then read versions as they came; before the first, nothing better is known.
def _newest(versions: Mapping[int, VersionInForce], at: datetime) -> VersionInForce | None:
    """The newest version published by `at`; before the first, the first."""
    known = [version for version in versions.values() if version.at <= at]
    return (
        max(known, key=lambda v: v.version)
        if known
        else min(versions.values(), key=lambda v: v.version, default=None)
    )
