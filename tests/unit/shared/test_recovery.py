"""Coming to rows after a crash at each step, against a log held in lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime

import orjson
import pytest

from shared import ids
from shared.spine.recovery import NOT_READ, PartitionState, Recovery, read_note, state_record
from shared.spine.runtime import attempt
from shared.wire import Message, Record, headers_for
from tests.chaos.spine.domain import WORK, Count, Fact, Tally

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class ListLog:
    """Topics of one partition as lists."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Message]] = {"in": [], "out": [], WORK.changelog: []}
        self.reads = 0
        self.damaged: dict[str, int] = {}
        self.unread: set[tuple[str, int]] = set()

    def write(self, *records: Record) -> None:
        for record in records:
            log = self.topics[record.topic]
            log.append(
                Message(
                    record.topic,
                    0,
                    len(log),
                    record.key,
                    record.value or b"",
                    dict(record.headers),
                    0.0,
                )
            )

    async def begins(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(where, 0)

    async def ends(self, where: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return {(topic, p): len(self.topics[topic]) for topic, p in where}

    async def read_to_end(
        self, starts: Mapping[tuple[str, int], int]
    ) -> AsyncIterator[list[Message]]:
        for (topic, _), start in starts.items():
            found = self.topics[topic][start : self.damaged.get(topic)]
            if topic in self.damaged:
                self.unread.add((topic, 0))
            if found:
                self.reads += len(found)
                yield found


def decided(row: Tally | None, name: str, key: str = "k") -> tuple[list[Fact], Tally]:
    facts = ids.stamp(
        WORK.decide(row, Count(id=name, key=key, at=NOW), NOW),
        key=key,
        first_seq=(row.seq if row else 0) + 1,
        cause=name,
    )
    return facts, WORK.advance(row, facts)


def published(facts: list[Fact]) -> list[Record]:
    return [Record("out", fact.key, fact.wire(), headers_for(fact, "tally"), 0) for fact in facts]


def state(row: Tally, key: str = "k") -> Record:
    return state_record(WORK.changelog, 0, key, row.to_bytes(), row.seq, None)


async def load(
    log: ListLog, committed: tuple[int, str] | None = None, part: PartitionState | None = None
) -> tuple[PartitionState, set[tuple[int, str]]]:
    parts = {0: part or PartitionState()}
    loaded = await Recovery(WORK, log, attempt, lambda: None).load(
        parts, {0: committed} if committed else {}
    )
    return loaded.parts[0], loaded.adopted


def row_of(part: PartitionState, key: str = "k") -> Tally:
    raw = part.rows.get(key)
    assert raw is not None
    return WORK.read_row(raw)


async def test_rows_come_from_the_changelog_highest_seq_first() -> None:
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    facts2, row2 = decided(row1, "r2")
    log.write(*published(facts1), *published(facts2), state(row2), state(row1))
    part, adopted = await load(log)
    assert row_of(part) == row2
    assert adopted == set()


async def test_facts_whose_row_was_lost_are_adopted() -> None:
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    log.write(*published(facts1), state(row1))
    note = '{"s":1,"o":{"out":3}}'
    facts2, row2 = decided(row1, "r2")
    log.write(*published(facts2))
    part, adopted = await load(log, (1, note))
    assert row_of(part) == row2
    assert adopted == {(0, "k")}
    assert "r2" in row_of(part).seen


async def test_only_what_follows_the_commit_is_read_of_the_outputs() -> None:
    log = ListLog()
    row: Tally | None = None
    for i in range(50):
        facts, row = decided(row, f"r{i}")
        log.write(*published(facts), state(row))
    await load(log, (50, '{"s":50,"o":{"out":150}}'))
    assert log.reads == 50


async def test_the_first_fact_of_a_seq_counts() -> None:
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    zombie, _ = decided(None, "r2")
    log.write(*published(facts1), *published(zombie))
    part, _ = await load(log)
    assert row_of(part) == row1


async def test_a_lost_changelog_is_rebuilt_from_the_facts() -> None:
    log = ListLog()
    row: Tally | None = None
    for i in range(5):
        facts, row = decided(row, f"r{i}")
        log.write(*published(facts))
    part, adopted = await load(log, (5, '{"s":5,"o":{"out":15}}'))
    assert row_of(part) == row
    assert adopted == {(0, "k")}


async def test_a_changelog_with_a_hole_is_rebuilt_from_the_facts() -> None:
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    facts2, row2 = decided(row1, "r2")
    facts3, row3 = decided(row2, "r3")
    log.write(*published(facts1), state(row1), *published(facts2), *published(facts3))
    part, _ = await load(log, (2, '{"s":1,"o":{"out":6}}'))
    assert row_of(part) == row3


async def test_rows_kept_over_a_rebalance_read_nothing_when_nothing_happened() -> None:
    log = ListLog()
    facts, row = decided(None, "r1")
    log.write(*published(facts), state(row))
    part, _ = await load(log)
    log.reads = 0
    again, _ = await load(log, (1, part.note()), part)
    assert log.reads == 0
    assert row_of(again) == row


async def test_rows_kept_over_a_rebalance_take_what_somebody_else_did_meanwhile() -> None:
    log = ListLog()
    facts, row = decided(None, "r1")
    log.write(*published(facts), state(row))
    part, _ = await load(log)
    facts2, row2 = decided(row, "r2")
    facts3, row3 = decided(row2, "r3")
    log.write(*published(facts2), state(row2), *published(facts3))
    again, adopted = await load(log, (2, part.note()), part)
    assert row_of(again) == row3
    assert adopted == {(0, "k")}


async def test_parked_keys_stay_parked() -> None:
    log = ListLog()
    log.write(state_record(WORK.changelog, 0, "k", b"{}", 0, "a bug"))
    part, _ = await load(log)
    assert part.rows.parked == {"k": "a bug"}
    assert part.rows.get("k") is None
    log.write(state_record(WORK.changelog, 0, "k", b"{}", 0, None))
    part, _ = await load(log)
    assert part.rows.parked == {}


async def test_no_timer_fires_before_the_input_has_been_read() -> None:
    log = ListLog()
    log.write(Record("in", "k", b"x"), Record("in", "k", b"y"))
    part, _ = await load(log)
    assert not part.caught_up
    part.next_offset = 2
    assert part.caught_up


def test_notes_of_others_are_not_taken_for_ours() -> None:
    assert read_note("") is None
    assert read_note("[1]") is None
    assert read_note('{"s":3,"o":{"out":7}}') == (3, {"out": 7})


def of_tomorrow(fact: Fact) -> Record:
    """The fact under a type that this version does not know."""
    raw = orjson.dumps(orjson.loads(fact.wire()) | {"type": "OfTomorrow"})
    return Record("out", fact.key, raw, [("seq", b"%d" % fact.seq)], 0)


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_key_with_facts_of_a_newer_version_waits_for_it(which: int) -> None:
    """Nothing is decided in their place, at this start or a later one; the newer version goes on."""
    log = ListLog()
    facts, row = decided(None, "r1")
    log.write(*[of_tomorrow(f) if f.seq == which + 1 else published([f])[0] for f in facts])
    part, adopted = await load(log)
    assert part.rows.parked["k"].startswith(NOT_READ)
    assert (0, "k") in adopted
    kept = part.rows.get("k")
    seq = part.seqs.get("k", 0)
    log.write(state_record(WORK.changelog, 0, "k", kept, seq, part.rows.parked["k"]))
    note = f'{{"s":1,"o":{{"out":{len(facts)}}}}}'
    again, _ = await load(log, (1, note))
    assert again.rows.parked["k"].startswith(NOT_READ)
    # The newer version is back: it reads the fact.
    log.topics["out"][which] = log.topics["out"][which]._replace(value=facts[which].wire())
    back, adopted = await load(log, (1, note))
    assert back.rows.parked == {}
    assert row_of(back) == row
    assert (0, "k") in adopted


async def test_a_damaged_changelog_is_made_again_from_the_facts() -> None:
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    facts2, row2 = decided(row1, "r2")
    log.write(*published(facts1), state(row1), *published(facts2), state(row2))
    log.damaged[WORK.changelog] = 1
    part, adopted = await load(log, (2, '{"s":2,"o":{"out":6}}'))
    assert row_of(part) == row2
    assert adopted == {(0, "k")}


@pytest.mark.parametrize("readable", range(6))
async def test_a_partition_with_damaged_facts_is_not_loaded(readable: int) -> None:
    """Nothing is written for it and nothing is owed; mended, it is loaded as if nothing had been."""
    log = ListLog()
    facts1, row1 = decided(None, "r1")
    facts2, row2 = decided(row1, "r2")
    log.write(*published(facts1), state(row1), *published(facts2))
    log.damaged["out"] = readable
    parts = {0: PartitionState()}
    loaded = await Recovery(WORK, log, attempt, lambda: None).load(parts, {})
    assert loaded.damaged == {0: ("out", 0)}
    assert (loaded.touched, loaded.adopted, loaded.owed) == (set(), set(), [])
    assert len(parts[0].rows) == 0
    log.damaged.clear()
    loaded = await Recovery(WORK, log, attempt, lambda: None).load(parts, {})
    assert loaded.damaged == {}
    assert row_of(parts[0]) == row2
