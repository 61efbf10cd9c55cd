"""What is done quickly comes out as what it stands for."""

from __future__ import annotations

import dkim.crypto
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 1 << 600), st.integers(0, 80))
def test_the_octets_of_a_number(number: int, length: int) -> None:
    assert int.from_bytes(dkim.crypto.int2str(number), "big") == number
    assert len(dkim.crypto.int2str(number)) == max(1, (number.bit_length() + 7) // 8)
    octets = dkim.crypto.int2str(number, length)
    assert len(octets) == length
    assert int.from_bytes(octets, "big") == number % (1 << 8 * length)
