"""What the text of a ticket says by itself, for its page: error codes, what the urgent guide still
asks for, masked secrets. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from shared.access import Standing
from shared.events import Priority, Status, TimeRead, UrgentDetails
from shared.text.answers import answers_in
from shared.text.codes import codes_in
from shared.text.completeness import ITEMS, items_of, measure

# What is missing does not matter any more.
_OVER = (Status.SOLVED, Status.CLOSED)
_ASKED = frozenset({Standing.STAFF, Standing.CUSTOMER})
"""A provider has the ticket as it is: what is missing is between the customer and us."""


def insight(ticket: Mapping[str, Any]) -> dict[str, Any]:
    """`{codes: [{code, title}], checklist: {given, of, items: [{title, question}]} | None}`;
    `ticket` as `Queries.ticket` gives it.

    The checklist is there for an urgent ticket that is not over.
    """
    urgent = ticket.get("urgent") or {}
    said = [
        ticket["subject"],
        ticket.get("body") or "",
        *(value for value in urgent.values() if isinstance(value, str)),
    ]
    return {
        "codes": [
            {"code": found.code, "title": found.title} for found in codes_in("\n".join(said))
        ],
        "checklist": _checklist(ticket, urgent) if _is_asked(ticket) else None,
    }


def _is_asked(ticket: Mapping[str, Any]) -> bool:
    return (
        ticket["priority"] == Priority.URGENT
        and ticket["status"] not in _OVER
        and ticket["standing"] in _ASKED
    )


def _checklist(ticket: Mapping[str, Any], urgent: Mapping[str, Any]) -> dict[str, Any]:
    # Later replies count as answers too, a machine's do not.
    told = [
        reply["body"]
        for reply in ticket.get("replies") or ()
        if reply["side"] == "customer" and not reply.get("automatic")
    ]
    # By way of JSON, since the documents hold instants and enums as texts.
    given = UrgentDetails.model_validate_json(
        orjson.dumps(with_answers(urgent, told)), extra="ignore"
    )
    times = [
        TimeRead.model_validate_json(orjson.dumps(read), extra="ignore")
        for read in ticket.get("times") or ()
    ]
    if any("began_at" in answers_in(text) for text in told):  # clearer than what was asked about
        times = [read for read in times if read.field != "began_at"]
    # Not granted is the same as not asked: the item stays on the list.
    access = True if ticket.get("access_granted") else None
    body = "\n".join([ticket.get("body") or "", *told])
    items = items_of(given, body, times, access_granted=access)
    return {
        "given": measure(items),
        "of": ITEMS,
        "items": [
            {"title": item.title, "question": item.question, "field": item.field} for item in items
        ],
    }


def with_answers(urgent: Mapping[str, Any], told: Iterable[str]) -> dict[str, Any]:
    """The items of the opening, filled up with what later replies of the customer's side give."""
    filled: dict[str, Any] = dict(urgent)
    for text in told:
        for field, answer in answers_in(text).items():
            if field == "third_party_services":
                if filled.get(field) is None:
                    filled[field] = [answer[:300]]
            elif not filled.get(field):
                filled[field] = answer
    return filled
