"""What strangers and greedy readers get of the portal's streams and waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.incidents.api import get_incident
from services.portal.web.stream import over_budget
from shared.errors import Refused


@pytest.mark.parametrize(
    ("counts", "whose"),
    [
        ({"ada": 1}, None),
        ({"ada": 3}, None),
        ({"ada": 4}, "ada"),
        ({"ada": 1, "bob": 3, "eve": 3}, "bob"),
        ({"ada": 3, "bob": 2, "eve": 1}, None),
        ({"ada": 3, "bob": 2, "eve": 2}, "ada"),
    ],
)
def test_whose_feed_ends(counts: dict[str, int], whose: str | None) -> None:
    assert over_budget(counts, "ada", each=3, most=6) == whose


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60))
def test_feeds_are_bounded_for_one_and_for_all(opened: list[str]) -> None:
    counts: dict[str, int] = {}
    for person in opened:
        counts[person] = counts.get(person, 0) + 1
        if (whose := over_budget(counts, person, each=4, most=12)) is not None:
            counts[whose] -= 1
        assert sum(counts.values()) <= 12 and max(counts.values()) <= 4
        assert sum(counts.values()) < 12 or max(counts.values()) > 1 or counts[person] == 1


async def test_a_stranger_is_not_waited_with() -> None:
    """Nobody looks for the request that a stranger names: the hub is not there at all."""

    class Reads:
        async def one(self, actor: Any, key: str) -> None:
            assert (actor, key) == (None, "inc_x")

    portal: Any = SimpleNamespace()
    reads: Any = Reads()
    with pytest.raises(Refused, match="not-found"):
        await get_incident("inc_x", None, portal, reads, after="req_x")
