"""A partition's file, whole and damaged in every way that was thought of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.segment import scan, without
from tests.support.batches import OF, a_batch

WHOLE = [a_batch(100 + OF * i) for i in range(6)]
FILE = b"".join(WHOLE)
ENDS = [sum(map(len, WHOLE[: i + 1])) for i in range(len(WHOLE))]


def firsts(raw: bytes) -> list[int]:
    return [batch.first for batch in scan(raw, 100)[0]]


def test_a_whole_file_has_no_damage() -> None:
    batches, gaps = scan(FILE, 100)
    assert gaps == []
    assert [(b.first, b.last) for b in batches] == [(100 + 3 * i, 102 + 3 * i) for i in range(6)]
    assert scan(b"", 100) == ([], [])


def test_forty_bytes_cut_off_and_more_written_after_them() -> None:
    torn = FILE[:-40] + a_batch(115)
    _, (gap,) = scan(torn, 100)
    assert (gap.at, gap.end) == (ENDS[4], len(FILE) - 40)
    assert firsts(without(torn, [gap])) == [100, 103, 106, 109, 112, 115]


def test_damage_at_the_end_says_that_nobody_knows_how_much_is_lost() -> None:
    _, (gap,) = scan(FILE[:-40], 100)
    assert (gap.first, gap.last) == (115, None)


@given(st.integers(0, len(FILE) - 1), st.integers(0, 7))
def test_a_bit_costs_its_batch_and_no_other(at: int, bit: int) -> None:
    """Wherever it is, but in the bytes of the offset and the leader's epoch, which no checksum
    covers; and what is left is whole.
    """
    raw = bytearray(FILE)
    raw[at] ^= 1 << bit
    batches, gaps = scan(bytes(raw), 100)
    hit = next(i for i, end in enumerate(ENDS) if at < end)
    inside = at - (ENDS[hit - 1] if hit else 0)
    if 12 <= inside < 16:
        assert gaps == []
    elif inside >= 8:
        others = [100 + OF * i for i in range(6) if i != hit]
        assert [batch.first for batch in batches] == others
        assert scan(without(bytes(raw), gaps), 100)[1] == []


@given(st.binary(max_size=300), st.integers(0, 5), st.integers(1, 60))
def test_rubbish_between_batches_is_found_and_left_out(junk: bytes, after: int, cut: int) -> None:
    torn = FILE[: ENDS[after] - cut] + junk + b"".join(WHOLE[after + 1 :])
    batches, gaps = scan(torn, 100)
    mended = without(torn, gaps)
    assert scan(mended, 100)[1] == []
    lost = {100 + OF * i for i in range(6)} - {batch.first for batch in batches}
    # A last byte of 0 that is cut is made up for by the first of the next batch.
    assert len(lost) <= 1 and lost <= {100 + OF * after, 100 + OF * (after + 1)}
