"""One action for many tickets: which were picked, what is asked of each, and what became of it in
words. Pure.

Each ticket is written by a request of its own, so that what is refused for one is done for the
others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from services.portal.tickets.forms import action_document, real_action
from services.portal.web.filters import short_id
from shared.events import Priority
from shared.ids import is_ticket

PICK = "pick-"
"""The name of a row's box begins with this, and ends in the ticket's id."""
MOST = 80
"""Tickets that are written at once: more than a page of a list shows."""
DOES = {
    "take": "Take them",
    "hand-over": "Hand them over",
    "tag": "Add a tag",
    "review": "Set the priority",
    "solve": "Solve them",
}
"""Action → its words in the form; each is also an action on one ticket."""

AT_ONCE_PRIORITIES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
"""Urgent wakes people: whoever says so has looked at the ticket."""

_NAMED = 5
"""Tickets that one reason names."""


@dataclass(frozen=True)
class BulkResult:
    """What became of one ticket. `late`: it is recorded, and not seen in the view yet."""

    ticket: str
    state: Literal["done", "refused", "late"]
    reason: str = ""
    request: str = ""
    """The id of the request that was accepted."""


def read_picked_tickets(fields: Mapping[str, str]) -> list[str]:
    """The ids of the tickets that were picked, each once, in the order of the list."""
    found = (name.removeprefix(PICK) for name in fields if name.startswith(PICK))
    return [ticket for ticket in found if is_ticket(ticket)]


def read_bulk_action(fields: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """(action, document) that every ticket gets. A ticket that somebody else has is not taken from
    them: whoever picked many has not looked at each.
    """
    action = real_action(fields.get("do", ""), fields)
    # Only a change of priority has a reason that customers read.
    reason = fields.get("why", "") if action == "review" else ""
    # An action on many takes no ticket from a colleague and removes no tag.
    return action, action_document(
        action, {**fields, "instead_of": "", "remove": "", "reason": reason}
    )


def mistake_in(fields: Mapping[str, str], picked: Sequence[str]) -> str:
    """What is missing before anything can be sent, as a sentence; empty: nothing."""
    does = fields.get("do", "")
    # In the order in which somebody fills in the form.
    if does not in DOES:
        return "Choose what to do with them."
    if not picked:
        return "Pick at least one ticket."
    if len(picked) > MOST:
        return f"At most {MOST} tickets at once; you picked {len(picked)}."
    if does == "review" and fields.get("priority") not in list(AT_ONCE_PRIORITIES):
        return "Choose a priority. Urgent is set in each ticket, since it wakes people."
    # To take tickets needs nothing more, so it is absent.
    needed = {
        "hand-over": ("to", "Say who gets them."),
        "tag": ("add", "Write a tag."),
        "review": ("why", "Say why: each customer reads it."),
        "solve": ("resolution", "Say what solved them: each customer reads it."),
    }
    name, sentence = needed.get(does, ("do", ""))
    return "" if fields.get(name, "").strip() else sentence


def key_for(key: str, action: str, document: Mapping[str, Any], ticket: str) -> str:
    """The Idempotency-Key of one ticket: the same form sent twice writes each ticket once, and
    another action from the same page is another request.
    """
    said = hashlib.sha256(orjson.dumps([action, document], option=orjson.OPT_SORT_KEYS))
    # Cut, since intake takes keys of a bounded length.
    return f"{key[:120]}-{said.hexdigest()[:12]}-{ticket}"


def count_in_words(
    became: Iterable[BulkResult], done_word: str = "done", refused_word: str = "refused"
) -> str:
    """One sentence: `18 done, 2 refused: Aron Agent has it (abcdefgh, ijklmnop).`"""
    all_of_them = list(became)
    done = [each for each in all_of_them if each.state == "done"]
    late = [each for each in all_of_them if each.state == "late"]
    refused = [each for each in all_of_them if each.state == "refused"]
    # "0 done" is said only where nothing is left to say.
    counts = [f"{len(done)} {done_word}"] if done or not late else []
    if late:
        counts.append(f"{len(late)} recorded, to be seen in a moment")
    if not refused:
        return ", ".join(counts) + "."
    # Tickets that were refused for the same reason share one sentence.
    reasons: dict[str, list[str]] = {}
    for each in refused:
        reasons.setdefault(each.reason.strip().rstrip("."), []).append(short_id(each.ticket))
    why = "; ".join(f"{reason} ({name_some(ids)})" for reason, ids in reasons.items())
    return f"{', '.join((*counts, f'{len(refused)} {refused_word}'))}: {why}."


def name_some(ids: Sequence[str]) -> str:
    """A few of the short ids, and how many more there are."""
    more = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
