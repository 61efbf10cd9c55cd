"""No text costs more than its length allows, whatever stands in it.

Processor time, not the watch: of a text twice as long it is about twice as much. What grows with
the square is four times as much, and with the first 100 kB of a stranger it stops a process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from services.portal.projector import index_words as tokens
from services.router.evidence import evidence, symptoms
from services.router.team import architecture, scope
from shared.events import Audience
from shared.events.requests import AddonKnown
from shared.knowledge import Articles
from shared.text.codes import codes_in
from shared.text.completeness import items_of
from shared.text.reading import times_of
from shared.text.redact import redact
from tests.support.waiting import stretched
from tests.unit.text.hostile import cost, text_of, units

pytestmark = pytest.mark.long

AT = datetime(2026, 11, 30, tzinfo=UTC)
ADDONS = (
    AddonKnown(
        slug="redisco", name="Redisco", aliases=("redis",), hosts=("redis.redisco.example",)
    ),
    AddonKnown(
        slug="mailgrid", name="Mailgrid", aliases=("mail",), hosts=("smtp.mailgrid.example",)
    ),
)
ARTICLES = Articles()


def excluded(text: str) -> None:
    for rule, _ in scope.EXCLUSIONS:
        rule(text.casefold())


READERS: dict[str, Callable[[str], object]] = {
    "secrets": redact,
    "times": lambda text: times_of(None, text, AT),
    "codes": codes_in,
    "the nine items": lambda text: items_of(None, text),
    "articles": lambda text: ARTICLES.search(text, 3),
    "exclusions": excluded,
    "architecture": lambda text: architecture.likeness_of(text[:200].casefold(), text.casefold()),
    "symptoms": lambda text: symptoms.symptoms_of("", text.casefold()),
    "add-ons": lambda text: evidence.read(text[:200].casefold(), text.casefold(), ADDONS),
    "words": lambda text: tokens.with_words((), [text], Audience.EVERYONE),
}
SHORT, LONG = 6_000, 100_000
GROWTH = 2.6
"""Of what a text twice as long costs: 2 is linear, 4 is its square."""
NOTHING = 0.02
"""Seconds too few to tell a growth by."""
MOST = 1.0
"""Seconds for a text of the longest a field takes, on a slow machine."""


@pytest.mark.costly
@pytest.mark.parametrize("reader", READERS)
def test_a_text_twice_as_long_costs_twice_as_much(reader: str) -> None:
    read = READERS[reader]
    read("It broke yesterday 12:30 UTC, code=H12, redisco. How should we scale?")
    dear = sorted(units(), key=lambda unit: -cost(read, text_of(unit, SHORT)))[:8]
    for unit in dear:
        assert grows_at_most(read, unit), f"{reader}: {unit!r} again and again"
        assert cost(read, text_of(unit, LONG)) < stretched(MOST), f"{reader}: {unit!r}"


def grows_at_most(read: Callable[[str], object], unit: str) -> bool:
    """Whether any of three tries shows it: other work on the machine makes a time longer, never
    shorter.
    """
    for _ in range(3):
        one = cost(read, text_of(unit, LONG // 2), times=3)
        two = cost(read, text_of(unit, LONG), times=3)
        if two < NOTHING or two / one < GROWTH:
            return True
    return False
