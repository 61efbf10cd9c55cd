"""Words as they are looked up: codes, folding, stems, slips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.knowledge.near import Spellings, deletions, slips
from shared.knowledge.words import Vocabulary, codes_in, stem


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("H12", ("H12",)),
        ("h12 and R14, R14", ("R14", "H12")),
        ("H12s, L-10", ("H12", "L10")),
        ("code=H13 r14 r14 r14", ("H13", "R14")),
        ("H1", ()),
        ("H123 AH12 12", ()),
        ("", ()),
    ],
)
def test_codes(text: str, codes: tuple[str, ...]) -> None:
    assert codes_in(text) == codes


@pytest.mark.parametrize(
    "group",
    [
        ("restart", "restarts", "restarted", "restarting"),
        ("query", "queries"),
        ("crash", "crashes", "crashed", "crashing"),
        ("certificate", "certificates"),
        ("stop", "stopped", "stopping"),
        ("release", "releases", "released", "releasing"),
    ],
)
def test_forms_of_a_word_are_one(group: tuple[str, ...]) -> None:
    assert len({stem(word) for word in group}) == 1


@pytest.mark.parametrize("word", ["redis", "access", "status", "dns", "ps", "thing", "need"])
def test_what_is_no_ending_stays(word: str) -> None:
    assert stem(word) == word


def test_phrases_become_one_word_and_accents_go() -> None:
    words = Vocabulary({"add on": "addon", "time out": "timeout"}).words
    assert words("My Add-On times: a TIME  OUT, café can't") == [
        "addon",
        "times",
        "timeout",
        "cafe",
    ]


def test_the_longest_phrase_is_taken_and_what_stands_for_it_is_not_read_again() -> None:
    same = {"log drain": "drain", "log": "logs", "log drain url": "address", "drain": "pipe"}
    words = Vocabulary(same).words
    assert words("log drain url log drain log x log drains") == [
        "address",
        "drain",
        "logs",
        "logs",
        "drains",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at=error code=H12 desc='slow shop'", ("code", "h12", "desc", "slow", "shop")),
        ('fwd="a=b c" dyno=web.1', ()),
        ("`path=/pay?dyno=3` xpath=/pay", ("xpath", "pay")),
        ("dyno= web", ("web",)),
        ("heroku=dyno=3", ()),
        ("2026-03-01T09:00:01.12+00:00 boot", ("boot",)),
        (
            "8601b555-6a83-4c12-8269-97c8e32cdb22 x8601b555-6a83-4c12-8269-97c8e32cdb22",
            ("x8601b555", "6a83", "4c12", "8269", "97c8e32cdb22"),
        ),
        ("10.1.2.3 and v10.1.2.3", ("v10",)),
    ],
)
def test_what_only_a_log_says_is_left_out(text: str, words: tuple[str, ...]) -> None:
    assert Vocabulary().asked(text).words == words


@pytest.mark.parametrize(
    ("one", "other", "n"),
    [
        ("maintenance", "maintenence", 1),
        ("dyno", "dnyo", 1),
        ("memory", "memroy", 1),
        ("a", "bcd", 3),
    ],
)
def test_slips(one: str, other: str, n: int) -> None:
    assert slips(one, other, 2) == n


@given(st.text("abcdef", min_size=4, max_size=12), st.integers(0, 11), st.sampled_from("abcdefg"))
def test_one_slip_is_always_found(word: str, at: int, letter: str) -> None:
    spellings = Spellings([(word, 1.0)])
    place = at % len(word)
    for slipped in (
        word[:place] + letter + word[place:],
        word[:place] + letter + word[place + 1 :],
        *(deletions(word)),
    ):
        if len(slipped) >= 4:
            assert spellings.nearest(slipped) == word


def test_the_nearer_and_then_the_weightier_word_is_meant() -> None:
    spellings = Spellings([("backup", 3.0), ("backed", 9.0), ("packup", 1.0)])
    assert spellings.nearest("bakcup") == "backup"
    assert spellings.nearest("backu") == "backup"
    assert spellings.nearest("zzzzzz") is None
    assert spellings.nearest("bac") is None
