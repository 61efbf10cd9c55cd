"""The last answer is kept for the very same object, and for no other."""

from __future__ import annotations

from services.router.memo_last import memo_last
from services.router.team.rules import texts_of
from services.router.team.scope import scope_of
from tests.unit.router.building import open_ticket


def test_the_same_object_is_answered_once() -> None:
    asked: list[str] = []

    @memo_last
    def seen(word: str) -> int:
        asked.append(word)
        return len(asked)

    one, other = "".join(["a", "b"]), "".join(["a", "b"])
    assert one == other and one is not other
    assert [seen(one), seen(one), seen(other), seen(other), seen(one)] == [1, 1, 2, 2, 3]


def test_two_tickets_are_never_mixed_up() -> None:
    first = open_ticket("premier", subject="Boot fails", body="It crashes.")
    second = open_ticket(
        "premier",
        subject="Please debug my code",
        body="Can you fix my function? It fails locally too.",
    )
    for ticket in (first, second, first, second):
        assert texts_of(ticket).subject == ticket.subject.casefold()
    assert [scope_of(ticket).scope for ticket in (first, second, first)] == [
        "covered",
        "not-covered",
        "covered",
    ]
