"""Who of our staff looks at a ticket just now, and who writes on it.

It lives for seconds and is no fact: each page that is looked at says so every few seconds, and what
was not said again is over. It is kept in MongoDB, because colleagues may be at other copies of the
portal; without MongoDB nobody is seen, and nothing waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import Unavailable
from shared.events import Actor
from shared.people.folding import fold_address
from shared.storage.store import Store

PRESENCE = "presence"
"""The collection: `{_id: "<ticket> <address>", ticket, email, name, state, at}`."""

State = Literal["looking", "writing"]
# What else a page may say is that its reader left.
STATES = ("looking", "writing")
GONE = "gone"
FRESH = timedelta(seconds=15)
"""Three times the pages' beat (`static/presence.js`)."""
# Seconds until MongoDB removes what was not said again; until then it is not shown.
REMOVED_S = 60


@dataclass(frozen=True)
class Presence:
    """One per process; safe for concurrent use."""

    store: Store

    async def say(
        self, actor: Actor, ticket: str, state: str, now: datetime
    ) -> list[dict[str, str]]:
        """Note what `actor` does at the ticket, and give the others there: `[{name, state}]`, who
        writes first. Empty while MongoDB is away.
        """
        email = fold_address(actor.email)
        name = f"{ticket} {email}"
        here = self.store[PRESENCE]
        try:
            if state in STATES:
                doc = {"ticket": ticket, "email": email, "name": actor.name or email}
                await here.replace({"_id": name}, {"_id": name, **doc, "state": state, "at": now})
            else:
                await here.delete({"_id": name})
            # MongoDB removes old ones in its own time, so their age is asked for as well.
            where = {"ticket": ticket, "email": {"$ne": email}, "at": {"$gt": now - FRESH}}
            return list_others(await here.find(where, limit=20))
        except Unavailable:
            # Nobody is shown, and the ticket's page is what matters.
            return []

    async def index(self) -> None:
        """Raises Unavailable."""
        await self.store[PRESENCE].index([("ticket", 1)])
        await self.store[PRESENCE].index([("at", 1)], expireAfterSeconds=REMOVED_S)


def list_others(docs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The others at a ticket, who writes first, then by name."""
    people = [{"name": str(doc["name"]), "state": str(doc["state"])} for doc in docs]
    return sorted(people, key=lambda person: (person["state"] != "writing", person["name"]))
