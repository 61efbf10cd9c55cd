"""Who is named to a customer: themselves and their colleagues by address, everybody else by what
they are to the ticket. Staff have names where they write, and roles elsewhere; never addresses.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from shared.people.folding import fold_address

SUPPORT, PROVIDER = "support", "provider"
"""What stands in place of an address."""
CUSTOMER = "customer"
_OF_PEOPLE = frozenset(
    {"ParticipantJoined", "ParticipantAsked", "ParticipantDeclined", "ParticipantRemoved"}
)
"""Facts about the customer's side, who are named to each other."""
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_WORDS = frozenset(
    {
        "body",
        "quoted",
        "subject",
        "information",
        "resolution",
        "reason",
        "comment",
        "urgent",
        "times",
    }
)
"""What people wrote: it is shown as it was written."""


def name_person(email: str | None, people: Collection[str], side: str = "") -> str | None:
    """The address, where it is the customer's side's; else the role. `people`: folded addresses.
    `side`: as ReplyAdded has it.
    """
    if not email or "@" not in email or fold_address(email) in people:
        return email
    return PROVIDER if side == PROVIDER else SUPPORT


def side_of(fact_type: str, data: Mapping[str, Any]) -> str:
    """Whose act a fact is. A provider that hands a ticket back says so by having had it: what one
    of ours did names the lane.
    """
    if fact_type == "TicketAssigned":
        # A ticket that leaves its provider without a lane was handed back by that provider.
        handed = data.get("previous") and not data.get("provider") and not data.get("lane")
        return PROVIDER if handed else "staff"
    return str(data.get("side") or "")


def _find_own_people(entry: Mapping[str, Any], raw: Mapping[str, Any]) -> set[str]:
    """Folded addresses in a fact that are the customer's side's, also of those who were only asked,
    or have left since.
    """
    found = {raw.get("person"), raw.get("participant")} if entry["type"] in _OF_PEOPLE else set()
    if raw.get("side") == CUSTOMER:
        found |= {entry["by"], raw.get("author")}
    return {fold_address(address) for address in found if address}


def for_customer(
    entry: dict[str, Any], people: Collection[str], raw: Mapping[str, Any]
) -> dict[str, Any]:
    """A timeline entry without addresses of ours. `raw`: the fact's data before anything was left
    out of it.
    """
    side = side_of(entry["type"], raw)
    people = {*people, *_find_own_people(entry, raw)}
    shown = {
        name: name_person(value, people, side)
        if isinstance(value, str) and name not in _WORDS and _ADDRESS.fullmatch(value)
        else value
        for name, value in entry["data"].items()
    }
    return {**entry, "by": name_person(entry["by"], people, side), "data": shown}
