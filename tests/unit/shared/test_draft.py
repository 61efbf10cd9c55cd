"""One turn on paper: what is published for messages, outcomes and timers, and what a bug or poison
does.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.events import DeadLetter
from shared.spine.draft import REDRIVE, Turn
from shared.spine.recovery import PartitionState
from shared.spine.runtime import attempt
from shared.wire import Message, headers_for
from tests.chaos.spine.domain import WORK, Count, Event, Sent, Tally, parse_fact

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def message(event: Event, offset: int = 0, **extra: bytes) -> Message:
    headers = dict(headers_for(event, "test", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"))
    return Message("in", 0, offset, event.key, event.wire(), headers | extra, 0.0)


def count(name: str, key: str = "k", **fields: Any) -> Count:
    return Count(id=name, key=key, at=NOW, **fields)


class Worker:
    """A partition and its turns; `turn` applies a draft as the runtime does after publishing."""

    def __init__(self, **changes: Any) -> None:
        self.work = replace(WORK, **changes)
        self.parts = {0: PartitionState()}
        self.traces: dict[tuple[int, str], bytes] = {}

    def turn(self, do: Callable[[Turn[Tally]], None], now: datetime = NOW) -> Turn[Tally]:
        draft = Turn(self.work, self.parts, now, attempt, self.traces)
        do(draft)
        for record in draft.state():
            if record.value and record.value != b"{}":
                self.parts[0].rows.put(record.key, record.value)
            self.parts[0].seqs[record.key] = draft.seq(0, record.key)
            if (0, record.key) in draft.parked:
                self.parts[0].rows.park(record.key, draft.parked[0, record.key])
        self.parts[0].next_offset = draft.done.get(0, self.parts[0].next_offset)
        return draft

    def takes(self, *messages: Message) -> Turn[Tally]:
        def take_all(draft: Turn[Tally]) -> None:
            for found in messages:
                draft.take(found)

        return self.turn(take_all)


def facts_of(draft: Turn[Tally]) -> list[tuple[str, int, str]]:
    facts = [
        parse_fact(Message(r.topic, 0, 0, r.key, r.value or b"", dict(r.headers), 0.0))
        for r in draft.facts
    ]
    return [(fact.type, fact.seq, fact.cause) for fact in facts]


def letters_of(draft: Turn[Tally]) -> list[DeadLetter]:
    return [DeadLetter.read(record.value or b"") for record in draft.letters]


def test_a_request_becomes_facts_in_order_and_a_row() -> None:
    draft = Worker().takes(message(count("r1")), message(count("r2"), 1))
    assert facts_of(draft) == [
        ("Counted", 1, "r1"),
        ("Noted", 2, "r1"),
        ("Noted", 3, "r1"),
        ("Counted", 4, "r2"),
        ("Noted", 5, "r2"),
        ("Noted", 6, "r2"),
    ]
    assert draft.done == {0: 2}
    assert [record.headers for record in draft.state()] == [[("seq", b"6")]]
    assert {record.group for record in draft.facts[:3]} != {
        record.group for record in draft.facts[3:]
    }


def test_the_trace_goes_on_in_the_facts() -> None:
    assert dict(Worker().takes(message(count("r1"))).facts[0].headers)["traceparent"].startswith(
        b"00-aaaa"
    )


def test_a_request_taken_before_is_skipped_but_committed() -> None:
    worker = Worker()
    worker.takes(message(count("r1")))
    again = worker.takes(message(count("r1"), 1))
    assert (again.facts, again.state(), again.done) == ([], [], {0: 2})


def test_deciding_again_gives_the_same_ids() -> None:
    one, two = Worker().takes(message(count("r1"))), Worker().takes(message(count("r1")))
    assert [record.value for record in one.facts] == [record.value for record in two.facts]


def test_poison_becomes_a_dead_letter_with_the_raw_record_and_stops_nobody() -> None:
    poison = Message("in", 0, 0, "k", b"\xffnot json", {"ce_type": b"dev.signalbox.Count"}, 0.0)
    draft = Worker().takes(poison, message(count("r1"), 1))
    (letter,) = letters_of(draft)
    assert base64.b64decode(letter.raw) == b"\xffnot json"
    assert (letter.topic, letter.partition, letter.offset, letter.parked) == ("in", 0, 0, False)
    assert len(draft.facts) == 3
    assert draft.done == {0: 2}


def test_a_bug_parks_its_key_and_later_messages_wait_behind_it() -> None:
    worker = Worker()
    worker.takes(message(count("r0")))
    draft = worker.takes(
        message(count("r1", text="bug"), 1),
        message(count("r2"), 2),
        message(count("other", key="o"), 3),
    )
    assert [letter.parked for letter in letters_of(draft)] == [True, True]
    assert draft.fresh_letters == 1
    assert {cause for _, _, cause in facts_of(draft)} == {"other"}
    assert dict(draft.state()[-1].headers)["parked"].startswith(b"0/1: RuntimeError")


def test_a_redriven_message_is_tried_again_and_lets_its_key_go_on() -> None:
    mended = {"is": False}

    def decide(row: Tally | None, event: Event, now: datetime) -> Any:
        if isinstance(event, Count) and event.text == "bug" and mended["is"]:
            event = event.model_copy(update={"text": "fine"})
        return WORK.decide(row, event, now)

    worker = Worker(decide=decide)
    worker.takes(message(count("r1", text="bug")))
    assert worker.parts[0].rows.parked
    still = worker.takes(message(count("r1", text="bug"), 1, redrive=b"1"))
    assert len(still.letters) == 1
    mended["is"] = True
    draft = worker.takes(message(count("r1", text="bug"), 2, redrive=b"1"), message(count("r2"), 3))
    assert [cause for _, _, cause in facts_of(draft)] == ["r1"] * 3 + ["r2"] * 3
    assert not worker.parts[0].rows.parked


def test_a_bug_is_tried_five_times() -> None:
    tries = []

    def decide(row: Tally | None, event: Event, now: datetime) -> Any:
        tries.append(event.id)
        raise RuntimeError

    Worker(decide=decide).takes(message(count("r1")))
    assert len(tries) == 5


def test_unavailable_leaves_the_message_undone() -> None:
    def decide(row: Tally | None, event: Event, now: datetime) -> Any:
        raise Unavailable("policies")

    draft = Turn(replace(WORK, decide=decide), {0: PartitionState()}, NOW, attempt)
    with pytest.raises(Unavailable):
        draft.take(message(count("r1")))
    assert (draft.done, draft.facts, draft.letters, draft.state()) == ({}, [], [], [])


def test_a_timer_fires_when_it_is_due_and_once() -> None:
    worker = Worker()
    taken = worker.takes(message(count("r1", due_at=NOW + timedelta(minutes=5))))
    assert taken.due == {(0, "k"): NOW + timedelta(minutes=5)}
    assert not worker.turn(lambda draft: draft.fire(0, "k")).facts
    late = NOW + timedelta(minutes=6)
    fired = worker.turn(lambda draft: draft.fire(0, "k"), late)
    assert [kind for kind, _, _ in facts_of(fired)] == ["Rang"]
    assert fired.due == {(0, "k"): None}
    assert fired.lateness == [60.0]
    assert not worker.turn(lambda draft: draft.fire(0, "k"), late).facts


def test_a_timer_that_stays_due_parks_its_key_instead_of_ringing_for_ever() -> None:
    worker = Worker(evolve=lambda row, fact: WORK.evolve(row, fact) if fact.type != "Rang" else row)
    worker.takes(message(count("r1", due_at=NOW)))
    draft = worker.turn(lambda draft: draft.fire(0, "k"))
    (letter,) = letters_of(draft)
    assert "fires again" in letter.reason
    assert worker.parts[0].rows.parked
    empty = Message("in", 0, 9, "k", b"", {REDRIVE: b"1"}, 0.0)
    released = worker.takes(empty)
    assert not worker.parts[0].rows.parked
    assert released.due == {(0, "k"): NOW}


def test_an_outcome_is_decided_like_an_input_and_commits_no_offset_beyond_the_input() -> None:
    worker = Worker()
    worker.takes(message(count("r1", send=True), 6))
    (effect,) = worker.takes(message(count("r2"), 7)).owed[0, "k"]
    outcome = Sent(id="out-1", at=NOW, effect=effect.id)
    draft = worker.turn(lambda draft: draft.settle(0, "k", outcome))
    assert [kind for kind, _, _ in facts_of(draft)] == ["Delivered"]
    assert draft.owed == {(0, "k"): []}
    assert draft.done == {0: 8}


def test_timers_and_outcomes_belong_to_the_trace_of_what_came_before() -> None:
    worker, later = Worker(), NOW + timedelta(minutes=6)
    worker.takes(message(count("r1", send=True, due_at=NOW + timedelta(minutes=5)), 6))
    (effect,) = worker.takes(message(count("r2"), 7)).owed[0, "k"]
    sent = Sent(id="out-1", at=NOW, effect=effect.id)
    settled = worker.turn(lambda draft: draft.settle(0, "k", sent))
    fired = worker.turn(lambda draft: draft.fire(0, "k"), later)
    trace = dict(message(count("r1")).headers)["traceparent"]
    for draft in (settled, fired):
        assert draft.facts
        assert {dict(record.headers).get("traceparent") for record in draft.facts} == {trace}
    worker.traces.clear()  # as after a start
    other = worker.takes(message(count("r3", key="k2", due_at=NOW), 8))
    assert other.facts


def test_facts_too_heavy_for_one_batch_park_the_key() -> None:
    draft = Worker().takes(message(count("r1", text="x" * 200_000)))
    (letter,) = letters_of(draft)
    assert "weigh more" in letter.reason
    assert not draft.facts


def test_a_row_that_has_grown_too_large_for_kafka_is_parked_before_it_stops_the_worker() -> None:
    worker = Worker()
    worker.takes(message(count("r1")))
    worker.parts[0].rows.put("k", b" " * 9_000_000 + (worker.parts[0].rows.get("k") or b""))
    draft = worker.takes(message(count("r2")), message(count("r3", key="other")))
    (letter,) = letters_of(draft)
    assert "weighs more" in letter.reason
    assert {cause for _, _, cause in facts_of(draft)} == {"r3"}
