"""What a page is about, in what somebody woken at night needs first. Pure; `Desk` reads.

Two shapes: the whole (whoever handles pages) and the part for the holder of a signed link. A link
travels by text message and mail and may be passed on, so it shows what helps to decide whether to
get up, and neither addresses nor notes nor files (docs/decisions/0043).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.people.folding import fold_address

Shape = dict[str, Any]

MOST_WORDS = 1_500
"""Characters of the customer's own words."""
# Fields of the urgent guide that say how bad it is.
_WORDS = ("business_impact", "users_affected")
# What is absent here is not behind a link: addresses, notes, files, attempts.
_FOR_THE_LINK = (
    "id",
    "subject",
    "state",
    "opened_at",
    "acknowledged_by",
    "acknowledged_at",
    "step",
    "app",
    "began",
    "next_at",
    "customer",
    "plan",
    "impact",
    "affected",
    "words",
    "called",
    "matters",
    "test_of",
)


def matter_of(
    id_: str, ticket: Mapping[str, Any] | None, incident: Mapping[str, Any] | None
) -> Shape:
    """One ticket or incident that the page is about: `{id, kind, href, subject, status}`. An
    incident's id begins with `inc_`; what no view holds yet has no subject.
    """
    # The id alone decides, so that it works before any view holds the thing.
    kind = "incident" if id_.startswith("inc_") else "ticket"
    home = "/ops/incidents/" if kind == "incident" else "/tickets/"
    known = (incident if kind == "incident" else ticket) or {}
    return {
        "id": id_,
        "kind": kind,
        "href": f"{home}{id_}",
        "subject": known.get("title" if kind == "incident" else "subject") or "",
        "status": known.get("state" if kind == "incident" else "status") or "",
    }


def is_test(page: Mapping[str, Any] | None) -> bool:
    """Whether a page only tries whether somebody is reached. None: there is no page."""
    return bool(page and page.get("test_of"))


def list_called(page: Mapping[str, Any]) -> list[str]:
    """Who was tried so far, each once, in the order they were tried first."""
    tried = (one["to"] for one in page["attempts"] if one.get("purpose", "page") == "page")
    return list(dict.fromkeys(tried))


def add_details(
    page: Shape, matters: list[Shape], ticket: Mapping[str, Any] | None, opening: Mapping[str, Any]
) -> Shape:
    """The page with `matters`, `customer`, `plan`, `impact`, `affected`, `words` and `called`.
    `ticket`: the document of its first ticket; `opening`: what that ticket's TicketOpened says.
    """
    urgent = opening.get("urgent") or {}
    impact, affected = (str(urgent.get(name) or "")[:MOST_WORDS] for name in _WORDS)
    words = str(opening.get("body") or "")
    known = ticket or {}
    return {
        **page,
        "matters": matters,
        "customer": known.get("requester_name") or "",
        "plan": known.get("plan") or "",
        "impact": impact,
        "affected": affected,
        # The mark says that the text goes on in the ticket.
        "words": words[:MOST_WORDS] + ("…" if len(words) > MOST_WORDS else ""),
        "called": list_called(page),
    }


def for_link(page: Shape) -> Shape:
    """The part for whoever holds the signed link."""
    return {name: page[name] for name in _FOR_THE_LINK if name in page}


def is_mine(page: Mapping[str, Any], email: str, person: str | None) -> bool:
    """Whether the page is this engineer's: they acknowledged it, or it rings at them now. `person`:
    their name in the on-call document.
    """
    mine = {fold_address(name) for name in (email, person) if name}
    if page["state"] == "acknowledged":
        return fold_address(str(page["acknowledged_by"] or "")) in mine
    # A stand-down rings at nobody.
    tried = [one for one in page["attempts"] if one.get("purpose", "page") == "page"]
    # It rings at whoever is in the newest step; those before have been passed over.
    newest = max(((one["round"], one["step"]) for one in tried), default=None)
    return page["state"] == "open" and any(
        fold_address(str(one["to"])) in mine
        for one in tried
        if (one["round"], one["step"]) == newest
    )


def group_pages(pages: Iterable[Shape], email: str, person: str | None) -> dict[str, list[Shape]]:
    """`{open, handled, over}`: each with one's own first, and else in the order given. Each page
    gets `mine`.
    """
    found: dict[str, list[Shape]] = {"open": [], "handled": [], "over": []}
    for page in pages:
        page["mine"] = is_mine(page, email, person)
        # All other states are over.
        group = {"open": "open", "acknowledged": "handled", "silenced": "handled"}
        found[group.get(page["state"], "over")].append(page)
    for name in ("open", "handled"):
        # Within both halves the order stays: sorting is stable.
        found[name].sort(key=lambda page: not page["mine"])
    return found
