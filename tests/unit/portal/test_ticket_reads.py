"""What of a long ticket a page shows, and that MongoDB is asked for no more than one may see."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.tickets.reads import SHOWN, SPARE, facts_for, newest_of
from shared.access import FACT_READERS, Standing, may_see_fact
from shared.events import Audience

Shape = dict[str, Any]


def facts(n: int) -> list[Shape]:
    return [{"_id": str(i)} for i in range(n)]


@pytest.mark.parametrize(
    ("n", "shown", "earlier"),
    [
        (1, 1, 0),
        (SHOWN, SHOWN, 0),
        (SHOWN + SPARE, SHOWN + SPARE, 0),
        (200, SHOWN + 1, 200 - SHOWN - 1),
    ],
)
def test_the_newest_are_shown_and_what_opened_it(n: int, shown: int, earlier: int) -> None:
    newest = facts(n)[::-1][: SHOWN + SPARE]
    found, left = newest_of(newest, facts(1), n, most=SHOWN)
    assert (len(found), left) == (shown, earlier)
    assert found[0] == {"_id": "0"} and found[-1] == {"_id": str(n - 1)}


def matches(where: Shape, kind: str, audience: str | None) -> bool:
    def one(part: Shape) -> bool:
        if isinstance(part["audience"], dict):
            return audience in part["audience"]["$in"]
        return audience is None and kind in part["type"]["$in"]

    return not where or any(one(part) for part in where["$or"])


@pytest.mark.parametrize("who", Standing)
@pytest.mark.parametrize("audience", [None, *Audience])
@pytest.mark.parametrize("kind", [*FACT_READERS, "SomethingNew"])
def test_the_filter_says_what_access_says(who: Standing, audience: Any, kind: str) -> None:
    said = audience and audience.value
    assert matches(facts_for(who), kind, said) == may_see_fact(who, kind, said)
