"""Which messages a writer had not seen."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.tickets.collisions import find_written_since, read_seen

ADA, ABEL = "agent@example.com", "agent2@example.com"


def entry(seq: int, type_: str, by: str, topic: str = "tickets", **data: Any) -> dict[str, Any]:
    author = {} if type_ == "TicketSolved" else {"author": by}
    return {"seq": seq, "type": type_, "by": by, "topic": topic, "data": {**author, **data}}


TIMELINE = [
    entry(1, "TicketOpened", "rae@example.com"),
    entry(2, "ReplyAdded", "rae@example.com"),
    entry(3, "TicketAssigned", ABEL),
    entry(4, "ReplyAdded", ABEL),
    entry(9, "ClockMet", "system", topic="clocks"),
    entry(5, "ReplyAdded", "robot@example.com", automatic=True),
    entry(6, "NoteAdded", "Agent@example.com"),
    entry(7, "TicketSolved", ABEL),
]


@pytest.mark.parametrize(
    ("seen", "who", "found"),
    [
        (None, ADA, []),
        (2, ADA, [4, 7]),
        (4, ADA, [7]),
        (7, ADA, []),
        (2, ABEL, [6]),
        (1, ADA, [2, 4, 7]),
    ],
)
def test_what_others_wrote_meanwhile(seen: int | None, who: str, found: list[int]) -> None:
    assert [one["seq"] for one in find_written_since(TIMELINE, seen, who)] == found


@pytest.mark.parametrize(
    ("text", "seq"),
    [("7", 7), ("", None), ("0x7", None), ("-1", None), ("\u0663", None), ("9" * 12, None)],
)
def test_only_a_number_is_a_place(text: str, seq: int | None) -> None:
    assert read_seen({"seen": text}) == seq
