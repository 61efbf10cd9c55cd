"""The texts of `tests/corpus/architecture`, in two halves: what the router suggests on each.

The first, third, … entry of each list is `tuned`: the rule was written with it. The others are
`unseen`: they were read by nobody while the rule was written, so their figures are the honest ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from services.router.team.rules import CSA, Route, route
from shared.events import Kind, OpenTicket
from tests.unit.router.building import open_ticket, policy

FILE = Path(__file__).parents[1] / "corpus" / "architecture" / "questions.yaml"


@dataclass(frozen=True)
class Text:
    """One text. `wanted`: whether it is a question for the architects."""

    ticket: OpenTicket
    wanted: bool
    unseen: bool

    @property
    def name(self) -> str:
        return self.ticket.subject


def texts(who: str = "premier", kind: Kind = Kind.QUESTION) -> list[Text]:
    """All of them, as sent by `who`."""
    document = yaml.safe_load(FILE.read_text())
    return [
        Text(
            open_ticket(who, subject=entry["subject"], body=entry["body"], kind=kind),
            wanted=wanted,
            unseen=n % 2 == 1,
        )
        for name, wanted in (("architecture", True), ("near_misses", False))
        for n, entry in enumerate(document[name])
    ]


def is_suggested(way: Route) -> bool:
    return way.queue_suggestion is not None and way.queue_suggestion.queue == CSA


def missed(given: list[Text]) -> list[str]:
    """Questions for the architects that are not recognised."""
    return [
        each.name
        for each in given
        if each.wanted and not is_suggested(route(each.ticket, policy()))
    ]


def false(given: list[Text]) -> list[str]:
    """Other texts that are suggested to the architects."""
    return [
        each.name
        for each in given
        if not each.wanted and is_suggested(route(each.ticket, policy()))
    ]
