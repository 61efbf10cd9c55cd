"""What the desk shows of a person, from the directory's and the views' documents. Pure. Staff only:
callers have looked (`visitors.Staff`, or the actor's standing in a ticket).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.people.folding import fold_address
from shared.people.identity import Lookup, is_active

COUNTED = 100
"""Open tickets of one person are counted up to here: a machine's account may have any number."""
SHOWN = 5
"""So many open and so many solved tickets stand in a ticket's panel."""
RATED = 20
"""So many ratings stand on a person's page."""

OPEN, SOLVED, RATING = "open", "solved", "rating"
"""What a document was read for (`part`)."""

# An app without a stage, or of an unknown one, comes last.
_STAGES = {"production": 0, "staging": 1, "development": 2}

Shape = dict[str, Any]


def person_of(directory: Lookup, email: str, *, name: str = "") -> Shape:
    """`{email, name, plan, roles, provider, is_known, is_active, since}`: the account, or what is
    left without one. `name`: what a ticket calls them, where the account does not say.
    """
    account = directory.get("accounts", fold_address(email))
    known = account or {}
    return {
        "email": fold_address(email),
        "name": str(known.get("name") or name),
        "plan": known.get("plan"),
        # Everybody who opens tickets has this role, so it says nothing.
        "roles": [role for role in known.get("roles") or () if role != "requester"],
        "provider": known.get("provider"),
        "is_known": account is not None,
        "is_active": is_active(account),
        "since": known.get("since"),
    }


def app_of(directory: Lookup, name: str) -> Shape:
    """`{name, stage, owner, addons, is_known}` of one app, as the directory has it now."""
    found = directory.get("apps", name)
    known = found or {}
    return {
        "name": name,
        "stage": known.get("stage"),
        "owner": known.get("owner"),
        "addons": list(known.get("addons") or ()),
        "is_known": found is not None,
    }


def order_apps(documents: Iterable[Mapping[str, Any]], email: str) -> list[Shape]:
    """Somebody's apps, production first, then by name; `is_owner` says whether it is theirs."""
    apps = [
        {
            "name": str(app["name"]),
            "stage": app.get("stage"),
            "owner": app.get("owner"),
            "addons": list(app.get("addons") or ()),
            "is_owner": fold_address(str(app.get("owner") or "")) == fold_address(email),
        }
        for app in documents
    ]
    return sorted(apps, key=lambda app: (_STAGES.get(str(app["stage"]), 3), app["name"]))


def sort_tickets(found: Iterable[Mapping[str, Any]], email: str, *, besides: str = "") -> Shape:
    """`{open: [ticket], open_count, open_more, solved: [ticket], ratings: [ticket]}` of what
    `reads.read_tickets` read, each in the order in which it came.

    `besides`: the ticket that is looked at, which is in no list and no count but that of the
    ratings. `open_more`: there are more than were counted.
    """
    parts: dict[str, list[Shape]] = {OPEN: [], SOLVED: [], RATING: []}
    for doc in found:
        # A rating may be that of the ticket that is looked at; lists name others.
        if doc["part"] == RATING or doc["_id"] != besides:
            parts[doc["part"]].append(_short(doc, email))
    count = len(parts[OPEN])
    return {
        "open": parts[OPEN][:SHOWN],
        # One more was read than is counted.
        "open_count": min(count, COUNTED),
        "open_more": count > COUNTED,
        "solved": parts[SOLVED][:SHOWN],
        "ratings": parts[RATING],
    }


def _short(doc: Mapping[str, Any], email: str) -> Shape:
    """`is_theirs`: they opened it; False: a colleague shared it with them."""
    return {
        "id": doc["_id"],
        "subject": doc["subject"],
        "status": doc["status"],
        "priority": doc["priority"],
        "opened_at": doc["opened_at"],
        "solved_at": doc.get("solved_at"),
        "rating": doc.get("rating"),
        "is_theirs": fold_address(str(doc["requester"])) == fold_address(email),
    }
