"""A ticket's stays with add-on providers: since when one had it, answered, solved it, and when and
by whom it left. Pure.

A document has `stays` only where a provider had the ticket, oldest first. What a provider may know
of its past work is made of these alone, so that nothing else of a ticket that has left is read for
it.
"""

from __future__ import annotations

from typing import Any

from services.portal.projector.ticket_flow import iso
from shared import events as e

Doc = dict[str, Any]


def follow(doc: Doc, fact: e.Fact) -> None:
    """What `fact` changes in the stays of a ticket's document."""
    match fact:
        case e.TicketAssigned():
            change_provider(doc, fact)
        case e.ReplyAdded():
            answer(doc, fact)
            if fact.status == e.Status.OPEN:
                reopen(doc)
        case e.PriorityReviewed():
            reprioritise(doc, fact)
        case e.TicketSolved():
            solve(doc, fact)
        case e.TicketReopened():
            reopen(doc)
        case e.TicketRated():
            rate(doc, fact)
        case _:
            pass


def change_provider(doc: Doc, fact: e.TicketAssigned) -> None:
    """The stay that runs ends, and another begins where a provider gets it.

    `ended_by` is who did it: a provider's own people hand back, anybody else takes back.
    """
    at = iso(fact.at)
    stays = list(doc.get("stays") or ())
    if stays and stays[-1]["until"] is None:
        stays[-1] = _touch({**stays[-1], "until": at, "ended_by": fact.by}, at)
    if fact.provider is not None:
        stays.append(
            {
                "provider": fact.provider,
                "priority": fact.priority.value,
                "since": at,
                "answered_at": None,
                "solved_at": None,
                "until": None,
                "ended_by": None,
                "rating": None,
                "touched": at,
            }
        )
    if stays:
        doc["stays"] = stays


def answer(doc: Doc, fact: e.ReplyAdded) -> None:
    """The provider's first word, to whomever, as their clock counts it; a machine's mail
    is none.
    """
    stay = _find_running_stay(doc)
    if stay is None or fact.side != "provider" or fact.automatic or stay["answered_at"]:
        return
    _replace(doc, {**stay, "answered_at": iso(fact.at)}, iso(fact.at))


def reprioritise(doc: Doc, fact: e.PriorityReviewed) -> None:
    """The last priority while the provider has it."""
    if (stay := _find_running_stay(doc)) is not None:
        # `touched` stays: no report counts a change of priority, nor that it is open again.
        _replace(doc, {**stay, "priority": fact.priority.value}, stay["touched"])


def solve(doc: Doc, fact: e.TicketSolved) -> None:
    if (stay := _find_running_stay(doc)) is not None:
        _replace(doc, {**stay, "solved_at": iso(fact.at)}, iso(fact.at))


def reopen(doc: Doc) -> None:
    """It was not solved after all."""
    if (stay := _find_running_stay(doc)) is not None and stay["solved_at"]:
        _replace(doc, {**stay, "solved_at": None}, stay["touched"])


def rate(doc: Doc, fact: e.TicketRated) -> None:
    """Only the score: what the customer wrote is for staff."""
    stay = _find_running_stay(doc)
    # It may be the rating of a provider that had the ticket before: that stay has ended.
    if stay is not None and stay["provider"] == fact.provider:
        rating = {"score": fact.score, "at": iso(fact.at)}
        _replace(doc, {**stay, "rating": rating}, iso(fact.at))


def _find_running_stay(doc: Doc) -> Doc | None:
    """The stay that has not ended."""
    stays = doc.get("stays")
    return stays[-1] if stays and stays[-1]["until"] is None else None


def _replace(doc: Doc, stay: Doc, at: str) -> None:
    doc["stays"] = [*doc["stays"][:-1], _touch(stay, at)]


def _touch(stay: Doc, at: str) -> Doc:
    """`touched`: the last instant that a report may count; an index leads to it."""
    return {**stay, "touched": max(stay["touched"], at)}
