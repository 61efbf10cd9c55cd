"""Messages as the portal shows them, made once: what was said never changes, so its HTML is kept.

Markdown is slow to read (tens of milliseconds for a hostile text), so a page's messages are
prepared in a thread before it is drawn, and no reader waits for another one's text.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from shared.events import Via
from shared.markup import message_html

KEPT_BYTES = 8_000_000
"""HTML that is kept in memory; the messages that were read the longest ago are left out first."""
_QUICK = 4_000
"""Characters that are made at once: a thread would cost more."""
# The fields that are read as messages.
_SAID_IN = ("body", "quoted", "resolution")

Fact = Mapping[str, Any]


def as_mail(text: str) -> Markup:
    """A text that came by mail and is no fact: a mail in quarantine."""
    return Markup(message_html(text, is_plain=True))  # noqa: S704


class Messages:
    """HTML by message. One per process; `html` may be called from any thread."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most, self._size = most, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Markup] = OrderedDict()

    def html(self, fact: Fact, name: str = "body") -> Markup:
        """The field `name` of the fact; empty where there is none."""
        data = fact["data"]
        text = data.get(name)
        if not text:
            return Markup()
        key = (fact["id"], name)
        # Held for the look-up only: to make the HTML is the slow part.
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        is_plain = data.get("via") == Via.EMAIL or name == "quoted"
        # The text is escaped by what makes it HTML.
        return self._keep(key, Markup(message_html(str(text), is_plain=is_plain)))  # noqa: S704

    def urgent_html(self, fact: Fact, name: str) -> Markup:
        """What the urgent guide's item `name` says: logs among them."""
        data = {"body": fact["data"]["urgent"][name], "via": fact["data"].get("via")}
        return self.html({"id": f"{fact['id']}/{name}", "data": data})

    async def prepare(self, facts: Iterable[Fact]) -> None:
        """Make what the facts say, without holding the loop."""
        new = [
            (fact, name)
            for fact in facts
            for name in _SAID_IN
            # Read without the lock: at worst a text is made twice.
            if fact["data"].get(name) and (fact["id"], name) not in self._kept
        ]
        # Short texts are made when the page is drawn.
        if sum(len(fact["data"][name]) for fact, name in new) > _QUICK:
            await asyncio.to_thread(lambda: [self.html(fact, name) for fact, name in new])

    def _keep(self, key: tuple[str, str], html: Markup) -> Markup:
        with self._lock:
            # Two threads may have made the same text: its size counts once.
            self._size += len(html) - len(self._kept.get(key, ""))
            self._kept[key] = html
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])
        return html
