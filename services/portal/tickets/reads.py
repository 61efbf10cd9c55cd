"""One ticket for its page: everything in one round of reads, the newest facts first.

`queries.py` answers the API, one question a call; a page asks them all at once, so here the
ticket's document is read once and all else beside one another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from services.portal.tickets import documents as shapes
from services.portal.tickets.queries import Queries, find_ticket_standing
from shared.access import FACT_READERS, READERS, Standing, may_see_fact
from shared.events import Actor

SHOWN = 30
"""Facts that a page shows of a long ticket, besides what opened it; the rest waits behind
a link.
"""
SPARE = 10
"""So few more are shown as well: hiding three facts saves nothing."""
MOST = 2_000
"""Facts that a page shows at most, the newest ones."""
# Decisions that a page shows at most, the newest.
_DECISIONS = 500

Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TicketView:
    """`ticket` and `timeline` are as `Queries` gives them, the timeline oldest first and with what
    opened the ticket always in front. `earlier`: how many facts are between that and the next.
    """

    ticket: Shape
    timeline: list[Shape]
    earlier: int
    decisions: list[Shape]


async def read_ticket(
    queries: Queries, actor: Actor, ticket_id: str, *, all_facts: bool = False
) -> TicketView | None:
    """None: there is no such ticket, or none that the actor may see. Raises Unavailable."""
    store = queries.store
    doc = await store["tickets"].find_one({"_id": ticket_id})
    who = find_ticket_standing(actor, doc) if doc is not None else None
    if doc is None or who is None:
        return None
    timeline = store["timeline"]
    visible = {"ticket": ticket_id, **facts_for(who)}
    # The spare ones are read in any case: whether they are shown depends on the count.
    most = MOST if all_facts else SHOWN + SPARE
    is_staff = who is Standing.STAFF
    # All at once: none of these needs another one's answer.
    newest, opening, count, pages, decided = await asyncio.gather(
        timeline.find(visible, order=[("order", -1)], limit=most),
        timeline.find({"ticket": ticket_id, "type": "TicketOpened"}, order=[("order", 1)], limit=1),
        timeline.count(visible),
        queries.pages_of(ticket_id, who),
        _decisions_of(queries, ticket_id) if is_staff else _return_nothing(),
    )
    facts, earlier = newest_of(newest, opening, count, most=MOST if all_facts else SHOWN)
    return TicketView(
        ticket=shapes.ticket(doc, opening, who, pages, queries.clock.now()),
        timeline=[
            # The filter is only a translation: the rule itself is asked for each fact.
            shapes.entry(fact, who, doc["people"])
            for fact in facts
            if may_see_fact(who, fact["type"], fact.get("audience"))
        ],
        earlier=earlier,
        decisions=[shapes.decision(fact, who) for fact in decided],
    )


def newest_of(
    newest: list[Shape], opening: list[Shape], count: int, *, most: int
) -> tuple[list[Shape], int]:
    """(the facts to show, oldest first; how many of `count` are left out). `newest` begins with the
    newest; what opened the ticket is shown in any case. Pure.
    """
    shown = newest if count <= most + SPARE else newest[:most]
    facts = shown[::-1]
    # In front even where it is hundreds of facts back: a ticket without its first text says little.
    if opening and all(fact["_id"] != opening[0]["_id"] for fact in facts):
        facts = [*opening, *facts]
    return facts, max(0, count - len(facts))


def facts_for(who: Standing) -> Shape:
    """The filter for the facts that `who` may see: `shared.access.may_see_fact`, said to
    MongoDB.
    """
    if who is Standing.STAFF:
        return {}
    readable = [audience.value for audience, readers in READERS.items() if who in readers]
    kinds = [kind for kind, readers in FACT_READERS.items() if who in readers]
    return {
        "$or": [
            {"audience": {"$in": readable}},
            # A reply of an old log has no audience; who may read facts without one depends on their
            # type.
            {"audience": None, "type": {"$in": ["ReplyAdded", *kinds]}},
        ]
    }


async def _decisions_of(queries: Queries, ticket_id: str) -> list[Shape]:
    where = {"ticket": ticket_id, "type": {"$in": list(shapes.DECISIONS)}}
    found = await queries.store["timeline"].find(where, order=[("order", -1)], limit=_DECISIONS)
    # The newest were asked for, and the oldest comes first.
    return found[::-1]


async def _return_nothing() -> list[Any]:
    return []
