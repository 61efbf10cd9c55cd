"""Attached files in a ticket's document: by their names it is found, and by having any
(`has:attachment`).

The log holds ids alone; a file's name is where the file is (the collection `attachments`, written
by intake). One that is not there yet is remembered in the document (`unnamed`), and looked for with
the ticket's next fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.portal.projector.index_words import MARKS, with_words
from shared import events as e

HAS_FILE = ":file"
"""The word of a ticket that has a file; a colon is in no word of a text."""
# A file that never comes must not make a document grow for ever.
_MOST_UNNAMED = 50

Doc = dict[str, Any]


def files_in(fact: e.Event) -> list[tuple[str, e.Audience]]:
    """(id, whom it is for) of the files that a fact brings."""
    match fact:
        case e.TicketOpened():
            return [(name, e.Audience.EVERYONE) for name in fact.attachments]
        case e.ReplyAdded():
            return [(name, fact.audience) for name in fact.attachments]
        case e.NoteAdded():
            return [(name, e.Audience.STAFF) for name in fact.attachments]
        case _:
            return []


def find_wanted_files(
    facts: Iterable[e.Event], docs: Iterable[Doc | None]
) -> tuple[set[str], set[str]]:
    """(ids that the facts bring, ids that documents still wait for)."""
    fresh = {name for fact in facts for name, _ in files_in(fact)}
    late = {one["id"] for doc in docs if doc for one in doc.get("unnamed", ())}
    return fresh, late


def with_files(doc: Doc, fact: e.Event, names: Mapping[str, str]) -> Doc:
    """The document with the fact's files in it, as far as their names are known; the same object
    where there is nothing to say.
    """
    fresh = files_in(fact)
    waiting = [*doc.get("unnamed", ()), *({"id": id_, "for": who.value} for id_, who in fresh)]
    if not waiting:
        return doc
    # The mark needs no name: `has:attachment` finds the ticket at once.
    words = list(doc.get("words", ()))
    for _, who in fresh:
        mark = HAS_FILE + MARKS[who]
        if mark not in words:
            words.append(mark)
    left = []
    for one in waiting:
        if one["id"] in names:
            words = with_words(words, (names[one["id"]],), e.Audience(one["for"]))
        else:
            left.append(one)
    made = {**doc, "words": words}
    # Most tickets never waited for a name and have no such field.
    if left or "unnamed" in doc:
        made["unnamed"] = left[-_MOST_UNNAMED:]
    return made
