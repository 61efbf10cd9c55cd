"""What the text of a ticket says by itself, for its page: error codes, what the urgent guide still asks for, masked secrets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from shared.access import Standing
from shared.events import Priority, Status, TimeRead, UrgentDetails
from shared.text.codes import codes_in
from shared.text.completeness import ITEMS, items_of, measure

_OVER = (Status.SOLVED, Status.CLOSED)
_ASKED = frozenset({Standing.STAFF, Standing.CUSTOMER})
"""A provider has the ticket as it is: what is missing is between the customer and us."""


def insight(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """`{codes: [{code, title}], checklist: {given, of, items: [{title, question}]} | None}`; `ticket` as `Queries.ticket` gives it.

    The checklist is there for an urgent ticket that is not over.
    """
    urgent = ticket.get("urgent") or {}
    said = [ticket["subject"], ticket.get("body") or "", *(value for value in urgent.values() if isinstance(value, str))]
    return {
        "codes": [{"code": found.code, "title": found.title} for found in codes_in("\n".join(said))],
        "checklist": _checklist(ticket, urgent) if _is_asked(ticket) else None,
    }


def _is_asked(ticket: Mapping[str, Any]) -> bool:
    return ticket["priority"] == Priority.URGENT and ticket["status"] not in _OVER and ticket["standing"] in _ASKED


def _checklist(ticket: Mapping[str, Any], urgent: Mapping[str, Any]) -> dict[str, Any]:
    given = UrgentDetails.model_validate_json(orjson.dumps(urgent), extra="ignore")
    times = [TimeRead.model_validate_json(orjson.dumps(read), extra="ignore") for read in ticket.get("times") or ()]
    access = True if ticket.get("access_granted") else None
    items = items_of(given, ticket.get("body") or "", times, access_granted=access)
    return {"given": measure(items), "of": ITEMS, "items": [{"title": item.title, "question": item.question} for item in items]}
