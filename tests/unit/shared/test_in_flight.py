"""Large bodies of all senders together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.http.in_flight import FREE_BYTES, InFlight


def test_small_bodies_are_taken_however_full_it_is() -> None:
    room = InFlight(1000)
    with room.body() as large, room.body() as small:
        large(FREE_BYTES + 1000)
        small(FREE_BYTES)
        with pytest.raises(Refused, match="busy") as refused:
            small(1)
        assert (refused.value.status, refused.value.extra) == (503, {"retry_after": 2})
    assert room.held == 0


@given(
    st.lists(
        st.lists(st.integers(0, 200_000), max_size=8).map(tuple),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_no_more_is_held_than_may_be_and_all_is_given_back(bodies: list[tuple[int, ...]]) -> None:
    most = 300_000
    room = InFlight(most)

    def read(rest: list[tuple[int, ...]]) -> None:
        if not rest:
            return
        with room.body() as count:
            for number in rest[0]:
                try:
                    count(number)
                except Refused:
                    break
                assert room.held <= most
            read(rest[1:])

    read(bodies)
    assert room.held == 0
