"""Who else a ticket's mails were addressed to: their writer and staff are offered to ask them to take
part. Nobody is asked by being copied (decision 56).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.portal.web.parts import Portal
from shared.errors import Unavailable
from shared.events import STAFF, Actor
from shared.people.folding import fold_address, is_same_address
from shared.people.identity import Lookup

# The latest mails that are looked at, and how many people are offered.
MOST_MAILS, MOST_OFFERED = 20, 5


async def read_copied(
    portal: Portal, ticket: Mapping[str, Any], actor: Actor, *, is_offered: bool
) -> list[str]:
    """The addresses that this actor is offered to ask, the latest mail's first. Empty where asking
    is not offered, and while MongoDB is away.
    """
    if not is_offered:
        return []
    try:
        mails = await portal.store["mail"].find(
            {"ticket_id": ticket["id"]},
            fields={"cc": 1, "sender": 1, "verified": 1},
            order=[("order_key", -1)],
            limit=MOST_MAILS,
        )
    except Unavailable:
        # An offer less; the form below it takes any address.
        return []
    return find_copied(mails, portal.directory, ticket, actor, portal.settings.support_address)


def find_copied(
    mails: Iterable[Mapping[str, Any]],
    directory: Lookup,
    ticket: Mapping[str, Any],
    actor: Actor,
    own: str,
) -> list[str]:
    """Pure. `own`: the address that mail to us has. Left out are it, those who are on the ticket or
    asked already, and those who see tickets by their work.
    """
    known = {
        fold_address(person)
        for person in (
            own,
            ticket["requester"],
            *(ticket["participants"] or ()),
            *(ask["email"] for ask in ticket.get("asked") or ()),
        )
    }
    found: dict[str, str] = {}
    for mail in mails:
        # Whoever else is on the ticket did not see who was copied, so only its writer and staff do.
        # A sender nobody vouches for names people at will.
        if mail.get("verified") is False or not (
            actor.is_staff or is_same_address(str(mail.get("sender") or ""), actor.email)
        ):
            continue
        for address in mail.get("cc") or ():
            person = fold_address(address)
            if person not in known and not _works_here(directory, person):
                found.setdefault(person, address)
    return list(found.values())[:MOST_OFFERED]


def _works_here(directory: Lookup, person: str) -> bool:
    account = directory.get("accounts", person) or {}
    return bool(account.get("provider")) or bool(STAFF & set(account.get("roles") or ()))
