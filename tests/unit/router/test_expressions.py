"""Screening changes no answer: what Python's expressions find, they find behind the screen as well."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from services.router.evidence import names, phrases, symptoms, technology, vocabulary
from services.router.evidence.expressions import Expression, Words, loosen
from services.router.team import scope
from tests.support.routing_corpus import cases

ODD = (*"²ⅷ_- —’日本\n\x1c\x1f\x85\u00a0\u2028\u200d", "straße", "e\u0301", "i\u0307")
"""What Python and Rust see differently, or might: digits that are none, marks, joiners, blanks."""


def _expressions() -> Iterator[tuple[str, Expression]]:
    for module in (names, phrases, scope, symptoms, vocabulary):
        for name, value in vars(module).items():
            if isinstance(value, Expression):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", value
    for name, value in technology.ELSEWHERE.items():
        yield f"technology.ELSEWHERE[{name}]", value


def _texts() -> list[str]:
    rng = random.Random(7)
    whole = [
        text.casefold() for case in cases() for text in (case.ticket.subject, case.ticket.body)
    ]
    pieces = [piece for text in whole for piece in text.split(". ")]
    return whole + [
        "".join(
            rng.choice((rng.choice(pieces), rng.choice(ODD))) for _ in range(rng.randrange(2, 9))
        )
        for _ in range(1500)
    ]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return _texts()


@pytest.mark.parametrize(
    ("name", "expression"),
    list(_expressions()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_python_finds_is_found(name: str, expression: Expression, texts: list[str]) -> None:
    exact = expression._exact
    for text in texts:
        assert [m.span() for m in expression.finditer(text)] == [
            m.span() for m in exact.finditer(text)
        ], (name, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?<![\w.#-])h1\d(?![\w-]|\.\w)", "an h12."),
        (r"\bdown\b", "e\u0301down\u0301"),
        (r"a\sb", "a\x1cb"),
        (r"[\s,]x", "\x1fx"),
        (r"\w+ up", "² up"),
        (r"[\w.-]+@", "ⅷ@"),
        (r"a[^\w]b", "a\u0301b"),
        (r"\Wb", "\u0301b"),
        (r"(?:x(?=(?:y|[)]))|z)y", "xy"),
        (r"fails$", "it fails\n"),
        (r"(?!\))[(]", "("),
    ],
)
def test_the_loosened_expression_finds_no_less(pattern: str, text: str) -> None:
    assert re.search(pattern, text) is not None
    assert Expression(pattern).search(text) is not None, loosen(pattern)


def test_a_screen_holds_back_what_has_nothing_of_it() -> None:
    expression = Expression(r"\b(?:scal(?:e|ing)|fail-?over)\b(?! plan)")
    assert not expression._may_be_in("the dyno crashes at boot")
    assert expression.search("fail-over plan") is None
    assert expression.findall("scale, scaling") == ["scale", "scaling"]


def test_words_are_taken_as_they_are() -> None:
    words = Words(["redis::", "e-mail", "535 5.7.8", "[2002]", "a b"])
    for text in ("x redis:: y", "an e-mail", "535 5.7.8", "sqlstate [2002]", "a b"):
        assert words.are_in(text)
    for text in ("redis:", "email", "535 5x7x8", "2002", "ab", ""):
        assert not words.are_in(text)
    assert not Words([]).are_in("anything")


@pytest.mark.parametrize(
    "text",
    [
        "we run a self-hosted one",
        "it is our own redis",
        "redis on ec2",
        "it stands in our own data centre",
        "in our datacenter",
    ],
)
def test_a_service_of_their_own_is_another_supplier_of_every_kind(text: str) -> None:
    assert [name for name, own in technology.ELSEWHERE.items() if not own.search(text)] == []
