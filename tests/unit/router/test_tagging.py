"""Tags of a ticket: which are there after what, and which word refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events import Request, Solve, TagTicket, TicketTagged
from shared.tags import LONGEST, MOST, as_tag, mistake_of_tag, tags_in
from tests.unit.router.building import Ticket, open_ticket, request


def tag(number: int, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Request:
    return request(TagTicket, "agent", id=f"tag {number}", add=add, remove=remove)


def many(count: int, word: str = "t") -> tuple[str, ...]:
    return tuple(f"{word}{number:02}" for number in range(count))


STORIES: list[tuple[str, list[tuple[dict[str, Any], str]]]] = [
    ("added and removed", [({"add": ("b", "a")}, "a b"), ({"remove": ("a",)}, "b")]),
    ("twice is once", [({"add": ("a",)}, "a"), ({"add": ("A",)}, "a")]),
    ("what is not there is not removed", [({"remove": ("a",)}, "")]),
    ("words are joined", [({"add": ("Needs  Info",)}, "needs-info")]),
    (
        "removed in any writing",
        [({"add": ("needs-info",)}, "needs-info"), ({"remove": ("Needs Info",)}, "")],
    ),
    ("both at once: removed", [({"add": ("a", "b"), "remove": ("a",)}, "b")]),
    ("no word", [({"add": ("?!",)}, "!bad-tag")]),
    ("too long", [({"add": ("x" * (LONGEST + 1),)}, "!bad-tag")]),
    ("as many as may be", [({"add": many(MOST)}, " ".join(many(MOST)))]),
    (
        "one too many, unless another goes",
        [
            ({"add": many(MOST)}, " ".join(many(MOST))),
            ({"add": ("z",)}, "!too-many-tags"),
            ({"add": ("z",), "remove": ("t00",)}, " ".join((*many(MOST)[1:], "z"))),
        ],
    ),
]


@pytest.mark.parametrize(("story", "steps"), STORIES, ids=[story for story, _ in STORIES])
def test_which_tags_a_ticket_has(story: str, steps: list[tuple[dict[str, Any], str]]) -> None:
    ticket = Ticket(open_ticket())
    has = ""
    for number, (asked, said) in enumerate(steps):
        (fact,) = ticket.take(tag(number, **asked))
        if said.startswith("!"):
            assert f"!{fact.code}" == said
        else:
            assert isinstance(fact, TicketTagged)
            assert " ".join(fact.tags) == said
            before = set(has.split())
            assert (set(fact.added), set(fact.removed)) == (
                set(fact.tags) - before,
                before - set(fact.tags),
            )
            has = said
        assert ticket.row is not None
        assert " ".join(ticket.row.tags) == has


def test_a_solved_ticket_can_still_be_tagged() -> None:
    ticket = Ticket(open_ticket())
    ticket.take(request(Solve, "agent", resolution="Done."))
    (fact,) = ticket.take(tag(1, add=("billing",)))
    assert isinstance(fact, TicketTagged)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Needs Info!", "needs-info"),
        ("#deploys", "deploys"),
        ("a-b_c", "a-b_c"),
        ("node.js", "node.js"),
        ("C++", "c++"),
        ("Ｐ１", "p1"),
        ("障害 報告", "障害-報告"),
        (" -- ", ""),
    ],
)
def test_a_tag_has_one_writing(text: str, made: str) -> None:
    assert as_tag(text) == made
    assert as_tag(made) == made
    assert bool(mistake_of_tag(text)) == (made == "")


def test_commas_part_tags() -> None:
    assert tags_in("Needs Info, billing,, billing\nx") == ["Needs Info", "billing", "x"]
