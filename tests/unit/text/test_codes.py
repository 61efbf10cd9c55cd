"""Error codes in a text, and what only looks like one."""

from __future__ import annotations

import pytest

from shared.text.codes import TITLES, codes_in


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('at=error code=H12 desc="Request timeout"', ["H12"]),
        ("Error R14 (Memory quota exceeded), then H10.", ["R14", "H10"]),
        ("H12, H12 and H12 again, L10?", ["H12", "L10"]),
        ("(H99)", ["H99"]),
        ("H12/H13 all day", ["H12", "H13"]),
        ("h12", []),
        ("H1 H100 H52 R2 L20", []),
        ("web.H12 path/H12 H12-b 8H12 _H12", []),
        ("request_id=H12-8601b555", []),
        ("version R10.2", []),
        ("", []),
    ],
)
def test_the_codes_of_a_text(text: str, codes: list[str]) -> None:
    assert [found.code for found in codes_in(text)] == codes


def test_every_code_has_a_title_of_its_own_words() -> None:
    assert all(title and len(title) < 45 for title in TITLES.values())
    assert codes_in("H12")[0].title == "Request timeout"
