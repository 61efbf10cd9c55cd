"""Which colleagues a note names."""

from __future__ import annotations

import pytest

from services.intake.tickets.mentions import MOST, mentions_in

STAFF = {"ada@desk.example", "abel@desk.example", "o.neill@desk.example", "zoe@other.example"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@abel can you look?", ["abel@desk.example"]),
        ("(@Abel), please.", ["abel@desk.example"]),
        ("Ask @o.neill.", ["o.neill@desk.example"]),
        ("@abel @abel @zoe@other.example", ["abel@desk.example", "zoe@other.example"]),
        ("I, @ada, did", []),
        ("@nobody and @customer@shop.example", []),
        ("mail abel@desk.example, https://x.example/@abel, a@@abel", []),
        ("@zoe", []),
        ("@", []),
        ("no name at all", []),
    ],
)
def test_who_is_named(text: str, named: list[str]) -> None:
    assert list(mentions_in(text, "Ada@desk.example", STAFF.__contains__)) == named


def test_a_note_that_names_everybody_tells_some() -> None:
    text = " ".join(f"@p{n}" for n in range(2 * MOST))
    assert len(mentions_in(text, "ada@desk.example", lambda _: True)) == MOST
