"""Dead letters put back where they came from. By hand: `signalbox dead-letters redrive`. By a
worker itself: once the documents that it decides by have changed, its parked keys are tried again.
"""

from __future__ import annotations

import base64
from collections.abc import Collection

from shared.bus import Reader
from shared.errors import Poisonous
from shared.events import DeadLetter
from shared.spine.draft import REDRIVE
from shared.topics import DEAD_LETTERS, read
from shared.wire import Record


def record_of(letter: DeadLetter) -> Record:
    """The record as it was, marked so that the worker tries it although its key is parked
    (`shared/spine/draft.py`).
    """
    raw = base64.b64decode(letter.raw)
    # An old mark must not stay: the letter's id is the new one.
    headers = [(name, value.encode()) for name, value in letter.headers.items() if name != REDRIVE]
    return Record(
        letter.topic,
        letter.key,
        raw or None,
        [*headers, (REDRIVE, letter.id.encode())],
        letter.partition,
    )


async def letters_of(
    reader: Reader, worker: str, keys: Collection[tuple[int, str]]
) -> list[DeadLetter]:
    """The letters that keep these keys of the worker (partition, key) waiting, in the order in
    which their records stood. Raises Unavailable.

    A letter that a record made when it was tried again is left out: its first one is there too, so
    that trying again makes no more of them.
    """
    places = [(DEAD_LETTERS.name, p) for p in range(await reader.partitions(DEAD_LETTERS.name))]
    found: dict[str, DeadLetter] = {}
    async for messages in reader.read_to_end(await reader.begins(places)):
        for message in messages:
            try:
                event = read(message.value, message.headers.get("ce_type"))
            except Poisonous:
                # A letter that cannot be read names no key to try.
                continue
            if (
                isinstance(event, DeadLetter)
                and event.worker == worker
                and event.parked
                and (event.partition, event.key) in keys
                and REDRIVE not in event.headers
            ):
                found.setdefault(event.id, event)
    return sorted(found.values(), key=lambda one: (one.at, one.partition, one.offset))
