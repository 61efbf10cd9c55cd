"""Search over all that somebody may see: tickets whatever their status, by any word said on them.

Which words a ticket has and for whom is in `projector/index_words.py`; what may be typed in
`query.py`. A search reads the index of words, then of the tickets it shows the one piece of text
that fits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.portal.desk.listing import Filter, after_cursor, by_id, next_cursor, visible_to
from services.portal.projector.index_words import MARKS, SearchTerm, terms_of
from services.portal.search.query import in_words, read_query, variants, where_of
from services.portal.search.snippets import BEFORE, LENGTH, mark_terms, pattern_of, score, snippet
from services.portal.search.spoken_ids import read_spelled_id
from services.portal.tickets import documents as shapes
from services.portal.tickets.queries import Queries, find_ticket_standing
from services.portal.tickets.reads import facts_for
from shared.access import Standing
from shared.errors import Refused, Unavailable
from shared.events import Actor, Audience

ORDERS = ("relevance", "date")
RANKED = 200
"""Tickets, the last changed ones, among which the best are looked for; by date one gets at all of
them.
"""
# Beyond that the exact number helps nobody, and counting costs.
MOST_COUNTED = 1_000
EXPORTED = 10_000
_SAID = ("TicketOpened", "ReplyAdded", "NoteAdded", "TicketSolved")
# In shorter words nearly everything is one error from everything.
_LONG_ENOUGH = 4
"""Letters of a word in which a typing error is looked for."""

Shape = dict[str, Any]
# `participants` say in which standing a snippet may be read.
FIELDS = {**shapes.LISTED, "participants": 1}


async def search(
    queries: Queries,
    actor: Actor,
    text: str,
    *,
    order: str = "relevance",
    cursor: str | None = None,
    limit: int = 25,
) -> Shape:
    """`{items, total, is_more, next, wrong, corrected}`. An item is a list's (`Queries.tickets`)
    with `subject_parts` and `snippet`: `{parts: [[text, is_hit]], where, by, at, fact} | None`.
    `is_more`: there are more than `total`. `corrected`: the words that were looked for instead,
    where none had those asked for. Raises Refused for an order or cursor that there is not.
    """
    if order not in ORDERS:
        raise Refused("bad-parameter", f"order is one of {', '.join(ORDERS)}", status=422)
    query = read_query(text)
    found: Shape = {"items": [], "total": 0, "is_more": False, "next": None, "corrected": None}
    found["wrong"] = list(query.wrong)
    if query.is_empty:
        return found
    # An id finds its ticket, whatever else has that word in it.
    if docs := await _by_id(queries, actor, text):
        return {**found, **await _describe_found(queries, actor, docs, []), "total": len(docs)}
    terms = terms_of(query.words)
    where = where_of(actor, query)
    docs, following, total = await _page(queries, where, terms, order, cursor, limit)
    # Only where nothing was found: a correction of a search that works would annoy.
    if not docs and not cursor and query.words:
        better = await _correct_terms(queries, actor, terms)
        if better is not None:
            terms, found["corrected"] = better, " ".join(term.word for term in better)
            where = where_of(actor, query, terms)
            docs, following, total = await _page(queries, where, terms, order, cursor, limit)
    return {
        **found,
        **await _describe_found(queries, actor, docs, terms),
        # One more is counted, to know that there are more.
        "total": min(total, MOST_COUNTED),
        "is_more": total > MOST_COUNTED,
        "next": following,
    }


async def export(queries: Queries, actor: Actor, text: str) -> AsyncIterator[Shape]:
    """All tickets that the search finds, the last changed first; at most `EXPORTED`."""
    query = read_query(text)
    if query.is_empty:
        return
    done = 0
    found = queries.store["tickets"].each(
        where_of(actor, query), order=[("updated_key", -1)], fields=shapes.LISTED
    )
    async for doc in found:
        yield shapes.to_list_row(doc, actor)
        done += 1
        # The page says the bound beside the link.
        if done >= EXPORTED:
            return


async def _by_id(queries: Queries, actor: Actor, text: str) -> list[Shape]:
    # As it was spelled on a phone, or as it was typed.
    named = by_id(actor, read_spelled_id(text) or text)
    if named is None:
        return []
    return await queries.store["tickets"].find(named, fields=FIELDS, limit=25)


async def _page(
    queries: Queries,
    where: Filter,
    terms: Sequence[SearchTerm],
    order: str,
    cursor: str | None,
    limit: int,
) -> tuple[list[Shape], str | None, int]:
    """(documents, cursor of the next page, how many there are: one more than `MOST_COUNTED` at
    most).
    """
    tickets = queries.store["tickets"]
    by = [("updated_key", -1)]
    # By date one index gives the order, so every page can be reached.
    if order == "date":
        behind = {"$and": [where, after_cursor("updated_key", -1, cursor)]}
        docs, total = await asyncio.gather(
            tickets.find(behind, order=by, fields=FIELDS, limit=limit + 1), _count(queries, where)
        )
        more = len(docs) > limit
        docs = docs[:limit]
        return docs, next_cursor("updated_key", docs[-1]["updated_key"]) if more else None, total
    docs, total = await asyncio.gather(
        tickets.find(where, order=by, fields=FIELDS, limit=RANKED), _count(queries, where)
    )
    # The score is made here: MongoDB does not know which words stand in a subject.
    ranked = sorted(docs, key=lambda doc: -score(doc, mark_terms(doc["subject"], terms), terms))
    begin = _place(cursor)
    following = begin + limit
    return ranked[begin:following], str(following) if following < len(ranked) else None, total


def _place(cursor: str | None) -> int:
    """Where a page by relevance begins."""
    if not cursor:
        return 0
    # A cursor of the other order is text, so it is refused here.
    if not (cursor.isascii() and cursor.isdecimal() and int(cursor[:4]) <= RANKED):
        raise Refused("bad-cursor", "this cursor was not made by this search", status=422)
    return int(cursor[:4])


async def _count(queries: Queries, where: Filter) -> int:
    pipeline: list[Filter] = [{"$match": where}, {"$limit": MOST_COUNTED + 1}, {"$count": "n"}]
    try:
        found = await queries.store["tickets"].aggregate(pipeline)
    except Unavailable:  # it takes too long: there are many
        return MOST_COUNTED + 1
    return int(found[0]["n"]) if found else 0


async def _correct_terms(
    queries: Queries, actor: Actor, terms: list[SearchTerm]
) -> list[SearchTerm] | None:
    """The terms with typing errors mended; None where that helps nothing. Only words that the actor
    may read are ever offered.
    """
    better: list[SearchTerm] = []
    for term in terms:
        known = {"$and": [visible_to(actor), in_words(actor, [term])]}
        # Short words and those that are found stay as they are.
        if len(term.word) < _LONG_ENOUGH or await queries.store["tickets"].find_one(
            known, fields={"_id": 1}
        ):
            better.append(term)
            continue
        word = await _find_nearest(queries, actor, term.word)
        if word is None:
            # One word that nobody wrote spoils the whole search: then there is no better one.
            return None
        better.append(SearchTerm(word, False))
    return better if better != terms else None


async def _find_nearest(queries: Queries, actor: Actor, word: str) -> str | None:
    """The most frequent word at one typing error from `word`."""
    # Whoever is not staff is only offered words that everybody may read.
    audiences = Audience if actor.is_staff else (Audience.EVERYONE,)
    tried = [near + MARKS[one] for near in sorted(variants(word)) for one in audiences]
    groups = await queries.store["tickets"].aggregate(
        [
            {"$match": {"$and": [visible_to(actor), {"words": {"$in": tried}}]}},
            # A sample is enough to see what is frequent.
            {"$limit": 300},
            {"$project": {"near": {"$setIntersection": ["$words", tried]}}},
            {"$unwind": "$near"},
            {"$group": {"_id": "$near", "n": {"$sum": 1}}},
            {"$sort": {"n": -1, "_id": 1}},
            {"$limit": 1},
        ]
    )
    # Without the mark of its audience.
    return str(groups[0]["_id"]).partition("~")[0] if groups else None


async def _describe_found(
    queries: Queries, actor: Actor, docs: list[Shape], terms: Sequence[SearchTerm]
) -> Shape:
    pieces = await _snippets(queries, actor, docs, terms)
    return {
        "items": [
            {
                **shapes.to_list_row(doc, actor),
                "subject_parts": mark_terms(doc["subject"], terms),
                "snippet": pieces.get(doc["_id"]),
            }
            for doc in docs
        ]
    }


async def _snippets(
    queries: Queries, actor: Actor, docs: list[Shape], terms: Sequence[SearchTerm]
) -> dict[str, Shape]:
    """Ticket → the newest text on it that has one of the words. One read for each standing the
    actor has.
    """
    if not terms:
        return {}
    # What may be read differs by standing, so each has a read of its own.
    by_standing: dict[Standing, list[str]] = {}
    for doc in docs:
        if (who := find_ticket_standing(actor, doc)) is not None:
            by_standing.setdefault(who, []).append(doc["_id"])
    found = await asyncio.gather(
        *(_texts(queries, who, ids, pattern_of(terms)) for who, ids in by_standing.items())
    )
    return {
        each["_id"]: {
            "parts": snippet(each["text"], each["cut"], terms),
            **{name: each.get(name) for name in ("where", "by", "at", "fact")},
        }
        for several in found
        for each in several
    }


async def _texts(
    queries: Queries, who: Standing, ids: list[str], pattern: str
) -> list[dict[str, Any]]:
    """The pieces, cut by MongoDB: a log of 100 kB does not travel."""
    # A text is a body, or what a ticket was solved with.
    text = {"$ifNull": ["$data.body", {"$ifNull": ["$data.resolution", ""]}]}
    begin = {"$max": [0, {"$subtract": ["$hit.idx", BEFORE]}]}
    return await queries.store["timeline"].aggregate(
        [
            {"$match": {"ticket": {"$in": ids}, "type": {"$in": list(_SAID)}, **facts_for(who)}},
            {
                "$project": {
                    **dict.fromkeys(("ticket", "order", "by", "at", "id", "type"), 1),
                    "text": text,
                    "hit": {"$regexFind": {"input": text, "regex": pattern, "options": "i"}},
                }
            },
            # Other texts of the ticket do not have the words.
            {"$match": {"hit": {"$ne": None}}},
            {
                "$project": {
                    **dict.fromkeys(("ticket", "order", "by", "at", "id", "type"), 1),
                    "cut": {"$gt": ["$hit.idx", BEFORE]},
                    "text": {"$substrCP": ["$text", begin, LENGTH + BEFORE]},
                }
            },
            # Of several texts the newest is shown.
            {"$sort": {"order": -1}},
            {
                "$group": {
                    "_id": "$ticket",
                    "text": {"$first": "$text"},
                    "cut": {"$first": "$cut"},
                    "where": {"$first": "$type"},
                    "by": {"$first": "$by"},
                    "at": {"$first": "$at"},
                    "fact": {"$first": "$id"},
                }
            },
        ]
    )
