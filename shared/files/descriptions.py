"""What is said about attachments: `{_id, blob, name, type, size, by, at, scan, masked}`, each a
small file under the attachment's id.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import orjson

from shared.files.home import FileHome

Description = dict[str, Any]
# Descriptions; a few hundred bytes each.
_REMEMBERED = 5_000


class Descriptions:
    """Reads them, and remembers those that were read lately: they hardly ever change."""

    def __init__(self, files: FileHome) -> None:
        self._files = files
        self._known: OrderedDict[str, Description] = OrderedDict()

    async def find(self, ids: Iterable[str]) -> dict[str, Description]:
        """Those that there are, by id. Raises Unavailable."""
        wanted = list(dict.fromkeys(ids))
        # Taken out before anything is waited for: another call may push them out meanwhile.
        known = {name: self._known[name] for name in wanted if name in self._known}
        missing = [name for name in wanted if name not in known]
        # All at once: each is a round trip, or a read in a thread.
        read = await asyncio.gather(*(self._files.get(name) for name in missing))
        known |= {name: orjson.loads(raw) for name, raw in zip(missing, read, strict=True) if raw}
        found = {name: known[name] for name in wanted if name in known}
        self._remember(found)
        return found

    def _remember(self, found: dict[str, Description]) -> None:
        for name, description in found.items():
            # The one used last goes to the end; the front is left out first.
            self._known[name] = description
            self._known.move_to_end(name)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
