"""Which open incident a ticket may be about, and which it must not be grouped with."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.demo.directory import policies
from shared.events import Colour, Impact, Stage
from shared.policy import COMPONENTS, ComponentsPolicy
from shared.status.matching import OngoingIncident, match_incidents

POLICY = ComponentsPolicy.model_validate(policies()[COMPONENTS])
RED = Impact(production=Colour.RED, development=Colour.RED)


def incident(*names: str, impact: Impact = RED, provider: str | None = None) -> OngoingIncident:
    components = tuple(filter(None, (POLICY.find(name) for name in names)))
    assert len(components) == len(names)
    return OngoingIncident(f"inc_{'_'.join(names)}", "Trouble", components, impact, provider)


def says(subject: str = "Help", body: str = "It is broken.", **fields: Any) -> dict[str, Any]:
    return {"subject": subject, "body": body, **fields}


PROD = {"has_app": True, "stage": Stage.PRODUCTION, "attached": {"redisco"}}
CASES: list[tuple[OngoingIncident, dict[str, Any], bool | None]] = [
    (incident("routing"), says("H99 errors on every page"), True),
    (incident("routing"), says("Errors", "heroku[router]: at=error code=H99"), True),
    (incident("routing"), says("Errors", "your routing seems slow"), False),
    (incident("routing"), says("Routing is slow"), True),
    (incident("routing"), says("rerouting my mail", "the h99 highway"), None),
    (incident("postgres"), says("database offline"), True),
    (incident("postgres"), says("Checkout loses orders", "Payments vanish after checkout."), None),
    (incident("builds"), says("git   push is rejected"), True),
    (incident("redisco"), says("Slow", addon="redisco", **PROD), True),
    (incident("redisco"), says("redis times out", **PROD), True),
    (incident("redisco"), says("redis times out"), True),
    (incident("mailgrid"), says("mailgrid does not send", **PROD), None),
    (incident("routing"), says("Routing is slow", **{**PROD, "stage": Stage.STAGING}), True),
    (
        incident("routing", impact=Impact(production=Colour.RED)),
        says("Routing is slow", **{**PROD, "stage": Stage.STAGING}),
        None,
    ),
    (
        incident("routing", impact=Impact(development=Colour.YELLOW)),
        says("Routing is slow", **PROD),
        None,
    ),
    (incident("routing", impact=Impact()), says("Routing is slow"), None),
    (OngoingIncident("inc_x", "Routing", (), RED), says("Routing is slow"), None),
]
"""An incident, a ticket, and whether it matches: surely, perhaps (False), not at all (None)."""


@pytest.mark.parametrize(("ongoing", "ticket", "sure"), CASES)
def test_what_matches(ongoing: OngoingIncident, ticket: dict[str, Any], sure: bool | None) -> None:
    found = match_incidents([ongoing], **ticket)
    assert [match.sure for match in found] == ([] if sure is None else [sure])
    assert all(match.because for match in found)


def test_sure_matches_come_first() -> None:
    weak, strong = incident("routing"), incident("postgres")
    found = match_incidents([weak, strong], **says("database offline", "Is it your routing?"))
    assert [match.incident for match in found] == [strong, weak]


def test_a_word_with_signs_in_it_is_no_pattern() -> None:
    odd = POLICY.components[0].known.model_copy(update={"words": ("c++ (beta)", "")})
    assert match_incidents(
        [OngoingIncident("inc_x", "T", (odd,), RED)], **says("our c++ (beta) app")
    ), "as it is written"
    assert not match_incidents(
        [OngoingIncident("inc_x", "T", (odd,), RED)], **says("our cc beta app")
    )
