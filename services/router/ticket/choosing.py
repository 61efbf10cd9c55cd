"""Whom a new ticket of ours is given to, where the policy says that it is given at all. Pure.

Of those in the ticket's team who are at work, whoever has most of its skills; of several, whoever
has the fewest tickets, or whose turn it is. "In turn" is drawn from ticket and person: each gets an
equal share, and deciding again gives the same person without knowing any other ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared import ids
from shared.events import OpenTicket, Priority, RuleTried
from shared.people.folding import fold_address
from shared.policy import Assign, Assignee, DeskPolicy
from shared.policy.working_time import measure_worked

# Who is at work is asked of an instant; `measure_worked` takes a span, so the instant is one second long.
_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class AssigneeChoice:
    """`person` None: nobody is at work. `trail`: each rule, and whom it left."""

    person: Assignee | None
    trail: tuple[RuleTried, ...]


def choose(
    request: OpenTicket, queue: str, priority: Priority, policy: DeskPolicy
) -> AssigneeChoice | None:
    """None: the policy gives tickets to nobody, or the ticket is a provider's."""
    rules = policy.ownership
    # The team is the queue's: `teams` has no `provider:…`, so a provider's ticket finds an empty
    # team.
    team = [person for person in rules.people if queue in person.teams]
    if rules.assign is Assign.OFF or not team or request.imported:
        return None
    # People outside their working hours drop out first: a ticket for somebody asleep only waits.
    here = [
        person
        for person in team
        if measure_worked(policy.calendars[person.hours], request.at, request.at + _MOMENT)
    ]
    trail = [_make_tried("at_work", here)]
    if not here:
        return AssigneeChoice(None, tuple(trail))
    # Most matching skills win. If nobody has any, all stay, and the trail does not name the rule.
    about = skills_asked(request, priority)
    most = max(len(about & person.skills) for person in here)
    able = [person for person in here if len(about & person.skills) == most]
    if most:
        trail.append(_make_tried("has_the_skills", able))
    # The loads are those that intake recorded in the request: deciding again sees the same numbers.
    loads = {fold_address(load.email): load.tickets for load in request.admission.loads}
    if rules.assign is Assign.LEAST_LOADED and loads:
        fewest = min(loads.get(fold_address(person.email), 0) for person in able)
        able = [p for p in able if loads.get(fold_address(p.email), 0) == fewest]
        trail.append(_make_tried("has_the_fewest_tickets", able))
    # A hash of ticket and person in place of a counter: the router keeps no state about people.
    person = min(able, key=lambda each: ids.derive("turn", request.key, fold_address(each.email)))
    if len(able) > 1:
        trail.append(_make_tried("is_in_turn", [person]))
    return AssigneeChoice(person, tuple(trail))


def skills_asked(request: OpenTicket, priority: Priority) -> frozenset[str]:
    """What a ticket is about, in the words of `Assignee.skills`."""
    found = {
        f"kind:{request.kind}",
        f"plan:{request.admission.plan}",
        f"priority:{priority}",
        f"addon:{request.addon}" if request.addon else "",
    }
    return frozenset(found - {""})


def _make_tried(rule: str, people: Sequence[Assignee]) -> RuleTried:
    names = ", ".join(person.email for person in people)
    return RuleTried(rule=rule, matched=bool(people), because=names)
