"""What a policy document must fulfil to be published, beyond its shape. Pure.

Not part of the models: a version that is in the log must stay readable when a rule it names has gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from shared.policy.desk import DeskPolicy
from shared.policy.on_call import OnCallPolicy

ROUTING_RULES = (
    "addon_chosen_in_form", "break_fix_sent_as_architecture", "architecture_question", "addon_host_in_text", "addon_named_in_subject",
    "addon_named_in_body", "addon_errors_in_text", "architecture_in_words",
)  # fmt: skip
"""The rules of `services/router/rules.py` (a test holds the two against each other)."""

Mistake = tuple[tuple[str | int, ...], str]
"""(path in the document, what to change)"""


def mistakes_in(policy: BaseModel) -> list[Mistake]:
    """What is wrong with a document of the right shape; empty if it can be published."""
    if isinstance(policy, DeskPolicy):
        return list(_of_desk(policy))
    return list(_of_on_call(policy)) if isinstance(policy, OnCallPolicy) else []


def _of_desk(policy: DeskPolicy) -> Iterator[Mistake]:
    named: set[str] = set()
    for number, listed in enumerate(policy.routing):
        if listed.rule not in ROUTING_RULES:
            yield ("routing", number, "rule"), f"there is no routing rule {listed.rule!r}; there are {', '.join(ROUTING_RULES)}"
        elif listed.rule in named:
            yield ("routing", number, "rule"), f"{listed.rule} is listed twice: only its first place counts, so remove this one"
        named.add(listed.rule)


def _of_on_call(policy: OnCallPolicy) -> Iterator[Mistake]:
    if not policy.escalation:
        yield ("escalation",), "there is no escalation policy: add one with at least one step, or nobody can be paged"
    for name, person in policy.people.items():
        for number, method in enumerate(person.methods):
            if "${" in method.address:
                yield ("people", name, "methods", number, "address"), f"{method.address!r} has a placeholder: write the real address"
