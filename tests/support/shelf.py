"""A home of files in memory that can be away: for tests of what waits for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.errors import Unavailable
from shared.files.home import FileEntry


@dataclass
class Shelf:
    """`calls`: how many files each write had."""

    away: bool = False
    kept: dict[str, bytes] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    where: str = "a shelf"

    async def put_many(self, files: Sequence[tuple[str, bytes]]) -> None:
        self._look()
        self.calls.append(len(files))
        for name, raw in files:
            self.kept.setdefault(name, raw)

    async def replace(self, name: str, raw: bytes) -> None:
        self._look()
        self.kept[name] = raw

    async def get(self, name: str) -> bytes | None:
        self._look()
        return self.kept.get(name)

    async def stream(self, name: str) -> AsyncIterator[bytes] | None:
        raw = await self.get(name)
        return None if raw is None else _whole(raw)

    async def has(self, name: str) -> bool:
        return await self.get(name) is not None

    async def delete(self, name: str) -> bool:
        self._look()
        return self.kept.pop(name, None) is not None

    async def entries(self) -> AsyncIterator[FileEntry]:
        self._look()
        for name, raw in list(self.kept.items()):
            yield FileEntry(name, len(raw))

    async def unready(self) -> str | None:
        return "away" if self.away else None

    async def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        if self.away:
            raise Unavailable("files", "away")


async def _whole(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
