"""What every home of files can do. Bytes stand under names that are theirs for good."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

DESCRIBED = "att_"
"""Names that begin so are descriptions of attachments (JSON); all others are SHA-256 in hex."""
MARK = "home-mark"
"""A file that says that this home has been used."""
PIECE_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class FileEntry(NamedTuple):
    """A file that is there. `size` is bytes."""

    name: str
    size: int


class FileHome(Protocol):
    """Every call may raise Unavailable `files` (or `mongodb`). What was put is durable on
    return.
    """

    where: str
    """For people: no password is in it."""

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Keep each under its name, whole or not at all; a name that is there may be left as it is.
        Raises Unavailable: some may be kept.
        """
        ...

    async def replace(self, name: str, raw: bytes) -> None:
        """Keep `raw` under this name, in place of what was there. A reader meets either."""
        ...

    async def get(self, name: str) -> bytes | None:
        """None: there is no such file."""
        ...

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        """The same in pieces."""
        ...

    async def has(self, name: str) -> bool: ...

    async def delete(self, name: str) -> bool:
        """Whether it was there."""
        ...

    def entries(self) -> AsyncIterator[FileEntry]:
        """All files, in no order; what comes or goes meanwhile may be missed."""
        ...

    async def unready(self) -> str | None:
        """A telemetry check: None where it can be read."""
        ...

    async def close(self) -> None: ...


def is_name(name: str) -> bool:
    """Whether it may be a file's name: it can be no path."""
    return _NAME.fullmatch(name) is not None
