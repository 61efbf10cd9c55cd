"""Priority and the entitlement to wake someone: one pure answer, used by intake (urgent lane) and by the router (facts).

Source: seed 001 (table of priorities and its note) and DESIGN section 6, items 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.events import Admission, Plan, Priority, PrioritySet, RuleTried, Stage
from shared.ids import derive
from shared.policy.desk import DeskPolicy

_MAY_NOT_CHOOSE = "plan_may_not_choose"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The effective priority, why it is not what was asked (empty if it is), whether it pages, and the trail."""

    priority: Priority
    reason: str
    pages: bool
    trail: tuple[RuleTried, ...]


def priority_at_opening(policy: DeskPolicy, admission: Admission, requested: Priority | None) -> Verdict:
    """What a new ticket's priority is. Never refuses: what may not be asked for becomes what may, with the reason."""
    trail: list[RuleTried] = []

    def tried(rule: str, matched: bool, because: str) -> bool:
        trail.append(RuleTried(rule=rule, matched=matched, because=because))
        return matched

    if tried("no_priority_asked", requested is None, "none was asked for" if requested is None else f"{requested} was asked for"):
        return Verdict(policy.default_priority, "", False, tuple(trail))
    assert requested is not None
    may = admission.plan in policy.may_choose_priority
    if tried(_MAY_NOT_CHOOSE, not may, f"plan {admission.plan} may {'' if may else 'not '}choose a priority"):
        reason = f"a {admission.plan} account cannot choose a priority; every ticket starts as {policy.default_priority}"
        return Verdict(policy.default_priority, reason, False, tuple(trail))
    wrong_stage = requested is Priority.URGENT and admission.app_stage is not None and admission.app_stage not in policy.urgent_stages
    where = f"the app is {admission.app_stage}" if admission.app_stage else "no app is named, so it counts as production until reviewed"
    if tried("urgent_is_for_production", wrong_stage, where):
        reason = f"urgent is for production apps only and this app is {admission.app_stage}; you may appeal with more information"
        return Verdict(Priority.HIGH, reason, False, tuple(trail))
    pages = entitles_to_page(policy, admission.plan, admission.app_stage, requested)
    tried("urgent_of_plan_pages", pages, f"{requested} of plan {admission.plan}")
    return Verdict(requested, "", pages, tuple(trail))


def entitles_to_page(policy: DeskPolicy, plan: Plan, stage: Stage | None, priority: Priority) -> bool:
    """Whether a ticket at this effective priority wakes the on-call engineer."""
    return priority is Priority.URGENT and plan in policy.pages and (stage is None or stage in policy.urgent_stages)


def is_change(fact: PrioritySet) -> bool:
    """Whether a rule changed what the customer was entitled to ask for: that can be appealed."""
    entitled = not any(rule.rule == _MAY_NOT_CHOOSE and rule.matched for rule in fact.trail)
    return entitled and fact.requested not in (None, fact.priority)


def stands_first(policy: DeskPolicy, plan: Plan) -> bool:
    """Whether the customer's tickets are filtered to the top of the queue (seed 001)."""
    return plan in policy.first_in_queue


def lane_for(account: str, admission: Admission, app: str | None, incident: str | None = None) -> str:
    """The lane a page of this ticket belongs to: the incident, or (customer, component).

    The customer is the app's owner where an app is named (two collaborators with one broken app are one emergency), the
    component is the app, or the whole account where none is named.
    """
    if incident:
        return incident
    customer = (admission.app_owner or account).lower()
    return derive("lane", customer, app or "")
