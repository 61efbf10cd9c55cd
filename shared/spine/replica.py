"""Reference data at hand: the latest record of every key of a topic (directory, policies, status),
kept up to date.

With a path the replica is a SQLite file with the offsets beside the records, so that intake starts
and answers with Kafka away. Without one it lives in memory (workers). Applying a record twice
changes nothing; an empty value removes its key.

In memory a directory's record is its document alone, and each kind has a table of its own: a
hundred thousand subscribers are held by four processes, and must not slow down the one who looks
for a provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import structlog
from prometheus_client import Counter

from shared.bus import Reader
from shared.errors import FAULTS, Poisonous, Unavailable
from shared.process.background import Background
from shared.spine.records import READABLE
from shared.storage.derived_file import open_derived
from shared.telemetry.logs import Note
from shared.wire import Message

log = structlog.get_logger()

OnChange = Callable[[Message], None]

SKIPPED = Counter(
    "signalbox_skipped_records_total", "Records of reference topics that cannot be read", ["topic"]
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS skipped (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
"""

_TRIES = 3
"""So often is a record tried that whoever follows stumbles over; then it is skipped."""

_NOTHING: Mapping[str, bytes] = {}
# How orjson writes the record of a document; anything else is kept as it is.
_RECORDED = b'{"type":"DirectoryRecorded",'


class Replica:
    """Use as `async with Replica(topic, bootstrap, prefix, path=…) as replica`; reading it never
    waits.

    `on_change` is called for every record as it is applied, in log order within a partition. In
    memory that is the whole topic as the log still has it (all versions of a policy); a replica on
    disk calls it at start with what it holds, the latest of each key, with partition and offset -1.
    """

    def __init__(
        self,
        topic: str,
        bootstrap: str,
        prefix: str,
        *,
        path: Path | None = None,
        on_change: OnChange | None = None,
        is_void: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        """`is_void`: records that are worth nothing here. They are read as removals; the file
        keeps them.
        """
        self.topic, self._is_void = topic, is_void
        self._bootstrap, self._prefix, self._path = bootstrap, prefix, path
        self._on_change = on_change
        self._records: dict[str, dict[str, bytes]] = {}
        self._next: dict[int, int] = {}
        # None: Kafka was not asked yet how far the topic goes.
        self._ends: dict[int, int] | None = None
        self._moved = asyncio.Condition()
        self._file: sqlite3.Connection | None = None
        self._background = Background()
        self._reader: Reader | None = None
        self._check = READABLE.get(topic)
        self._skipped: dict[str, str] = {}
        self._tries: dict[tuple[int, int], int] = {}

    async def __aenter__(self) -> Replica:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the file, if any, and begin to follow the topic. Does not wait for Kafka."""
        if self._path is not None:
            # The file first, so that answers are there before Kafka is.
            self._file = open_derived(self._path, _prepare)
            self._next = dict(self._file.execute("SELECT partition, next FROM offsets"))
            self._read_what_was_skipped(self._file)
            # Void records are in the file and not in memory.
            for key, value in self._file.execute("SELECT key, value FROM records"):
                if not self._is_void(value):
                    self._take(Message(self.topic, -1, -1, key, value, {}, 0.0))
        self._background.start({f"the replica of {self.topic}": self._follow})

    def _read_what_was_skipped(self, file: sqlite3.Connection) -> None:
        """A newer Signalbox wrote it, and the one that ran here before could not read it: if this
        one can, it counts.
        """
        kept = [
            (key, value)
            for key, value in file.execute("SELECT key, value FROM skipped").fetchall()
            if self._is_readable(Message(self.topic, -1, -1, key, value, {}, 0.0))
        ]
        with file:
            file.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", kept)
            file.executemany("DELETE FROM skipped WHERE key = ?", [(key,) for key, _ in kept])

    async def stop(self) -> None:
        await self._background.stop()
        if self._file is not None:
            self._file.close()
            self._file = None

    def record(self, key: str) -> bytes | None:
        """The latest value of `key`: `{"document": …}` of a DirectoryRecorded, any other as it
        stands in the log.
        """
        kind, doc_id = _parts(key)
        return self._records.get(kind, _NOTHING).get(doc_id)

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        """The document of a `kind:id` key: the `document` of a DirectoryRecorded; None where there
        is none or it was removed.
        """
        raw = self._records.get(f"{kind}:", _NOTHING).get(doc_id)
        return _document(raw) if raw is not None else None

    def all(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """All documents of a kind by id (of the whole topic by key, without a kind)."""
        if kind is not None:
            found = (
                (doc_id, _document(raw))
                for doc_id, raw in self._records.get(f"{kind}:", _NOTHING).items()
            )
        else:
            found = (
                (begin + doc_id, _document(raw))
                for begin, kept in self._records.items()
                for doc_id, raw in kept.items()
            )
        return {key: document for key, document in found if document is not None}

    def ids(self, kind: str) -> list[str]:
        """The ids of all documents of a kind, in no order; none of them is parsed."""
        return list(self._records.get(f"{kind}:", _NOTHING))

    def __len__(self) -> int:
        return sum(map(len, self._records.values()))

    @property
    def is_caught_up(self) -> bool:
        """It has read as far as the topic reached when Kafka was last asked (never asked: False). A
        damaged partition is not waited for: readiness names it.
        """
        return self._ends is not None and all(
            self._next.get(p, 0) >= end or self._is_damaged(p) for p, end in self._ends.items()
        )

    def _is_damaged(self, partition: int) -> bool:
        return self._reader is not None and (self.topic, partition) in self._reader.damaged

    def has_read(self, ends: Mapping[int, int]) -> bool:
        """Whether it has read up to these offsets (by partition), as asked of Kafka just now."""
        return all(self._next.get(partition, 0) >= end for partition, end in ends.items())

    async def unready(self) -> str | None:
        """A telemetry check."""
        return None if self.is_caught_up else f"the replica of {self.topic} is behind"

    async def state(self) -> str | None:
        """A telemetry check that also notes which records were skipped; that leaves it ready."""
        if (behind := await self.unready()) is not None:
            return behind
        if not self._skipped:
            return None
        told = "; ".join(f"{key} at {why}" for key, why in list(self._skipped.items())[:3])
        return Note(f"{len(self._skipped)} keys of {self.topic} are as before: {told}")

    async def caught_up(self, timeout: float = 30.0) -> None:
        """Wait until everything written before the start has been read. Raises Unavailable."""
        await self._until(lambda: self.is_caught_up, timeout, "it is behind")

    async def wait_for(self, partition: int, offset: int, timeout: float = 2.0) -> None:
        """Wait until the record at `offset` has been applied (read your own writes). Raises
        Unavailable.
        """
        await self._until(
            lambda: self._next.get(partition, 0) > offset,
            timeout,
            f"offset {offset} is not there yet",
        )

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 2.0) -> None:
        """Wait until `condition`, looked at after every change, holds. Raises Unavailable."""
        await self._until(condition, timeout, "the condition does not hold")

    async def _until(self, condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
        # `_moved` is told after every batch, so nobody polls.
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(condition)
        except TimeoutError as error:
            raise Unavailable(f"replica of {self.topic}", otherwise) from error

    async def _follow(self) -> None:
        """Only a bug, ours or of `on_change`, ends it: then it is started again. Until it has asked
        how far the topic goes, nothing read here is of today.
        """
        try:
            await self._follow_on()
        finally:
            # Not current: whatever is read from here on may be old.
            self._ends = None

    async def _follow_on(self) -> None:
        pause = 0.1
        while True:
            reader: Reader | None = None
            try:
                reader = Reader(self._bootstrap, self._prefix, client_id=f"replica-{self.topic}")
                await reader.start()
                self._reader = reader
                places = [(self.topic, p) for p in range(await reader.partitions(self.topic))]
                # Ends before reading: "caught up" is measured by what was there at the start.
                ends, begins = await reader.ends(places), await reader.begins(places)
                self._forget_another_log({p: end for (_, p), end in ends.items()})
                # What was deleted by age is not waited for.
                starts = {
                    place: max(self._next.get(place[1], 0), begins[place]) for place in places
                }
                for (_, p), start in starts.items():
                    self._next[p] = start
                self._ends = {p: end for (_, p), end in ends.items()}
                await self._tell()
                pause = 0.1
                async for messages in reader.tail(starts):
                    if messages:
                        self._apply(messages)
                    await self._tell()
            except Unavailable as error:
                log.warning("a replica waits for Kafka", topic=self.topic, error=str(error))
            finally:
                if reader is not None:
                    await reader.stop()
            # Longer each time while Kafka is away, up to five seconds.
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _forget_another_log(self, ends: dict[int, int]) -> None:
        """Offsets beyond the end mean that the topic was made anew: what the file holds is of
        another world.
        """
        # At or before the end everywhere: the same log.
        if all(self._next.get(p, 0) <= end for p, end in ends.items()):
            return
        log.warning("the topic was made anew, the replica starts over", topic=self.topic)
        self._records.clear()
        self._next.clear()
        if self._file is not None:
            with self._file:
                self._file.execute("DELETE FROM records")
                self._file.execute("DELETE FROM skipped")
                self._file.execute("DELETE FROM offsets")

    def _apply(self, messages: list[Message]) -> None:
        """What cannot be read is skipped: the record before it stays, and the offset goes on."""
        good = [message for message in messages if self._is_readable(message)]
        last = messages[-1]
        # The file before memory: after a crash it must not lack what memory had.
        if self._file is not None:
            kept = {m.key: m.value for m in good}
            # The newest of each key, whether it can be read or not.
            newest = {m.key: m for m in messages}
            readable = {m.offset for m in good}
            skipped = {k: m.value for k, m in newest.items() if m.offset not in readable}
            self._keep(kept, skipped, last.partition, last.offset + 1)
        for message in map(self._without_void, good):
            self._take(message)
        self._next[last.partition] = last.offset + 1

    def _is_readable(self, message: Message) -> bool:
        # Topics without a check take everything.
        if self._check is None:
            return True
        try:
            self._check(message.key, message.value)
        except Poisonous as error:
            self._skip(message, str(error))
            return False
        # The key can be read again.
        self._skipped.pop(message.key, None)
        return True

    def _take(self, message: Message) -> None:
        try:
            self._put(message.key, message.value)
            if self._on_change is not None:
                self._on_change(message)
        # A fault of whoever follows; a record must not stop the replica for good.
        except FAULTS as error:
            place = (message.partition, message.offset)
            self._tries[place] = self._tries.get(place, 0) + 1
            if message.offset >= 0 and self._tries[place] < _TRIES:
                raise  # it follows again in a moment, from here
            self._skip(message, f"{type(error).__name__}: {error}")
        # It went well: tries are counted in a row.
        self._tries.clear()

    def _skip(self, message: Message, reason: str) -> None:
        SKIPPED.labels(self.topic).inc()
        self._skipped[message.key] = f"{message.partition}/{message.offset}: {reason[:200]}"
        log.error(
            "a record is skipped, what was known before stays",
            topic=self.topic,
            key=message.key,
            partition=message.partition,
            offset=message.offset,
            reason=reason[:500],
        )

    def _without_void(self, message: Message) -> Message:
        if message.value and self._is_void(message.value):
            return message._replace(value=b"")
        return message

    def _put(self, key: str, value: bytes) -> None:
        kind, doc_id = _parts(key)
        if value:
            self._records.setdefault(kind, {})[doc_id] = _trim_record(value)
        else:
            self._records.get(kind, {}).pop(doc_id, None)

    def _keep(
        self, changed: dict[str, bytes], skipped: dict[str, bytes], partition: int, following: int
    ) -> None:
        """To the file. One that takes nothing (a full disk) is closed, and memory goes on alone:
        what the file holds is whole up to its offsets, and the next start reads on from there.
        """
        assert self._file is not None
        try:
            with self._file:
                self._file.executemany(
                    "INSERT OR REPLACE INTO records VALUES (?, ?)", _present(changed)
                )
                self._file.executemany(
                    "DELETE FROM records WHERE key = ?",
                    [(key,) for key, value in changed.items() if not value],
                )
                self._file.executemany(
                    "DELETE FROM skipped WHERE key = ?", [(key,) for key in changed]
                )
                self._file.executemany(
                    "INSERT OR REPLACE INTO skipped VALUES (?, ?)", list(skipped.items())
                )
                self._file.execute(
                    "INSERT OR REPLACE INTO offsets VALUES (?, ?)", (partition, following)
                )
        except sqlite3.Error as error:
            log.error("a replica goes on without its file", topic=self.topic, error=str(error))
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
            self._file = None

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()


def _prepare(file: sqlite3.Connection) -> None:
    # Readers do not stop the writer; what a crash takes from the end is read again.
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=NORMAL")
    file.executescript(_SCHEMA)


def _present(changed: dict[str, bytes]) -> Iterable[tuple[str, bytes]]:
    return [(key, value) for key, value in changed.items() if value]


def _parts(key: str) -> tuple[str, str]:
    """`kind:` and id of a key; a key without a kind is all id."""
    kind, colon, doc_id = key.partition(":")
    return (kind + colon, doc_id) if colon else ("", key)


def _trim_record(value: bytes) -> bytes:
    """What memory holds of a record. The envelope is more than half of a subscriber's, and nobody
    asks for it.

    Copied, because orjson's bytes stay in the page they were written in: a hundred thousand took
    400 MB.
    """
    if not value.startswith(_RECORDED):
        return value
    return bytes(memoryview(orjson.dumps({"document": orjson.loads(value)["document"]})))


def _document(raw: bytes) -> dict[str, Any] | None:
    """The `document` of a DirectoryRecorded or PolicyPublished; records that are a bare document
    are given as they are.
    """
    found: dict[str, Any] = orjson.loads(raw)
    document: dict[str, Any] | None = found.get("document", found)
    return document
