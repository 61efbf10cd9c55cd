"""Saved views beside the homes: which there are for whom, which is current, and what each holds."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.homes import DeskTab, shelf_for
from services.portal.desk.saved_views import is_same, where_of_view
from shared.errors import Refused
from shared.events import Actor, Role
from shared.people.saved_views import SAVED_VIEWS, SavedView, ViewPlace, saved_view_in, views_of

ADA = Actor(email="Agent@example.com", roles=(Role.AGENT,))
ABEL = Actor(email="agent2@example.com", roles=(Role.AGENT,))
REA = Actor(email="rea@example.com")


def view(place: str = "queue", owner: str = "", name: str = "One", **asked: str) -> SavedView:
    return SavedView(name=name, place=ViewPlace(place), asked=asked, owner=owner)


class Directory:
    def __init__(self, **views: Any) -> None:
        self._views = views

    def ids(self, kind: str) -> list[str]:
        assert kind == SAVED_VIEWS
        return list(self._views)

    def get(self, kind: str, doc_id: str) -> Any:
        return self._views[doc_id]


def test_ones_own_stand_before_the_teams() -> None:
    directory = Directory(
        a=view(name="Team").model_dump(mode="json"),
        b=view(name="Zoo", owner="agent@example.com").model_dump(mode="json"),
        c=view(name="Abel's", owner="agent2@example.com").model_dump(mode="json"),
        d={"name": "of a newer release", "place": "moon", "asked": {}},
    )
    assert [key for key, _ in views_of(directory, ADA)] == ["b", "a"]
    assert [key for key, _ in views_of(directory, ABEL)] == ["c", "a"]
    assert views_of(directory, REA) == []


@pytest.mark.parametrize(
    ("kept", "asked", "same"),
    [
        (view(home="mine"), {"home": "mine", "queue": "", "owner": ""}, True),
        (view(home="mine"), {"home": "mine", "priority": "urgent"}, False),
        (view(home="mine", priority="urgent"), {"home": "mine"}, False),
        (view("search", q="pool"), {"q": "pool"}, True),
        (view("search", q="pool"), {"q": "pond"}, False),
    ],
)
def test_which_is_current(kept: SavedView, asked: dict[str, str], same: bool) -> None:
    assert is_same(kept, asked) is same


def test_what_a_view_holds_is_the_readers_own() -> None:
    """A team's view of Mine is everybody's own Mine."""
    for actor in (ADA, ABEL):
        where = where_of_view(actor, view(home="mine", priority="urgent"))
        assert where["shelves"] == shelf_for(actor, DeskTab.MINE).name
        assert where["priority"] == "urgent"


def test_a_view_that_cannot_be_read_any_more_has_no_count() -> None:
    for kept in (view("search", q="status:gone"), view(home="all", priority="highest")):
        with pytest.raises(Refused):
            where_of_view(ADA, kept)


def test_a_views_address_holds_what_it_keeps_and_no_more() -> None:
    made = saved_view_in(
        {"name": "x", "place": "queue", "asked": {"home": "due", "cursor": "z", "queue": ""}}
    )
    assert made is not None
    assert made.href == "/queue?home=due"
