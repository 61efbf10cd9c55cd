"""Words as they are looked up: codes, folding, stems, slips."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.knowledge.near import deletions, index, nearest, slips
from shared.knowledge.words import Vocabulary, codes_in, stem


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("H12", ("H12",)), ("h12 and R14, R14", ("R14", "H12")), ("H12s, L-10", ("H12", "L10")), ("code=H13 r14 r14 r14", ("H13", "R14")),
        ("H1", ()), ("H123 AH12 12", ()), ("", ()),
    ],
)  # fmt: skip
def test_codes(text: str, codes: tuple[str, ...]) -> None:
    assert codes_in(text) == codes


@pytest.mark.parametrize(
    "group",
    [("restart", "restarts", "restarted", "restarting"), ("query", "queries"), ("crash", "crashes", "crashed", "crashing"),
     ("certificate", "certificates"), ("stop", "stopped", "stopping"), ("release", "releases", "released", "releasing")],
)  # fmt: skip
def test_forms_of_a_word_are_one(group: tuple[str, ...]) -> None:
    assert len({stem(word) for word in group}) == 1


@pytest.mark.parametrize("word", ["redis", "access", "status", "dns", "ps", "thing", "need"])
def test_what_is_no_ending_stays(word: str) -> None:
    assert stem(word) == word


def test_phrases_become_one_word_and_accents_go() -> None:
    words = Vocabulary({"add on": "addon", "time out": "timeout"}).words
    assert words("My Add-On times: a TIME  OUT, café can't") == ["addon", "times", "timeout", "cafe"]


@pytest.mark.parametrize(
    ("one", "other", "n"), [("maintenance", "maintenence", 1), ("dyno", "dnyo", 1), ("memory", "memroy", 1), ("a", "bcd", 3)]
)  # fmt: skip
def test_slips(one: str, other: str, n: int) -> None:
    assert slips(one, other, 2) == n


@given(st.text("abcdef", min_size=4, max_size=12), st.integers(0, 11), st.sampled_from("abcdefg"))
def test_one_slip_is_always_found(word: str, at: int, letter: str) -> None:
    database = sqlite3.connect(":memory:")
    index(database, [(word, 1.0)])
    place = at % len(word)
    for slipped in (word[:place] + letter + word[place:], word[:place] + letter + word[place + 1 :], *(deletions(word))):
        if len(slipped) >= 4:
            assert nearest(database, slipped) == word


def test_the_nearer_and_then_the_weightier_word_is_meant() -> None:
    database = sqlite3.connect(":memory:")
    index(database, [("backup", 3.0), ("backed", 9.0), ("packup", 1.0)])
    assert nearest(database, "bakcup") == "backup"
    assert nearest(database, "backu") == "backup"
    assert nearest(database, "zzzzzz") is None
    assert nearest(database, "bac") is None
