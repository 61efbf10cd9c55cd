"""Taking back what was done to many tickets: the request that is the inverse of each, and what
cannot be taken back, in words. Pure.

What each ticket had before stands in the facts of the first request, so nothing that a browser
sends is trusted. Each inverse is done only where the ticket still is as the first request left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.portal.desk.bulk import BulkResult, count_in_words, name_some
from services.portal.web.filters import instant, short_id
from shared.ids import is_ticket

UNDO = "undo-"
"""The name of a hidden field begins with this, and ends in the id of a request to take back. Its
value is the ticket, to name it where the request is not known yet.
"""
UNDO_FOR = timedelta(minutes=10)
"""So long after an action it can be taken back."""
TOO_LATE = "It was done more than ten minutes ago"
NOT_SEEN = "What was done is not to be seen yet, try again in a moment"

_OURS = {"platform": "csa", "csa": "platform"}
"""The queues of ours: a ticket that came to one, and from no provider, was in the other."""

Shape = Mapping[str, Any]


@dataclass(frozen=True)
class UndoRequest:
    """One request on the ticket: `POST /v1/tickets/{id}/{action}` with `document`."""

    action: str
    document: dict[str, Any]


def requests_in(fields: Mapping[str, str]) -> dict[str, str]:
    """Request → ticket of what is to be taken back, in the order of the form."""
    found = {
        name.removeprefix(UNDO): ticket for name, ticket in fields.items() if name.startswith(UNDO)
    }
    return {request: ticket for request, ticket in found.items() if is_ticket(ticket)}


def is_too_late(at: str, now: datetime) -> bool:
    """`at`: when the first request was made, ISO 8601."""
    return now - instant(at) > UNDO_FOR


def make_undo_steps(facts: Sequence[Shape]) -> list[UndoRequest]:
    """What takes `facts` back, in this order; empty where they changed nothing. `facts`: those of
    one request, oldest first, each an entry of the timeline with `type` and `data`.
    """
    # An owner's change may have come with a change of team: both come from one request.
    moved = next((fact["data"] for fact in facts if fact["type"] == "TicketAssigned"), None)
    steps: list[UndoRequest] = []
    for fact in facts:
        if (back := _BACK.get(fact["type"])) is not None:
            steps += back(fact["data"], moved)
    return steps


def _to_owner(data: Shape, moved: Shape | None) -> list[UndoRequest]:
    """To whoever had it. Where it went to another team, it comes back to its queue first."""
    seen: dict[str, Any] = {"owner": data.get("owner") or ""}
    # `only_if`: the router does it only where the ticket is still like this.
    if moved is not None:
        seen["queue"] = _queue_before(moved)
    if not data.get("previous"):
        return [UndoRequest("release", {"reason": "", "only_if": seen})]
    return [UndoRequest("hand-over", {"to": data["previous"], "reason": "", "only_if": seen})]


def _to_queue(data: Shape, _: Shape | None) -> list[UndoRequest]:
    """Whoever took it since keeps it: between two teams of ours its owner does not go along."""
    # Only what came to a team of ours is taken back; what a provider was given is not.
    if data["queue"] not in _OURS:
        return []
    kind, _colon, slug = _queue_before(data).rpartition(":")
    seen: dict[str, Any] = {"queue": data["queue"]}
    if kind:
        return [UndoRequest("assign", {"provider": slug, "only_if": seen})]
    return [UndoRequest("assign", {"queue": slug, "only_if": {**seen, "owner": ""}})]


def _to_priority(data: Shape, _: Shape | None) -> list[UndoRequest]:
    reason = "The last change of the priority was a mistake."
    seen = {"priority": data["priority"]}
    return [
        UndoRequest("review", {"priority": data["previous"], "reason": reason, "only_if": seen})
    ]


def _to_open(data: Shape, _: Shape | None) -> list[UndoRequest]:
    # Solved anew since is another solution, which stays.
    seen = {"solved_at": data["at"]}
    return [UndoRequest("reopen", {"reason": "It was solved by mistake.", "only_if": seen})]


def _to_tags(data: Shape, _: Shape | None) -> list[UndoRequest]:
    """Only the tags that this changed; others that came since stay."""
    added, removed = list(data.get("added") or ()), list(data.get("removed") or ())
    return [UndoRequest("tag", {"add": removed, "remove": added})] if added or removed else []


# What is absent here is not taken back.
_BACK: dict[str, Callable[[Shape, Shape | None], list[UndoRequest]]] = {
    "OwnerChanged": _to_owner,
    "TicketAssigned": _to_queue,
    "PriorityReviewed": _to_priority,
    "TicketSolved": _to_open,
    "TicketTagged": _to_tags,
}
"""Fact → what takes it back."""


def _queue_before(moved: Shape) -> str:
    """`moved`: to a queue of ours."""
    provider = moved.get("previous")
    if provider:
        return f"provider:{provider}"
    return _OURS.get(moved["queue"]) or str(moved["queue"])


def describe_undone(
    became: Iterable[BulkResult], facts: Sequence[Shape], mailed: Iterable[str]
) -> str:
    """`2 undone, 1 left alone: Abel Agent has it now (abcdefgh). …`, then what stays as it is.
    `facts`: what was taken back; `mailed`: tickets of which a mail or webhook has left.
    """
    all_of_them = list(became)
    # What was left alone has changed nothing, so nothing of it needs to be said.
    undone = {each.ticket for each in all_of_them if each.state != "refused"}
    said = [count_in_words(all_of_them, "undone", "left alone")]
    # What undoing cannot reach is said, each with its tickets.
    for sentence, tickets in (
        ("Mail about it has left and cannot be called back", set(mailed)),
        ("Somebody was paged", _find_tickets_with(facts, "PriorityReviewed", "pages")),
        (
            "Only the customer can give access to the app again",
            _find_tickets_with(facts, "AccessEnded"),
        ),
        ("They wait for us now, whoever's turn it was", _find_tickets_with(facts, "TicketSolved")),
    ):
        if concerned := sorted(tickets & undone):
            said.append(f"{sentence} ({name_some([short_id(each) for each in concerned])}).")
    return " ".join(said)


def _find_tickets_with(facts: Sequence[Shape], kind: str, field: str = "type") -> set[str]:
    return {fact["ticket"] for fact in facts if fact["type"] == kind and fact["data"].get(field)}
