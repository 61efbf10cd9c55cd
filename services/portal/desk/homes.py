"""The homes of the desk: which of our lists a ticket stands in, and which list is whose. Pure.

A live ticket carries the names of all its lists (`shelves_of`), so that each list and each count is
one equality on an index, however many tickets there are. A name is the home, with the team (queue)
and the owner where somebody asks for those alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.events import Actor, Role, Status
from shared.people.folding import fold_address

Doc = dict[str, Any]

NOBODY = "-"
"""The owner of what nobody has."""


MANY = 1000
"""Mails in quarantine are counted up to here: spam may be any number."""


class DeskTab(StrEnum):
    """The lists of the desk, in the order of their tabs."""

    NEEDS_US = "needs-us"
    """Live, and neither waiting for its customer nor with a provider."""
    MINE = "mine"
    """What the reader has, done tickets left out; what needs them comes first."""
    MENTIONED = "mentioned"
    """A colleague's note names the reader, who has not written since."""
    DUE = "due"
    """What needs us and has a promise that runs, the nearest deadline first."""
    WAITING = "waiting"
    PROVIDERS = "providers"
    APPEALS = "appeals"
    """A priority that is appealed, or a scope the customer insists on."""
    SUGGESTIONS = "suggestions"
    """A provider or queue is suggested, and nobody has said yes or no."""


ORDERED_BY = {home: "due_key" if home is DeskTab.DUE else "desk_key" for home in DeskTab}
"""Home → the field its list goes by; unique for each ticket."""

_LIVE = (Status.NEW, Status.OPEN, Status.PENDING)
# The first digit of a list's order: what needs us stands above all else.
_TURN = {DeskTab.NEEDS_US: 0, DeskTab.WAITING: 1, DeskTab.PROVIDERS: 2}


@dataclass(frozen=True, slots=True)
class DeskSelection:
    """One list: a home, narrowed to a team's queue or an owner (an address, or NOBODY)."""

    home: DeskTab
    queue: str = ""
    owner: str = ""

    @property
    def name(self) -> str:
        return f"{self.home}|{self.queue}|{self.owner}"


def homes_of(doc: Mapping[str, Any]) -> tuple[DeskTab, ...]:
    """The homes a ticket stands in, those of one person left out; none for one that is done."""
    if doc["status"] not in _LIVE:
        return ()
    found = [_choose_home(doc)]
    # A deadline of what waits for others is not for us to meet.
    if found[0] is DeskTab.NEEDS_US and doc["due_at"]:
        found.append(DeskTab.DUE)
    if (doc.get("appeal") or {}).get("state") == "open" or doc.get("insisted"):
        found.append(DeskTab.APPEALS)
    if doc.get("suggestion") or doc.get("queue_suggestion"):
        found.append(DeskTab.SUGGESTIONS)
    return tuple(found)


def shelves_of(doc: Mapping[str, Any]) -> list[str]:
    """The names of all lists a ticket stands in."""
    # Nobody counts as an owner: what no one has is a list of its own.
    queue, owner = str(doc["queue"] or ""), doc.get("owner") or NOBODY
    found = {
        DeskSelection(home, *narrowed).name
        for home in homes_of(doc)
        # All tickets, those of the queue, of the owner, and of both.
        for narrowed in (("", ""), (queue, ""), ("", owner), (queue, owner))
    }
    # The lists of persons come last; they can be narrowed to a queue, and not to an owner.
    if doc["status"] in _LIVE and doc.get("owner"):
        found |= {DeskSelection(DeskTab.MINE, name, owner).name for name in ("", queue)}
    if doc["status"] in _LIVE:
        found |= {
            DeskSelection(DeskTab.MENTIONED, name, person).name
            for person in doc.get("mentioned") or ()
            for name in ("", queue)
        }
    return sorted(found)


def shelve(doc: Doc) -> None:
    """Set what the homes' lists go by: `shelves`, `desk_key`, `due_key`."""
    doc["shelves"] = shelves_of(doc)
    # Whose turn it is, then the order of all lists.
    doc["desk_key"] = f"{_TURN[_choose_home(doc)]}{doc['order_key']}"
    doc["due_key"] = f"{doc['due_at'] or '9999'} {doc['opened_key']}"


def shelf_for(actor: Actor, home: DeskTab, queue: str = "", owner: str = "") -> DeskSelection:
    """The list that `actor` asks for. What is theirs is always theirs."""
    mine = fold_address(actor.email)
    if home in (DeskTab.MINE, DeskTab.MENTIONED):
        return DeskSelection(home, queue, mine)
    # Words of the address bar; any other value is somebody's address.
    return DeskSelection(
        home, queue, {"mine": mine, "nobody": NOBODY}.get(owner, fold_address(owner))
    )


def choose_landing(actor: Actor, counts: Mapping[DeskTab, int]) -> tuple[DeskTab, str]:
    """Where somebody's work is: a home and a queue.

    A reviewer begins with appeals while there are any, an architect with the architects' tickets.
    """
    roles = set(actor.roles)
    # Appeals wait for a reviewer alone.
    if Role.REVIEWER in roles and counts.get(DeskTab.APPEALS):
        return DeskTab.APPEALS, ""
    if Role.CSA in roles and Role.AGENT not in roles:
        return DeskTab.NEEDS_US, "csa"
    return DeskTab.NEEDS_US, ""


def _choose_home(doc: Mapping[str, Any]) -> DeskTab:
    # Before the status: with a provider it is theirs, whatever we wait for.
    if doc.get("provider"):
        return DeskTab.PROVIDERS
    return DeskTab.WAITING if doc["status"] == Status.PENDING else DeskTab.NEEDS_US
