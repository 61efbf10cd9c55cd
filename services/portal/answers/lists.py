"""Lists of tickets, and searches."""

from __future__ import annotations

from pydantic import RootModel

from services.portal.answers.tickets import TicketKnown
from shared.http.openapi.calls import AnswerShape, Call, Calls


class TicketListed(TicketKnown):
    """A line of a list. `replies`: how many. For staff alone: owner, owner_name, tags, last,
    insisted.
    """

    due_at: str | None
    first: bool | None
    replies: int
    breached: bool
    appealed: bool


class TicketCounts(AnswerShape):
    """Of everything you may see; queues and priorities count live tickets."""

    total: int
    live: int
    statuses: dict[str, int]
    queues: dict[str, int]
    priorities: dict[str, int]


class HomeCounts(RootModel[dict[str, int]]):
    """Of each home of the desk, where a list was asked for with `home`."""


class TicketList(AnswerShape):
    """`next`: the cursor of the next part, whose address is in the header Link."""

    items: list[TicketListed]
    counts: TicketCounts | HomeCounts
    next: str | None


class Snippet(AnswerShape):
    """The place that was found: pieces of text, each with whether it is what was looked for."""

    parts: list[tuple[str, bool]]
    where: str | None
    by: str | None
    at: str | None
    fact: str | None


class TicketFound(TicketListed):
    """A line of a search."""

    subject_parts: list[tuple[str, bool]]
    snippet: Snippet | None


class SearchResult(AnswerShape):
    """`total` ends at 1,000 (`is_more`). `corrected`: the words looked for instead, where none had
    those asked for.
    """

    items: list[TicketFound]
    total: int
    is_more: bool
    next: str | None
    wrong: list[str]
    corrected: str | None


CALLS: Calls = {
    "GET /v1/tickets": Call(
        "List the tickets you may see",
        "Tickets",
        TicketList,
        ("422 bad-parameter", "422 bad-cursor"),
    ),
    "GET /v1/search": Call(
        "Find tickets by what was said on them",
        "Search and views",
        SearchResult,
        ("422 bad-parameter", "422 bad-cursor"),
    ),
}
