"""The table says everything: what is absent is refused."""

from __future__ import annotations

import pytest

from shared.events import Audience, Status
from shared.lifecycle import LIVE, TRANSITIONS, Move, after, move_of_reply

MOVES = [
    (Status.NEW, Move.ANSWER, Status.PENDING),
    (Status.NEW, Move.INTERNAL, Status.OPEN),
    (Status.NEW, Move.CUSTOMER_REPLY, Status.NEW),
    (Status.OPEN, Move.ANSWER, Status.PENDING),
    (Status.PENDING, Move.CUSTOMER_REPLY, Status.OPEN),
    (Status.PENDING, Move.AUTOMATIC, Status.PENDING),
    (Status.SOLVED, Move.CUSTOMER_REPLY, Status.OPEN),
    (Status.SOLVED, Move.AUTOMATIC, Status.SOLVED),
    (Status.SOLVED, Move.ANSWER, Status.SOLVED),
    (Status.SOLVED, Move.REOPEN, Status.OPEN),
    (Status.SOLVED, Move.SOLVE, None),
    (Status.SOLVED, Move.ASSIGN, None),
    (Status.SOLVED, Move.REVIEW, None),
    (Status.NEW, Move.REOPEN, None),
    (Status.PENDING, Move.REOPEN, None),
    (Status.CLOSED, Move.CUSTOMER_REPLY, None),
    (Status.CLOSED, Move.INTERNAL, Status.CLOSED),
]


@pytest.mark.parametrize(("status", "move", "expected"), MOVES)
def test_move(status: Status, move: Move, expected: Status | None) -> None:
    assert after(status, move) is expected


def test_every_status_is_in_the_table_and_live_tickets_can_be_solved() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {status for status in Status if after(status, Move.SOLVE)} == LIVE


def test_every_status_can_be_reached_but_closed_which_a_timer_will_set() -> None:
    reached = {status for row in TRANSITIONS.values() for status in row.values()}
    assert reached == set(Status)


REPLIES = [
    (True, Audience.EVERYONE, False, Move.CUSTOMER_REPLY),
    (False, Audience.EVERYONE, False, Move.ANSWER),
    (False, Audience.STAFF, False, Move.INTERNAL),
    (False, Audience.PROVIDER, False, Move.INTERNAL),
    (True, Audience.EVERYONE, True, Move.AUTOMATIC),
    (False, Audience.EVERYONE, True, Move.AUTOMATIC),
]


@pytest.mark.parametrize(("by_customer", "audience", "automatic", "expected"), REPLIES)
def test_what_a_reply_amounts_to(
    by_customer: bool, audience: Audience, automatic: bool, expected: Move
) -> None:
    assert (
        move_of_reply(by_customer=by_customer, audience=audience, automatic=automatic) is expected
    )
