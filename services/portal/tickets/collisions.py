"""What came in while somebody wrote a reply. Pure.

A form of ours carries the ticket's seq as it was when the form was drawn. Where somebody else has
written since, the sender looks first; "send anyway" carries the newer seq. The router holds the
same for what comes in while the request is on its way (`answered-meanwhile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.people.folding import fold_address

# What people write to each other; changes of state do not disturb a writer.
MESSAGES = frozenset({"ReplyAdded", "NoteAdded", "TicketSolved"})
ANSWERED = "answered-meanwhile"
"""The router's word for it."""


def read_seen(fields: Mapping[str, str]) -> int | None:
    """The seq a form says its writer had on screen; None: it says none."""
    text = fields.get("seen", "")
    # At most nine digits: a form can say anything.
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 10 else None


def find_written_since(
    timeline: Iterable[Mapping[str, Any]], seen: int | None, email: str
) -> list[Mapping[str, Any]]:
    """The messages of others after `seen`, oldest first, of a timeline as its reader may see it. A
    machine's mail is none.
    """
    if seen is None:
        return []
    mine = fold_address(email)
    return [
        entry
        for entry in timeline
        if entry["topic"] == "tickets"
        and entry["type"] in MESSAGES
        and entry["seq"] > seen
        and not entry["data"].get("automatic")
        and fold_address(str(entry["data"].get("author") or entry["by"] or "")) != mine
    ]
