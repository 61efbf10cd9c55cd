"""Why somebody was paged, or was not, in words: from the page, its facts and the rota of that time.
Pure.

`names` are those a person has in the on-call document; a page is a document of the view `pages`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from services.portal.tickets import documents as shapes
from shared.people.folding import is_same_address
from shared.policy import OnCallPolicy
from shared.policy.on_call.document import EscalationPolicy, EscalationStep
from shared.policy.on_call.rota import person_on

Doc = Mapping[str, Any]


def names_of(policy: OnCallPolicy | None, email: str) -> frozenset[str]:
    """What the on-call document calls the person with this address."""
    return frozenset(
        name
        for name, person in (policy.people if policy else {}).items()
        if is_same_address(person.email, email)
    )


def why_this(
    page: Doc,
    step: int,
    round_: int,
    names: Collection[str],
    policy: OnCallPolicy | None,
    at: datetime,
) -> str:
    """Why the step `step` of round `round_` paged one of `names`."""
    escalation = _escalation(page, policy)
    begun = _find_first_round(page, round_)
    first = _first(page, step, round_, at)
    # Counted from where the page began anew, as people would count them.
    round_ -= begun
    # The document of that time has lost this escalation: tell what the page itself knows.
    if escalation is None:
        return f"step {step} of {page['escalation'] or 'the escalation'}: {first}"
    again = f", round {round_ + 1}" if round_ else ""
    # Behind the last step comes the fallback.
    if step > len(escalation.steps):
        return f"the fallback of {page['escalation']}: {first}"
    planned = escalation.steps[step - 1]
    place = f"on call for {planned.schedule}" if planned.schedule else "the step names this person"
    return f"step {step} of {page['escalation']}{again}: {place}; {first}"


def why_not(page: Doc, names: Collection[str], policy: OnCallPolicy | None, at: datetime) -> str:
    """Why this page did not ring for any of `names`, though it was open. `at`: when it opened, or
    the instant asked about.
    """
    # From here on one reason after the other, the most basic one first.
    if not names:
        return "the on-call document names nobody with this address"
    escalation = _escalation(page, policy)
    if policy is None or escalation is None:
        return (
            f"it went by {page['escalation'] or 'an escalation'}, "
            "which the document of that time does not have"
        )
    place = _place(escalation, names, policy, at)
    if place is None:
        asked = ", then ".join(_word(step) for step in escalation.steps)
        return (
            f"{page['escalation']} asks {asked}, in the end {escalation.fallback}: "
            "that was somebody else"
        )
    # Before the steps: a page that is silent rings at nobody.
    if page["state"] == "silenced":
        return (
            f"it is silent: maintenance {page['silences'][-1]['by']} covers what it is about, "
            "and it rings afterwards if it still fires"
        )
    # A later round has been through all the steps.
    reached = page["round"] > 0 or page["step"] >= place
    if reached and not any(
        method.verified for name in names for method in policy.people[name].methods
    ):
        return f"step {place} was theirs, and they have no verified contact method"
    if reached:
        return f"step {place} had somebody else when it began: the rota changed"
    # It ended, or somebody took it, before it was their turn.
    if page["state"] == "acknowledged":
        how = " by a reply to the mail" if page.get("acknowledged_via") == "email" else ""
        return (
            f"{page['acknowledged_by']} acknowledged{how} at step {page['step']}; "
            f"theirs is step {place}"
        )
    if page["state"] in ("cancelled", "resolved"):
        return (
            f"it was {page['state']} by {page['ended_by']} at step {page['step']}; "
            f"theirs is step {place}"
        )
    return f"it is at step {page['step']}; theirs is step {place}"


def why_stood_down(page: Doc, at: str) -> str:
    """Why somebody was told at `at` (as it stands in the document) that nothing is needed."""
    # The silence that began at this very instant is why.
    silence = next((silence for silence in page.get("silences", ()) if silence["at"] == at), None)
    if silence is not None:
        return f"maintenance {silence['by']} had begun: the page went silent"
    return f"the page was {page['state']} by {page['ended_by'] or page['acknowledged_by']}" + (
        f": {page['reason']}" if page["reason"] else ""
    )


def _first(page: Doc, step: int, round_: int, at: datetime) -> str:
    """Why the escalation was there at all by then."""
    # In the order in which they rule each other out.
    if (step, round_) == (1, 0):
        return "it is the first step"
    if any(shapes.instant(again["at"]) == at for again in page.get("reopenings", ())):
        return "it had been acknowledged, and nothing came of it in time"
    if (step, round_) == (1, _find_first_round(page, round_)):
        return "a maintenance had silenced it, and it still fired afterwards"
    return "nobody before had acknowledged in time, or could be reached"


def _find_first_round(page: Doc, round_: int) -> int:
    """The round in which the course began that `round_` is part of: after a maintenance it begins
    anew.
    """
    # Of the silences that ended, the last one that began a round up to this one.
    return max(
        (
            each["round"]
            for each in page.get("silences", ())
            if each["round"] is not None and each["round"] <= round_
        ),
        default=0,
    )


def _escalation(page: Doc, policy: OnCallPolicy | None) -> EscalationPolicy | None:
    return policy.escalation.get(page["escalation"]) if policy else None


def _place(
    escalation: EscalationPolicy, names: Collection[str], policy: OnCallPolicy, at: datetime
) -> int | None:
    """The first step at which one of `names` would be asked; the fallback is the one after the
    last.
    """
    for number, step in enumerate(escalation.steps, 1):
        # A step names a person, or a schedule that may have nobody just then.
        planned = step.person or (
            person_on(policy, step.schedule, at) if step.schedule in policy.schedules else None
        )
        if planned in names:
            return number
    return len(escalation.steps) + 1 if escalation.fallback in names else None


def _word(step: EscalationStep) -> str:
    return step.person or f"whoever is on call for {step.schedule}"
