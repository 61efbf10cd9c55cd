"""What the demo's far end has received: in memory, and in an append-only file that outlives its
restarts.

The receipts are the oracle of the chaos tests, so one is written before the sender gets its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

import orjson
import structlog

log = structlog.get_logger()

Kind = Literal["mail", "webhook", "page"]


class DemoReceipt(TypedDict):
    """One thing received. `n` counts 1, 2, 3… over all kinds; `id` is what the sender deduplicates
    by.

    `id` is the `webhook-id` of a webhook, the Message-ID of a mail and the dedup key of a page;
    `to` the provider's slug, the mail address, or the person paged; `body` the text as it came (a
    webhook's is its JSON text).
    """

    n: int
    kind: Kind
    to: str
    id: str
    at: str
    subject: str
    body: str
    headers: dict[str, str]
    ticket_id: str | None


class Receipts:
    """The book of receipts in `path`. A line cut off by a crash was never answered, so it is
    dropped when read back.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._all: list[DemoReceipt] = []
        # Bytes of whole lines. What is cut off behind them was never answered.
        whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                self._all.append(orjson.loads(line))
                whole += len(line)
        # Unbuffered: a receipt is with the kernel before its sender is answered.
        self._file = path.open("ab", buffering=0)
        self._file.truncate(whole)
        self._came = asyncio.Event()

    def add(
        self,
        kind: Kind,
        to: str,
        id_: str,
        *,
        subject: str,
        body: str,
        headers: Mapping[str, str],
        ticket_id: str | None,
    ) -> DemoReceipt:
        """Write it down; only then may the sender be answered."""
        receipt = DemoReceipt(
            n=len(self._all) + 1,
            kind=kind,
            to=to,
            id=id_,
            at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            subject=subject,
            body=body,
            headers=dict(headers),
            ticket_id=ticket_id,
        )
        self._write(orjson.dumps(receipt) + b"\n")
        self._all.append(receipt)
        # A new event each time: whoever waits looks again and waits on that one.
        self._came.set()
        self._came = asyncio.Event()
        return receipt

    def _write(self, line: bytes) -> None:
        """A full disk costs the line, not the receipt: a far end has a disk of its own."""
        whole = self._file.tell()
        try:
            if self._file.write(line) == len(line):
                return
        except OSError as error:
            log.warning("a receipt is kept in memory alone", error=str(error))
        # Half a line must go, or the next one would be joined to it.
        with contextlib.suppress(OSError):
            self._file.truncate(whole)
            self._file.seek(whole)

    def since(
        self, n: int, kind: str | None = None, ticket_id: str | None = None, to: str | None = None
    ) -> list[DemoReceipt]:
        """Receipts after number `n`, oldest first."""
        wanted = (("kind", kind), ("ticket_id", ticket_id), ("to", to))
        return [
            r
            for r in self._all[n:]
            if all(value is None or r.get(field) == value for field, value in wanted)
        ]

    async def wait(
        self, n: int, kind: str | None, ticket_id: str | None, to: str | None, seconds: float
    ) -> list[DemoReceipt]:
        """As `since`, but where there is none yet wait for one, `seconds` at most."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (
            not (found := self.since(n, kind, ticket_id, to)) and (left := until - loop.time()) > 0
        ):
            # Taken before the wait: a receipt in between sets this very event.
            came = self._came
            try:
                await asyncio.wait_for(came.wait(), left)
            except TimeoutError:
                break
        return found

    def close(self) -> None:
        self._file.close()
