"""Reference data at hand: the latest record of every key of a topic (directory, policies, status), kept up to date.

With a path the replica is a SQLite file with the offsets beside the records, so that intake starts and answers with Kafka
away. Without one it lives in memory (workers). Applying a record twice changes nothing; an empty value removes its key.

In memory a directory's record is its document alone, and each kind has a table of its own: a hundred thousand subscribers are held
by four processes, and must not slow down the one who looks for a provider.
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

from shared.bus import Reader
from shared.errors import Unavailable
from shared.wire import Message

log = structlog.get_logger()

OnChange = Callable[[Message], None]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
"""

_NOTHING: Mapping[str, bytes] = {}
_RECORDED = b'{"type":"DirectoryRecorded",'


class Replica:
    """Use as `async with Replica(topic, bootstrap, prefix, path=…) as replica`; reading it never waits.

    `on_change` is called for every record as it is applied, in log order within a partition. In memory that is the whole
    topic as the log still has it (all versions of a policy); a replica on disk calls it at start with what it holds, the
    latest of each key, with partition and offset -1.
    """

    def __init__(
        self,
        topic: str,
        bootstrap: str,
        prefix: str,
        *,
        path: Path | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        self.topic = topic
        self._bootstrap, self._prefix, self._path = bootstrap, prefix, path
        self._on_change = on_change
        self._records: dict[str, dict[str, bytes]] = {}
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] | None = None
        self._moved = asyncio.Condition()
        self._file: sqlite3.Connection | None = None
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Replica:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the file, if any, and begin to follow the topic. Does not wait for Kafka."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open(self._path)
            self._next = dict(self._file.execute("SELECT partition, next FROM offsets"))
            for key, value in self._file.execute("SELECT key, value FROM records"):
                self._put(key, value)
                if self._on_change is not None:
                    self._on_change(Message(self.topic, -1, -1, key, value, {}, 0.0))
        self._following = asyncio.create_task(self._follow())
        self._following.add_done_callback(self._ended)

    async def stop(self) -> None:
        if self._following is not None:
            while not self._following.done():
                self._following.cancel()  # more than once: a wait_for of Python 3.11 inside aiokafka may swallow it
                await asyncio.wait([self._following], timeout=0.2)
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
            self._following = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def record(self, key: str) -> bytes | None:
        """The latest value of `key`: `{"document": …}` of a DirectoryRecorded, any other as it stands in the log."""
        kind, doc_id = _parts(key)
        return self._records.get(kind, _NOTHING).get(doc_id)

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        """The document of a `kind:id` key: the `document` of a DirectoryRecorded; None where there is none or it was removed."""
        raw = self._records.get(f"{kind}:", _NOTHING).get(doc_id)
        return _document(raw) if raw is not None else None

    def all(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """All documents of a kind by id (of the whole topic by key, without a kind)."""
        if kind is not None:
            found = ((doc_id, _document(raw)) for doc_id, raw in self._records.get(f"{kind}:", _NOTHING).items())
        else:
            found = ((begin + doc_id, _document(raw)) for begin, kept in self._records.items() for doc_id, raw in kept.items())
        return {key: document for key, document in found if document is not None}

    def ids(self, kind: str) -> list[str]:
        """The ids of all documents of a kind, in no order; none of them is parsed."""
        return list(self._records.get(f"{kind}:", _NOTHING))

    def __len__(self) -> int:
        return sum(map(len, self._records.values()))

    @property
    def is_caught_up(self) -> bool:
        """It has read as far as the topic reached when Kafka was last asked (never asked: False)."""
        return self._ends is not None and all(self._next.get(p, 0) >= end for p, end in self._ends.items())

    def has_read(self, ends: Mapping[int, int]) -> bool:
        """Whether it has read up to these offsets (by partition), as asked of Kafka just now."""
        return all(self._next.get(partition, 0) >= end for partition, end in ends.items())

    def _ended(self, following: asyncio.Task[None]) -> None:
        """Only a bug, ours or of `on_change`, ends it before `stop`: then nothing read here is of today any more."""
        if not following.cancelled() and (error := following.exception()) is not None:
            self._ends = None
            log.critical("a replica has stopped following", topic=self.topic, exc_info=error)

    async def unready(self) -> str | None:
        """A telemetry check."""
        return None if self.is_caught_up else f"the replica of {self.topic} is behind"

    async def caught_up(self, timeout: float = 30.0) -> None:
        """Wait until everything written before the start has been read. Raises Unavailable."""
        await self._until(lambda: self.is_caught_up, timeout, "it is behind")

    async def wait_for(self, partition: int, offset: int, timeout: float = 2.0) -> None:
        """Wait until the record at `offset` has been applied (read your own writes). Raises Unavailable."""
        await self._until(lambda: self._next.get(partition, 0) > offset, timeout, f"offset {offset} is not there yet")

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 2.0) -> None:
        """Wait until `condition`, looked at after every change, holds. Raises Unavailable."""
        await self._until(condition, timeout, "the condition does not hold")

    async def _until(self, condition: Callable[[], bool], timeout: float, otherwise: str) -> None:
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(condition)
        except TimeoutError as error:
            raise Unavailable(f"replica of {self.topic}", otherwise) from error

    async def _follow(self) -> None:
        pause = 0.1
        while True:
            reader: Reader | None = None
            try:
                reader = Reader(self._bootstrap, self._prefix, client_id=f"replica-{self.topic}")
                await reader.start()
                places = [(self.topic, p) for p in range(await reader.partitions(self.topic))]
                ends, begins = await reader.ends(places), await reader.begins(places)
                self._forget_another_log({p: end for (_, p), end in ends.items()})
                starts = {place: max(self._next.get(place[1], 0), begins[place]) for place in places}
                for (_, p), start in starts.items():
                    self._next[p] = start
                self._ends = {p: end for (_, p), end in ends.items()}
                await self._tell()
                pause = 0.1
                async for messages in reader.tail(starts):
                    self._apply(messages)
                    await self._tell()
            except Unavailable as error:
                log.warning("a replica waits for Kafka", topic=self.topic, error=str(error))
            finally:
                if reader is not None:
                    await reader.stop()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    def _forget_another_log(self, ends: dict[int, int]) -> None:
        """Offsets beyond the end mean that the topic was made anew: what the file holds is of another world."""
        if all(self._next.get(p, 0) <= end for p, end in ends.items()):
            return
        log.warning("the topic was made anew, the replica starts over", topic=self.topic)
        self._records.clear()
        self._next.clear()
        if self._file is not None:
            with self._file:
                self._file.execute("DELETE FROM records")
                self._file.execute("DELETE FROM offsets")

    def _apply(self, messages: list[Message]) -> None:
        changed: dict[str, bytes] = {}
        for message in messages:
            changed[message.key] = message.value
        last = messages[-1]
        if self._file is not None:
            self._keep(changed, last.partition, last.offset + 1)
        for message in messages:
            self._put(message.key, message.value)
            if self._on_change is not None:
                self._on_change(message)
        self._next[last.partition] = last.offset + 1

    def _put(self, key: str, value: bytes) -> None:
        kind, doc_id = _parts(key)
        if value:
            self._records.setdefault(kind, {})[doc_id] = _kept(value)
        else:
            self._records.get(kind, {}).pop(doc_id, None)

    def _keep(self, changed: dict[str, bytes], partition: int, following: int) -> None:
        assert self._file is not None
        with self._file:
            self._file.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", _present(changed))
            self._file.executemany("DELETE FROM records WHERE key = ?", [(key,) for key, value in changed.items() if not value])
            self._file.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", (partition, following))

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()


def _open(path: Path) -> sqlite3.Connection:
    """A damaged file is put aside and read anew from Kafka: it is only a copy."""
    file = sqlite3.connect(path)
    try:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.executescript(_SCHEMA)
        if file.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check failed")
    except sqlite3.DatabaseError as error:
        file.close()
        log.error("the replica file is damaged and put aside", path=str(path), error=str(error))
        path.rename(path.with_suffix(".damaged"))
        return _open(path)
    return file


def _present(changed: dict[str, bytes]) -> Iterable[tuple[str, bytes]]:
    return [(key, value) for key, value in changed.items() if value]


def _parts(key: str) -> tuple[str, str]:
    """`kind:` and id of a key; a key without a kind is all id."""
    kind, colon, doc_id = key.partition(":")
    return (kind + colon, doc_id) if colon else ("", key)


def _kept(value: bytes) -> bytes:
    """What memory holds of a record. The envelope is more than half of a subscriber's, and nobody asks for it.

    Copied, because orjson's bytes stay in the page they were written in: a hundred thousand took 400 MB.
    """
    if not value.startswith(_RECORDED):
        return value
    return bytes(memoryview(orjson.dumps({"document": orjson.loads(value)["document"]})))


def _document(raw: bytes) -> dict[str, Any] | None:
    """The `document` of a DirectoryRecorded or PolicyPublished; records that are a bare document are given as they are."""
    found: dict[str, Any] = orjson.loads(raw)
    document: dict[str, Any] | None = found.get("document", found)
    return document
