"""Priority and the entitlement to wake someone: one pure answer, used by intake (urgent lane) and
by the router (facts).

Source: seed 001 (table of priorities and its note) and DESIGN section 6, items 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from shared.events import Admission, Plan, Priority, PrioritySet, RuleTried, Stage
from shared.ids import derive
from shared.people.folding import fold_address
from shared.policy.desk import DeskPolicy

# Also stands in facts of the log, where `is_change` looks for it: never rename it.
_MAY_NOT_CHOOSE = "plan_may_not_choose"


@dataclass(frozen=True, slots=True)
class PriorityVerdict:
    """The effective priority, why it is not what was asked (empty if it is), whether it pages, and
    the trail.
    """

    priority: Priority
    reason: str
    pages: bool
    trail: tuple[RuleTried, ...]


def priority_at_opening(
    policy: DeskPolicy, admission: Admission, requested: Priority | None
) -> PriorityVerdict:
    """What a new ticket's priority is. Never refuses: what may not be asked for becomes what may,
    with the reason.
    """
    trail: list[RuleTried] = []

    def record_rule(rule: str, matched: bool, because: str) -> bool:
        trail.append(_line(rule, matched, because))
        return matched

    # Rules in this order. The first that matches decides, and the trail holds all that were tried.
    if record_rule(
        "no_priority_asked",
        requested is None,
        "none was asked for" if requested is None else f"{requested} was asked for",
    ):
        return PriorityVerdict(policy.default_priority, "", False, tuple(trail))
    assert requested is not None
    may = admission.plan in policy.may_choose_priority
    if record_rule(
        _MAY_NOT_CHOOSE,
        not may,
        f"plan {admission.plan} may {'' if may else 'not '}choose a priority",
    ):
        reason = (
            f"a {admission.plan} account cannot choose a priority; every ticket starts as "
            f"{policy.default_priority}"
        )
        return PriorityVerdict(policy.default_priority, reason, False, tuple(trail))
    # No app named counts as production: an urgent ticket must not be held back by a missing field.
    wrong_stage = (
        requested is Priority.URGENT
        and admission.app_stage is not None
        and admission.app_stage not in policy.urgent_stages
    )
    where = (
        f"the app is {admission.app_stage}"
        if admission.app_stage
        else "no app is named, so it counts as production until reviewed"
    )
    if record_rule("urgent_is_for_production", wrong_stage, where):
        reason = (
            f"urgent is for production apps only and this app is {admission.app_stage}; you "
            "may appeal with more information"
        )
        # One step below what was asked, not the default: the customer may ask for that much.
        return PriorityVerdict(Priority.HIGH, reason, False, tuple(trail))
    pages = entitles_to_page(policy, admission.plan, admission.app_stage, requested)
    record_rule("urgent_of_plan_pages", pages, f"{requested} of plan {admission.plan}")
    return PriorityVerdict(requested, "", pages, tuple(trail))


@lru_cache(maxsize=1024)
def _line(rule: str, matched: bool, because: str) -> RuleTried:
    """Few lines are possible, and each is said of thousands of tickets."""
    return RuleTried(rule=rule, matched=matched, because=because)


def entitles_to_page(
    policy: DeskPolicy, plan: Plan, stage: Stage | None, priority: Priority
) -> bool:
    """Whether a ticket at this effective priority wakes the on-call engineer."""
    return (
        priority is Priority.URGENT
        and plan in policy.pages
        and (stage is None or stage in policy.urgent_stages)
    )


def page_on_review(
    policy: DeskPolicy,
    plan: Plan,
    stage: Stage | None,
    priority: Priority,
    *,
    any_stage: bool,
) -> tuple[bool, tuple[RuleTried, ...]]:
    """Whether a person's change of the priority wakes the on-call engineer, and the trail.

    `any_stage` (recorded in the request): the person's word counts for an app of any stage, so the
    plan alone decides. False for requests from before this rule, which are decided as they were:
    no page for a stage outside `urgent_stages`, and no trail. The trail is empty for every priority
    but urgent.
    """
    pages = entitles_to_page(policy, plan, None if any_stage else stage, priority)
    if not any_stage or priority is not Priority.URGENT:
        return pages, ()
    # The trail says that the person's word counted against the stage of the app.
    overruled = stage is not None and stage not in policy.urgent_stages
    named = f"the app is {stage}" if stage else "no app is named"
    by_hand = f"{named}, and a person decided that it is urgent all the same"
    trail = [
        RuleTried(
            rule="urgent_is_for_production",
            matched=False,
            because=by_hand if overruled else named,
        )
    ]
    why = f"urgent tickets of plan {plan} {'page' if pages else 'page nobody'}"
    trail.append(RuleTried(rule="urgent_of_plan_pages", matched=pages, because=why))
    return pages, tuple(trail)


def is_change(fact: PrioritySet) -> bool:
    """Whether a rule changed what the customer was entitled to ask for: that can be appealed."""
    entitled = not any(rule.rule == _MAY_NOT_CHOOSE and rule.matched for rule in fact.trail)
    return entitled and fact.requested not in (None, fact.priority)


def stands_first(policy: DeskPolicy, plan: Plan) -> bool:
    """Whether the customer's tickets are filtered to the top of the queue (seed 001)."""
    return plan in policy.first_in_queue


def lane_for(
    account: str, admission: Admission, app: str | None, incident: str | None = None
) -> str:
    """The lane a page of this ticket belongs to: the incident, or (customer, component).

    The customer is the app's owner where an app is named (two collaborators with one broken app are
    one emergency), the component is the app, or the whole account where none is named.
    """
    # All tickets of an incident share its page: one emergency wakes one person once.
    if incident:
        return incident
    # Folded: the same address in another spelling is the same customer.
    customer = fold_address(admission.app_owner or account)
    return derive("lane", customer, app or "")
