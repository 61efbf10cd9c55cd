"""A log that was decided on paper, a person erased from it record by record: it proves the same but
for what lost its text.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cache

import orjson
import pytest

from cli.erase.mark import MARK
from cli.erase.person import ERASED, PersonToErase
from cli.erase.records import event_of, left_of
from cli.erase.traces import Traces
from cli.proof.differences import ProofTally
from cli.proof.log import PolicyVersions, slices
from cli.proof.verification import verify
from shared.wire import Message
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

pytestmark = pytest.mark.costly

TICKETS = 120
END = BEGIN + LASTS + timedelta(minutes=1)


@cache
def log() -> tuple[Message, ...]:
    return tuple(decide_all(requests(TICKETS), BEGIN + LASTS).messages)


@cache
def person() -> PersonToErase:
    """Whoever opened most tickets."""
    opened = [
        event["requester"]
        for m in log()
        if m.topic == "tickets" and (event := event_of(m.value)) and event["type"] == "TicketOpened"
    ]
    address = Counter(opened).most_common(1)[0][0]
    traces = Traces(address, "erased-0123456789")
    for message in log():
        event = event_of(message.value)
        if event is not None and address.encode() in message.value:
            traces.heard(event)
    return traces.person()


def erased(message: Message) -> Message:
    left = left_of(
        message.topic, message.key.encode(), message.value, tuple(message.headers.items()), person()
    )
    return message._replace(
        key=(left.key or b"").decode(), value=left.value or b"", headers=dict(left.headers)
    )


@cache
def afterwards() -> tuple[Message, ...]:
    return tuple(erased(message) for message in log())


def verified(messages: tuple[Message, ...]) -> ProofTally:
    return verify(
        slices(messages), PolicyVersions.of(m for m in messages if m.topic == "policies"), END
    )


def words(*, mine: bool) -> set[str]:
    """What they asked in, or everybody else did: the desk's customers repeat each other."""
    return {
        event[name]
        for m in log()
        if m.topic == "requests"
        and (event := event_of(m.value))
        and (event["actor"]["email"] == person().address) is mine
        for name in ("body", "subject", "resolution", "information", "reason")
        if event.get(name)
    }


def test_nothing_of_theirs_is_in_it_and_nothing_else_is_gone() -> None:
    theirs = words(mine=True) - words(mine=False)
    assert len(theirs) > 5
    others = [
        m
        for m in log()
        if m.topic == "requests"
        and person().address.encode() not in m.value
        and m.key not in person().tickets
    ]
    kept = {(m.topic, m.partition, m.offset): m for m in afterwards()}
    assert all(kept[m.topic, m.partition, m.offset] == m for m in others)
    for message in afterwards():
        event = event_of(message.value)
        assert event is None or not theirs & {
            value for value in event.values() if isinstance(value, str)
        }
        assert person().address.encode() not in message.value


def test_the_proof_goes_through_and_says_what_it_could_not_make_again() -> None:
    before, after = verified(log()), verified(afterwards())
    assert before.differences == []
    assert before.erased == 0
    assert after.differences == []
    marked = [
        m
        for m in afterwards()
        if MARK in m.headers and m.topic in ("requests", "tickets", "page-inbox")
    ]
    assert 0 < after.erased <= len(marked)
    decisions = {
        name: before.counts[name] - after.counts[name]
        for name in before.counts
        if name.endswith("decisions")
    }
    assert sum(decisions.values()) <= after.erased, "all others are still made again"


def without_inbox(messages: tuple[Message, ...]) -> ProofTally:
    """`page-inbox` is kept for a month: after that its events are made again from the records they
    came from.
    """
    pieces = slices(m for m in messages if m.topic != "page-inbox")
    for piece in pieces:
        piece.begins["page-inbox"] = 1
    return verify(pieces, PolicyVersions.of(m for m in messages if m.topic == "policies"), END)


def test_pages_whose_inbox_is_no_longer_kept_are_proved_as_before() -> None:
    before, after = without_inbox(log()), without_inbox(afterwards())
    assert before.differences == after.differences == []
    assert after.erased > before.erased == 0


def test_without_the_mark_it_would_cry() -> None:
    """What the mark is for: nobody guesses from an `[erased]` that stands somewhere."""
    unmarked = tuple(
        m._replace(headers={k: v for k, v in m.headers.items() if k != MARK}) for m in afterwards()
    )
    assert verified(unmarked).differences


def test_another_persons_ticket_that_is_tampered_with_is_still_found() -> None:
    number, victim = next(
        (number, m)
        for number, m in enumerate(afterwards())
        if m.topic == "tickets"
        and m.key not in person().tickets
        and (event_of(m.value) or {}).get("type") == "TicketRouted"
    )
    forged = orjson.dumps({**orjson.loads(victim.value), "queue": "provider:elsewhere"})
    tampered = (*afterwards()[:number], victim._replace(value=forged), *afterwards()[number + 1 :])
    assert [d.key for d in verified(tampered).differences] == [victim.key] * len(
        verified(tampered).differences
    )
    assert verified(tampered).differences


def test_erasing_twice_changes_nothing_more() -> None:
    for message in afterwards():
        again = left_of(
            message.topic,
            message.key.encode(),
            message.value,
            tuple(message.headers.items()),
            person(),
        )
        assert not again.changed


@pytest.mark.parametrize("text", ["subject", "body"])
def test_their_tickets_say_that_something_stood_there(text: str) -> None:
    opened = [
        event_of(m.value)
        for m in afterwards()
        if m.topic == "tickets" and m.key in person().tickets
    ]
    assert {event[text] for event in opened if event and event["type"] == "TicketOpened"} == {
        ERASED
    }
