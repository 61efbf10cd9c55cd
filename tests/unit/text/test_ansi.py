"""Colour codes of a terminal: read through, in every form in which they are pasted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import ansi
from shared.text.ansi import readable, without_escapes
from shared.text.codes import TITLES, codes_in

READ = [
    ("\x1b[36mheroku[router]:\x1b[0m code=\x1b[31mH12\x1b[0m", "heroku[router]: code=H12"),
    ("\x1b[38;5;196mH12\x1b[m", "H12"),
    ("\x9b31mH12\x9b0m", "H12"),
    ("\x1b]8;;https://x.example\x07a link\x1b]8;;\x07", "a link"),
    ("\x1b(Bplain\x1b[2K\x1b[1;1H", "plain"),
    ("[36mheroku[router]:[0m code=[31mH12[0m", "heroku[router]: code=H12"),
    ("^[[31mH12^[[0m", "H12"),
    ("\\x1b[1;31mH12\\u001b[0m", "H12"),
    ("\\033[31mR14\\e[39m", "R14"),
    ("␛[31mR14␛[39m", "R14"),
    ("[[31mERROR[0m] x", "[ERROR] x"),
    ("rate(http_requests[5m]) over [1m], [15m]", "rate(http_requests[5m]) over [1m], [15m]"),
    (
        "[main] took [10ms] [5min] [12mb], [30ms, 2 rows]",
        "[main] took [10ms] [5min] [12mb], [30ms, 2 rows]",
    ),
    ("a[0] = heroku[web.1] [m] [12] m", "a[0] = heroku[web.1] [m] [12] m"),
]


@pytest.mark.parametrize(("pasted", "text"), READ)
def test_what_somebody_reads(pasted: str, text: str) -> None:
    assert readable(pasted) == text


COLOURS = st.sampled_from(
    ["\x1b[31m", "\x1b[1;31m", "[31m", "^[[31m", "\\x1b[31m", "\\u001b[31m", "␛[31m"]
)
RESETS = st.sampled_from(["\x1b[0m", "[0m", "^[[0m", "\\x1b[0m", "\x1b[39;49m"])


@given(st.sampled_from(sorted(TITLES)), COLOURS, RESETS)
def test_no_colour_hides_a_code(code: str, colour: str, reset: str) -> None:
    assert [found.code for found in codes_in(f"at=error code={colour}{code}{reset} desc")] == [code]


@given(st.text(alphabet=st.characters(exclude_characters="\x1b\x9b")))
def test_text_without_an_escape_is_left_alone(text: str) -> None:
    assert without_escapes(text) == text


@pytest.mark.parametrize("piece", ["\x1b", "\x1b[", "[", "[1;", "\x1b]", "[1m", "\\x1b[", "^["])
def test_hostile_text_takes_no_time(piece: str) -> None:
    begun = time.process_time()
    readable(piece * (500_000 // len(piece)))
    assert time.process_time() - begun < 1


_PIECES = (
    "[",
    "0m",
    "1m",
    "31",
    "m",
    ";",
    ":",
    "10ms",
    "5m]",
    "min",
    "a",
    " ",
    "\n",
    "bps",
    "[31m",
)
_NAMED = ("\\", "x1b", "u001b", "u{1b}", "033", "e", "^[", "␛", "H")


@given(st.lists(st.sampled_from(_PIECES)).map("".join), st.lists(st.sampled_from(_NAMED)))
def test_without_a_name_of_the_escape_the_short_way_finds_the_same(
    text: str, named: list[str]
) -> None:
    assert ansi.readable(text) == ansi._WRITTEN.sub("", text)
    mixed = "".join(named) + text
    assert ansi.readable(mixed) == ansi._WRITTEN.sub("", mixed)
