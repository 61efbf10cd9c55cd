"""What a customer learns of the pages for their ticket: that somebody was paged, since when
somebody has it, and by when the first answer is due. Never who, how, or how often. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.events import ClockName

# Pages of these states tell the customer nothing any more.
_OVER = frozenset({"cancelled", "resolved"})


def describe_paging(
    ticket: Mapping[str, Any], pages: Iterable[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """`{state: paged|handled, paged_at, handled_since, answer_by}`, ISO 8601; null where nobody was
    paged, or it is over. `pages`: documents of the view; `ticket`: that of the ticket.

    A ticket that joined a page was paged when it was opened, at the earliest.
    """
    live = [page for page in pages if page["state"] not in _OVER and page["opened_at"]]
    if not live or ticket["status"] in ("solved", "closed"):
        return None
    handled = [page["acknowledged_at"] for page in live if page["state"] == "acknowledged"]
    # None while the clock is paused or met: there is no promise to show.
    promised = next(
        (
            clock["due_at"]
            for clock in ticket["clocks"]
            if clock["name"] == ClockName.INITIAL_RESPONSE and clock["state"] == "running"
        ),
        None,
    )
    return {
        "state": "handled" if handled else "paged",
        "paged_at": max(min(page["opened_at"] for page in live), ticket["opened_at"]),
        "handled_since": min(handled) if handled else None,
        "answer_by": promised,
    }
