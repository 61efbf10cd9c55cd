"""What the portal's views know of mail: the ticket of a notice of ours, and a message that staff
want to release.

Unlike the quick look of `services/intake/world/portal_view.py` these wait: what they say is needed,
and mail that is durable can wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.events import Cause

if TYPE_CHECKING:
    from shared.storage.store import Store


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message as the view has it. `state`: received, ticketed, threaded, quarantined; `delivery`
    is the one it was settled by.
    """

    state: str
    why: Cause | None
    blob: str
    size: int
    delivery: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    peer: str
    helo: str
    gateway: str | None
    received_at: datetime


class KnownMail:
    """Every call may raise Unavailable."""

    def __init__(self, store: Store) -> None:
        self._notices, self._mail = store["notices"], store["mail"]

    async def ticket_of(self, notice: str) -> str | None:
        """The ticket a notice of ours was about."""
        found = await self._notices.find_one({"_id": notice}, fields={"ticket": 1})
        ticket = (found or {}).get("ticket")
        # A notice may be about something else than a ticket, such as an incident.
        return ticket if isinstance(ticket, str) and ticket.startswith("tkt_") else None

    async def sent_to(self, notice: str) -> str | None:
        """The address a mail of ours went to."""
        found = await self._notices.find_one({"_id": notice, "kind": "mail"}, fields={"to": 1})
        return found["to"] if found is not None else None

    async def message(self, digest: str) -> KnownMessage | None:
        found = await self._mail.find_one({"_id": digest})
        # Without its raw message nothing can be read again.
        if found is None or not found.get("blob"):
            return None
        return KnownMessage(
            found["state"],
            Cause(found["why"]) if found.get("why") else None,
            found["blob"],
            found["size"],
            found["delivery"],
            found["mail_from"],
            tuple(found["rcpt_to"]),
            found["peer"],
            found["helo"],
            found.get("gateway"),
            datetime.fromisoformat(found["received_at"]),
        )
