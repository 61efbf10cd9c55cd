"""Who is tried next, and how: the order of an escalation policy. Pure.

The pager goes by it, and intake when it has to page by itself: both make the same dedup keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.policy.on_call.document import ContactMethod, OnCallPolicy
from shared.policy.on_call.rota import person_on

FALLBACK_EVERY = timedelta(minutes=15)
"""The pace at which the fallback person is paged again until somebody acknowledges. Ours."""


@dataclass(frozen=True, slots=True)
class Step:
    """Step `number` (1, 2, …; the fallback comes after the last) of round `round`: `person` has
    `wait` to acknowledge.

    `person` is empty where nobody is on call for `schedule` at that time.
    """

    number: int
    round: int
    person: str
    wait: timedelta
    is_fallback: bool
    schedule: str = ""

    @property
    def why_nobody(self) -> str:
        """Why the step reaches nobody, where its person has no way to be reached."""
        return (
            f"{self.person} has no verified contact method"
            if self.person
            else f"nobody is on call for {self.schedule}"
        )


def next_step(policy: OnCallPolicy, escalation: str, step: int, round_: int, now: datetime) -> Step:
    """The step after `step` of `round_` (0, 0 before the first); there always is one.

    (round, step) only grows, even where the policy became shorter meanwhile, so no dedup key is
    used twice. Where the escalation policy was removed meanwhile, the first one of the document
    stands in: a page never ends for want of one.
    """
    # The policy may have been removed or shortened since the page began: any answer is better than
    # none.
    found = policy.escalation.get(escalation) or next(iter(policy.escalation.values()))
    last = len(found.steps)
    # A round is over: begin anew from the first step, while rounds are left.
    if step >= last and round_ < found.repeat:
        step, round_ = 0, round_ + 1
    if step < last:
        planned = found.steps[step]
        # Asked now and not when the page began: the shift may have changed meanwhile.
        person = planned.person or person_on(policy, planned.schedule or "", now) or ""
        return Step(
            step + 1,
            round_,
            person,
            planned.wait,
            is_fallback=False,
            schedule=planned.schedule or "",
        )
    # Steps and rounds are used up: the fallback person, again and again, each time in a round of
    # its own so that dedup keys differ.
    return Step(
        last + 1,
        round_ if step == last else round_ + 1,
        found.fallback,
        FALLBACK_EVERY,
        is_fallback=True,
    )


def next_method(
    policy: OnCallPolicy, person: str, tried: Collection[str] = ()
) -> ContactMethod | None:
    """The first verified contact method of `person` whose name is not among `tried`."""
    known = policy.people.get(person)
    return (
        next((m for m in known.methods if m.verified and m.name not in tried), None)
        if known
        else None
    )


def pause_after(tries: int) -> timedelta:
    """1 s, 2, 4 … 60 s."""
    # A minute at most: somebody waits to be woken.
    return timedelta(seconds=min(2 ** (tries - 1), 60))
