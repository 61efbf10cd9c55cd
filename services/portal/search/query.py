"""What somebody types into the search box, read: words, and operators such as `from:` and
`before:`. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from services.portal.desk.listing import DONE, LIVE, Filter, visible_to
from services.portal.projector.files import HAS_FILE
from services.portal.projector.index_words import MARKS, SearchTerm, clauses, terms_of
from shared.events import Actor, Audience, Priority, Status
from shared.people.folding import fold_address
from shared.tags import as_tag

OPERATORS = {
    "from": "who asked: a mail address, or the beginning of one or of a name",
    "app": "the app's name",
    "provider": "the add-on provider's short name",
    "priority": "urgent, high, normal or low",
    "status": "new, open, pending, solved, closed, or live and done",
    "before": "opened before a day: 2026-11-30",
    "after": "opened on a day or after it",
    "tag": "a tag that staff gave the ticket",
    "has": "attachment",
}
"""Operator → what may stand behind it; the help under the box."""
LONGEST = 200

# A word with an operator or without, in quotes or without.
_PART = re.compile(r'(?:(\w{2,10}):)?(?:"([^"]*)"|(\S+))')
_NAME = re.compile(r"[\w.@+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Query:
    """`words` is what is left without operators; `given`: (operator, value) in their order;
    `wrong`: what cannot be read, a sentence each.
    """

    words: str = ""
    given: tuple[tuple[str, str], ...] = ()
    wrong: tuple[str, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not self.words and not self.given


def read_query(text: str) -> Query:
    """The query. An operator that there is not is a word: `http://x` and `12:30` are searched for
    as well.
    """
    words: list[str] = []
    given: list[tuple[str, str]] = []
    wrong: list[str] = []
    # Cut, since it comes from the address bar.
    for match in _PART.finditer(text[:LONGEST]):
        name, quoted, bare = match.groups()
        value = quoted if quoted is not None else bare
        if name is None or name.lower() not in OPERATORS:
            words.append(match.group().replace('"', " ").strip())
        elif problem := _problem(name.lower(), value):
            wrong.append(problem)
        else:
            given.append((name.lower(), value))
    return Query(" ".join(word for word in words if word), tuple(given), tuple(wrong))


def _problem(name: str, value: str) -> str:
    """Why the value cannot be used; empty: it can."""
    low = value.lower()
    known: dict[str, list[str]] = {
        "priority": [priority.value for priority in Priority],
        "status": [*(status.value for status in Status), "live", "done"],
        "has": ["attachment"],
    }
    # Each problem is a sentence for the box; the rest of the search still works.
    if name in known and low not in known[name]:
        return f"{name}: is one of {', '.join(known[name])}; “{value}” is none of them."
    if name in ("before", "after") and _day(value) is None:
        return f"{name}: wants a day such as 2026-11-30; “{value}” is none."
    if not value.strip():
        return f"{name}: wants a value behind it."
    return ""


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def where_of(actor: Actor, query: Query, terms: list[SearchTerm] | None = None) -> Filter:
    """The filter for what the actor may see and the query asks for. `terms`: instead of the query's
    words.
    """
    asked = terms_of(query.words) if terms is None else terms
    parts: list[Filter] = [visible_to(actor), {"opened_key": {"$gt": ""}}]
    parts += [_operator(actor, name, value) for name, value in query.given]
    # Words that hold no letter must find nothing, not everything, so `words` decides here.
    if query.words:
        parts.append(in_words(actor, asked))
    return {"$and": [part for part in parts if part]}


def in_words(actor: Actor, terms: list[SearchTerm]) -> Filter:
    """Every term is found in what the actor may read of a ticket."""
    if not terms:
        return {"words": {"$in": []}}
    if actor.is_staff:
        return {"$and": clauses(terms, Audience)}
    everybody = {"$and": clauses(terms, (Audience.EVERYONE,))}
    if actor.provider is None:
        return everybody
    theirs = clauses(terms, (Audience.EVERYONE, Audience.PROVIDER))
    return {"$or": [everybody, {"provider": actor.provider, "$and": theirs}]}


def _operator(actor: Actor, name: str, value: str) -> Filter:
    low = value.lower()
    match name:
        case "from":
            begins = {"$regex": f"^{re.escape(fold_address(value))}"}
            named = {"$regex": f"(^| ){re.escape(value)}", "$options": "i"}
            # Address and name are among the ticket's words: that index leads there.
            led = clauses(terms_of(value), (Audience.EVERYONE,))
            return {"$and": [*led, {"$or": [{"requester": begins}, {"requester_name": named}]}]}
        case "app":
            # The words lead an index there; the field says that it is the app and not a word of a
            # text.
            return {"$and": [*clauses(terms_of(low), (Audience.EVERYONE,)), {"app": low}]}
        case "provider":
            return {"provider": low}
        case "tag":
            # Nobody outside learns by asking which tags we gave.
            return {"tags": as_tag(value)} if actor.is_staff else {"words": {"$in": []}}
        case "priority":
            return {"priority": low}
        case "status":
            several = {"live": list(LIVE), "done": list(DONE)}.get(low, [low])
            return {"status": {"$in": [str(one) for one in several]}}
        # Keys begin with the instant, so days compare as texts, written in full.
        case "before":
            return {"opened_key": {"$lt": str(_day(value))}}
        case "after":
            return {"opened_key": {"$gte": str(_day(value))}}
        case _:
            return _has_file(actor)


def _has_file(actor: Actor) -> Filter:
    def filter_by_marks(*audiences: Audience) -> Filter:
        return {"words": {"$in": [HAS_FILE + MARKS[one] for one in audiences]}}

    if actor.is_staff:
        return filter_by_marks(*Audience)
    everybody = filter_by_marks(Audience.EVERYONE)
    if actor.provider is None:
        return everybody
    theirs = {"provider": actor.provider, **filter_by_marks(Audience.EVERYONE, Audience.PROVIDER)}
    return {"$or": [everybody, theirs]}


def variants(word: str) -> set[str]:
    """Words at one typing error from `word`: a letter too many, too few, wrong, or two changed
    about. Pure.
    """
    # Plain letters only: words in the index have lost their accents.
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    found = {a + b[1:] for a, b in cuts if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    found |= {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    found |= {a + letter + b for a, b in cuts for letter in letters}
    return found - {word}
