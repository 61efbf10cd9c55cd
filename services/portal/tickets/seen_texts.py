"""What a ticket's text says by itself (`insight.py`), read once for each change of the ticket and
not once a view: a pasted log of 100 kB takes tens of milliseconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from services.portal.tickets.insight import insight

# Readings kept in memory: by ticket, its last fact, and who looks.
_KEPT = 500
_QUICK = 4_000
"""Characters that are read at once: a thread would cost more."""

# One for the process; a new fact of the ticket has a new key, so nothing is ever out of date.
_kept: OrderedDict[tuple[str, int, str], dict[str, Any]] = OrderedDict()


async def insight_of(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """`insight(ticket)`, kept by the ticket's last fact and by who looks."""
    key = (ticket["id"], ticket["seq"], ticket["standing"])
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    if len(ticket.get("body") or "") + len(str(ticket.get("urgent") or "")) > _QUICK:
        found = await asyncio.to_thread(insight, ticket)
    else:
        found = insight(ticket)
    _kept[key] = found
    while len(_kept) > _KEPT:
        _kept.popitem(last=False)
    return found
