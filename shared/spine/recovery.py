"""How a worker comes to its rows when it is given partitions, and why a crash at any step leaves
nothing contradictory.

Rows are a function of facts, and the log of facts is the truth; the changelog only saves reading it
all. So:

1. the changelog gives, per key, the row with the highest seq (a zombie's late write loses; of
   equals the later counts);
2. then our own output topics are read from where the last commit says the facts were reflected in
   rows (the commit's note keeps these offsets) to their end. Facts beyond a row's seq are orphans:
   published just before a crash that took the row. They are adopted, so nothing else can ever get
   their seq. A decision is one Kafka batch, so an orphan decision is whole. The first fact in the
   log with a given (key, seq) counts.

Without a commit (a new group, or offsets that expired) the outputs are read from their beginning:
slow, always right. The same where the changelog ends before the offset the note has for it (it was
lost), or a row lacks facts in between. A fact that this version cannot read (a newer Signalbox
wrote it) parks its key: to decide without it would give its seq to another fact. At each later
start the facts of such a partition are read again from their beginning, until all are understood.
Rows kept from before a rebalance are brought up to date by the same two steps from where they
stand; usually that reads nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

import orjson
import structlog

from shared.errors import Poisonous
from shared.events import Fact
from shared.spine.rows import R, Rows
from shared.spine.work import Bug, Effect, Work
from shared.wire import Message, Record

log = structlog.get_logger()

NOT_READ = "facts that this version cannot read: "
"""How the reason begins for which a key is parked whose facts could not all be read."""

Place = tuple[str, int]
"""(topic, partition)"""

Key = tuple[int, str]
"""(partition, key)"""

NO_ROW = b"{}"
"""In the changelog: a key that is parked and has no row yet."""


@dataclass
class PartitionState:
    """One partition as a worker holds it. Offsets are the next to be read or written."""

    rows: Rows = field(default_factory=Rows)
    seqs: dict[str, int] = field(default_factory=dict)
    changelog: int = 0
    outputs: dict[str, int] = field(default_factory=dict)
    next_offset: int = 0
    fire_after: int = 0
    """The end of the input when the partition was assigned: no timer fires before it is reached."""

    @property
    def caught_up(self) -> bool:
        return self.next_offset >= self.fire_after

    def note(self) -> str:
        """What a commit remembers beside the offset (Kafka allows 4,096 bytes)."""
        return orjson.dumps({"s": self.changelog, "o": self.outputs}).decode()


def read_note(note: str) -> tuple[int, dict[str, int]] | None:
    """Changelog and output offsets from a commit's note; None where it is not one of ours."""
    try:
        found = orjson.loads(note)
        return int(found["s"]), {str(topic): int(offset) for topic, offset in found["o"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        # Another program's note, or none.
        return None


class LogSource(Protocol):
    """What recovery reads with (`shared.bus.Reader`; a list in unit tests). `unread` are the places
    that `read_to_end` could not read to their ends, because they are damaged.
    """

    unread: set[Place]

    async def begins(self, where: Iterable[Place]) -> dict[Place, int]: ...

    async def ends(self, where: Iterable[Place]) -> dict[Place, int]: ...

    def read_to_end(self, starts: Mapping[Place, int]) -> AsyncIterator[list[Message]]: ...


@dataclass
class LoadedPartitions:
    """`touched` rows were read or adopted; of these the changelog lacks `adopted`; `owed` are their
    side effects. `damaged`: partitions that cannot be loaded, and the place in the log that cannot
    be read; nothing is decided there.
    """

    parts: dict[int, PartitionState]
    touched: set[Key]
    adopted: set[Key]
    owed: list[tuple[int, str, Effect]]
    damaged: dict[int, Place] = field(default_factory=dict)

    def unwritten(self, changelog: str) -> list[Record]:
        """The changelog records of the adopted rows: to be written before anything else is."""
        return [
            state_record(
                changelog,
                p,
                key,
                self.parts[p].rows.get(key),
                self.parts[p].seqs.get(key, 0),
                self.parts[p].rows.parked.get(key),
            )
            for p, key in self.adopted
        ]


def state_record(
    changelog: str, partition: int, key: str, raw: bytes | None, seq: int, parked: str | None
) -> Record:
    """The changelog record of one row; `seq` and `parked` stand in headers, so that loading need
    not parse rows.
    """
    headers = [("seq", b"%d" % seq)]
    if parked:
        # 2,000 bytes are enough for a person; a header has no room for more.
        headers.append(("parked", parked.encode()[:2000]))
    return Record(changelog, key, raw or NO_ROW, headers, partition)


def seq_of(message: Message) -> int:
    """The seq of a row or fact, without parsing more than needed."""
    # In a header of newer records, so that most of a log need not be parsed.
    header = message.headers.get("seq")
    if header is not None:
        return int(header)
    found = orjson.loads(message.value) if message.value else {}
    return int(found.get("seq", 0))


class Recovery(Generic[R]):
    """Loads partitions. `attempt` runs our own pure functions (a bug parks the key); `progress` is
    called as it goes.
    """

    def __init__(
        self,
        work: Work[R],
        reader: LogSource,
        attempt: Callable[..., Any],
        progress: Callable[[], None],
    ) -> None:
        self._work, self._reader, self._attempt, self._progress = work, reader, attempt, progress
        self._not_read: dict[Key, dict[int, str]] = {}

    async def load(
        self, parts: dict[int, PartitionState], committed: Mapping[int, tuple[int, str]]
    ) -> LoadedPartitions:
        """Bring `parts` up to date in place. There is one for every partition assigned, a blank one
        where nothing was kept; `committed` has offset and note. Raises Unavailable."""
        work = self._work
        self._reader.unread.clear()
        # All ends first: they are where the next reading goes on.
        states = await self._reader.ends((work.changelog, p) for p in parts)
        ends = await self._reader.ends(
            (topic, p) for topic in (work.input, *work.outputs) for p in parts
        )
        begins = await self._reader.begins((work.input, p) for p in parts)
        # Where to go on in the input: what is kept, what the log still has, what was committed.
        for p, part in parts.items():
            part.next_offset = max(
                part.next_offset, begins[work.input, p], committed[p][0] if p in committed else 0
            )
            # a log that lost its tail: the consumer goes on at its end, and says so
            part.next_offset = min(part.next_offset, ends[work.input, p])
            part.fire_after = ends[work.input, p]
            # Nothing kept: read the facts from where the commit's note says that the rows have
            # them.
            if not part.outputs:
                note = read_note(committed[p][1]) if p in committed else None
                # A changelog that ends before the note's offset was lost, and the note with it.
                known = note[1] if note is not None and note[0] <= states[work.changelog, p] else {}
                part.outputs = {topic: known.get(topic, 0) for topic in work.outputs}
        # Step 1: the rows.
        touched = await self._read_rows(
            {(work.changelog, p): part.changelog for p, part in parts.items()}, parts
        )
        for p, part in parts.items():
            # A changelog that cannot be read costs time, not facts.
            if (work.changelog, p) in self._reader.unread:
                log.error("a damaged changelog is rebuilt from the facts", worker=work.name, part=p)
                part.outputs = dict.fromkeys(part.outputs, 0)
        # Step 2: the facts beyond the rows.
        self._not_read.clear()
        waiting = _read_again(parts)
        adopted, broken = await self._adopt(
            {(topic, p): at for p, part in parts.items() for topic, at in part.outputs.items()},
            parts,
        )
        # Facts lack their predecessors: the rows are older than thought, so read all facts.
        if broken:
            partitions = {p for p, _ in broken}
            log.warning(
                "rows lack facts in between: rebuilding from the facts",
                worker=work.name,
                partitions=sorted(partitions),
            )
            more, broken = await self._adopt(
                {(topic, p): 0 for p in partitions for topic in work.outputs}, parts
            )
            adopted |= more
        adopted |= waiting | self._park_not_read(parts)
        # Still a gap: the log itself lacks facts. Nothing can mend that here.
        if broken:
            log.error(
                "facts beyond a gap in seq are left out",
                worker=work.name,
                keys=sorted(key for _, key in broken)[:20],
            )
        # Damaged facts: nothing of the partition may be decided.
        damaged = {p: (topic, p) for topic, p in self._reader.unread if topic in work.outputs}
        for p in damaged:
            parts[p] = PartitionState(next_offset=parts[p].next_offset)
        touched = {(p, key) for p, key in touched if p not in damaged}
        adopted = {(p, key) for p, key in adopted if p not in damaged}
        for p, part in parts.items():
            if p in damaged:
                continue
            # Only now, when everything up to these ends is in the rows.
            part.changelog = states[work.changelog, p]
            part.outputs = {topic: ends[topic, p] for topic in work.outputs}
        touched |= adopted
        # Last: a row says only now what it wants.
        owed = await self._look_at(parts, touched)
        return LoadedPartitions(parts, touched, adopted, owed, damaged)

    async def _look_at(
        self, parts: dict[int, PartitionState], touched: set[Key]
    ) -> list[tuple[int, str, Effect]]:
        """Arm the timers of rows just loaded; what they owe."""
        owed: list[tuple[int, str, Effect]] = []
        if self._work.due_at is None and self._work.effects is None:
            return owed
        for i, (p, key) in enumerate(touched):
            owed.extend((p, key, effect) for effect in self._wants(parts[p], key))
            if i % 500 == 0:
                self._progress()
                await asyncio.sleep(0)  # heartbeats go on
        return owed

    def _wants(self, part: PartitionState, key: str) -> list[Effect]:
        work, raw = self._work, part.rows.get(key)
        # A parked key wants nothing.
        if raw is None or key in part.rows.parked:
            return []
        try:
            row = self._attempt(work.read_row, raw)
            if work.due_at is not None:
                part.rows.arm(key, self._attempt(work.due_at, row))
            return list(self._attempt(work.effects, row)) if work.effects is not None else []
        except Bug as error:
            # The row cannot say what it wants: somebody must look.
            part.rows.park(key, f"loading: {error}")
            return []

    async def _read_rows(
        self, starts: dict[Place, int], parts: dict[int, PartitionState]
    ) -> set[Key]:
        touched = set()
        async for messages in self._reader.read_to_end(starts):
            self._progress()
            part = parts[messages[0].partition]
            for message in messages:
                seq, parked = seq_of(message), message.headers.get("parked")
                # A late write of a former owner has a lower seq, and loses.
                if not message.value or seq < part.seqs.get(message.key, 0):
                    continue
                part.seqs[message.key] = seq
                if message.value != NO_ROW:
                    part.rows.put(message.key, message.value)
                # Each record tells anew whether the key is parked.
                part.rows.park(message.key, parked.decode("utf-8", "replace") if parked else None)
                touched.add((message.partition, message.key))
        return touched

    async def _adopt(
        self, starts: dict[Place, int], parts: dict[int, PartitionState]
    ) -> tuple[set[Key], set[Key]]:
        """(rows that took orphans, rows whose orphans do not join up)."""
        orphans: dict[Key, dict[int, Fact]] = {}
        async for messages in self._reader.read_to_end(starts):
            self._progress()
            part = parts[messages[0].partition]
            for message in messages:
                seq = 0
                try:
                    seq = seq_of(message)
                    # Only what lies beyond the row; the first fact of a seq counts.
                    if seq > part.seqs.get(message.key, 0):
                        fact = self._work.read_fact(message)
                        orphans.setdefault((message.partition, message.key), {}).setdefault(
                            fact.seq, fact
                        )
                except (Poisonous, orjson.JSONDecodeError) as error:
                    where = f"{message.topic}/{message.partition}/{message.offset}"
                    log.error(
                        "a fact of ours does not parse",
                        worker=self._work.name,
                        where=where,
                        error=str(error),
                    )
                    # Without a seq it cannot be said which key lacks what.
                    if seq:
                        place = (message.partition, message.key)
                        self._not_read.setdefault(place, {})[seq] = f"{where}: {error}"
        adopted, broken = set(), set()
        for (p, key), facts in orphans.items():
            # In an unbroken run from the row's seq; what lies beyond a gap is not taken.
            run, seq = [], parts[p].seqs.get(key, 0) + 1
            while seq in facts:
                run.append(facts[seq])
                seq += 1
            if len(run) < len(facts):
                broken.add((p, key))
            if run:
                self._take(parts[p], key, run)
                adopted.add((p, key))
        return adopted, broken

    def _park_not_read(self, parts: dict[int, PartitionState]) -> set[Key]:
        """Park the keys that have facts beyond their rows which cannot be read."""
        found = set()
        for (p, key), reasons in self._not_read.items():
            # Facts that the row has already need not be read.
            beyond = [seq for seq in reasons if seq > parts[p].seqs.get(key, 0)]
            if beyond:
                parts[p].rows.park(key, NOT_READ + reasons[min(beyond)])
                found.add((p, key))
        return found

    def _take(self, part: PartitionState, key: str, facts: list[Fact]) -> None:
        raw = part.rows.get(key)
        try:
            row = self._attempt(self._work.read_row, raw) if raw else None
            advanced = self._attempt(self._work.advance, row, facts)
        except Bug as error:
            log.error(
                "a bug while adopting facts: the key is parked",
                worker=self._work.name,
                key=key,
                error=str(error),
            )
            part.rows.park(key, f"adopting seq {facts[0].seq}: {error}")
            return
        part.rows.put(key, advanced.to_bytes())
        part.seqs[key] = advanced.seq


def _read_again(parts: dict[int, PartitionState]) -> set[Key]:
    """Let go the keys that wait for a version that understands their facts; those of their
    partitions are read from the beginning.
    """
    found = {
        # Only those parked because of facts that an older version could not read.
        (p, key)
        for p, part in parts.items()
        for key, reason in part.rows.parked.items()
        if reason.startswith(NOT_READ)
    }
    for p, key in found:
        # From the beginning, because the row stands before the fact that was not understood.
        parts[p].outputs = dict.fromkeys(parts[p].outputs, 0)
        parts[p].rows.park(key, None)
    return found
