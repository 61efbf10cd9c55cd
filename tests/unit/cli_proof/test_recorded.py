"""What orders a fact is read from how it begins, and means what the whole of it says."""

from __future__ import annotations

import orjson
import pytest

from cli.proof.recorded import read_facts
from shared.events import Event
from shared.wire import Message
from tests.support.facts import Ticket


def _messages(facts: list[Event]) -> list[Message]:
    return [
        Message("tickets", 0, offset, fact.key, fact.wire(), {}, 0.0)
        for offset, fact in enumerate(facts)
    ]


def test_it_is_what_reading_all_of_it_finds() -> None:
    ticket = Ticket("one")
    facts = [
        *ticket.opened('a "quoted" subject', body="x" * 5000),
        *ticket.assigned("redisco"),
        *ticket.solved(),
    ]
    found = read_facts(_messages(facts)).by_seq
    assert [(one.id, one.type, one.seq, one.cause, one.at) for one in found.values()] == [
        (fact.id, fact.type, fact.seq, fact.cause, fact.at) for fact in facts
    ]


@pytest.mark.parametrize("indent", [0, orjson.OPT_INDENT_2])
def test_a_fact_written_otherwise_is_read_all_the_same(indent: int) -> None:
    """Another order of fields, or blanks between them: JSON all the same."""
    (fact, *_) = Ticket("two").opened()
    said = orjson.loads(fact.wire())
    raw = orjson.dumps(dict(sorted(said.items())), option=indent)
    (light,) = read_facts([Message("tickets", 0, 0, fact.key, raw, {}, 0.0)]).by_seq.values()
    assert (light.id, light.type, light.seq, light.cause, light.at) == (
        fact.id,
        fact.type,
        fact.seq,
        fact.cause,
        fact.at,
    )


def test_what_is_there_again_is_counted_and_what_takes_its_place_is_a_conflict() -> None:
    (fact, *_) = Ticket("three").opened()
    other = fact.model_copy(update={"id": "fct_other"})
    found = read_facts(_messages([fact, fact, other]))
    assert (found.copies, found.repeated, [light.id for light in found.conflicts]) == (
        {1: 2},
        True,
        ["fct_other"],
    )
    assert not read_facts(_messages([fact])).repeated
