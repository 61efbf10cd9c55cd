"""What is done quickly comes out as what it stands for."""

from __future__ import annotations

import dkim.crypto
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.reading import reply
from tests.support.mails import WRITTEN

PIECES = st.sampled_from(
    [
        "On Mon, 2 Mar 2026 at 10:00, Ann <ann@example.com> wrote:", "On Mon, 2 Mar 2026 at 10:00,", "Ann <ann@example.com> wrote:",
        "> what you said", "", "From: Ann", "Sent: Monday", "To: Bob", "Subject: x", "________________________", "--", "-----",
        "-----Original Message-----", "---- Forwarded message ----", "Hello.", "差出人: x", "*From:* Ann <a@example.com>", "## - x - ##",
        "Am 2. März 2026 schrieb Ann:", "  From: Ann  ", "#-- x --",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_the_quick_look_at_a_line_misses_no_beginning(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        quick = reply.split(text)
        patch.setattr(reply, "_may_begin", lambda *_: True)
        assert quick == reply.split(text)


def test_nor_in_mails_as_they_come() -> None:
    for path in WRITTEN.glob("*.eml"):
        text = path.read_text("utf-8", "replace")
        with pytest.MonkeyPatch.context() as patch:
            quick = reply.split(text)
            patch.setattr(reply, "_may_begin", lambda *_: True)
            assert quick == reply.split(text), path.name


@given(st.integers(0, 1 << 600), st.integers(0, 80))
def test_the_octets_of_a_number(number: int, length: int) -> None:
    assert int.from_bytes(dkim.crypto.int2str(number), "big") == number
    assert len(dkim.crypto.int2str(number)) == max(1, (number.bit_length() + 7) // 8)
    octets = dkim.crypto.int2str(number, length)
    assert len(octets) == length
    assert int.from_bytes(octets, "big") == number % (1 << 8 * length)
