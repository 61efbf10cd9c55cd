"""The policy document `brand`: what customers and staff call the desk, its queues and the plans. No
decision goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from shared.events import Plan
from shared.policy.part import PolicyPart

Words = Annotated[
    # No control characters: the words go into mail headers and page titles.
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class BrandPolicy(PolicyPart):
    """The whole document. `desk`: your own support desk, as in “with Acme Support”; `architects`:
    the queue of architecture questions; `plans`: plan → its name for people.
    """

    desk: Words = "Support"
    architects: Words = "Solutions Architects"
    plans: dict[Plan, Words] = {}

    @property
    def plan_words(self) -> Mapping[str, str]:
        """Plan → its name; one that is not named is called by its own word."""
        return {
            plan.value: self.plans.get(plan) or plan.value.replace("-", " ").title()
            for plan in Plan
        }
