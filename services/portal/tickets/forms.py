"""From a browser's form to intake's document, and from a problem document back to the
fields. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.tickets.collisions import read_seen
from shared.access import READERS, Standing, may_decide_appeals
from shared.asks import BUTTONS
from shared.events import Actor, Audience, Scope, Status
from shared.http.mistakes import as_sentence
from shared.lifecycle import TRANSITIONS
from shared.people.folding import fold_address, is_same_address
from shared.tags import tags_in
from shared.text.answers import reply_of

Fields = Mapping[str, str]

# The items of the urgent guide that are plain texts; the others are read one by one below.
URGENT_TEXTS = (
    "users_affected",
    "business_impact",
    "steps_to_reproduce",
    "seen_in_staging",
    "staging_differences",
    "began_at",
    "logs",
    "configuration",
)

FIELD_OF_CODE = {
    "unknown-app": "app",
    "app-unknown": "app",
    "not-a-collaborator": "app",
    "no-such-app": "app",
    "addon-not-attached": "addon",
    "unknown-addon": "addon",
    "priority-not-allowed": "priority",
    "plan-may-not-choose": "priority",
    "no-time": "starts_at",
    "no-such-window": "ends_at",
    "notice-too-short": "override_reason",
}
"""Refusals of intake that are about one field though they carry no pointer."""

WORDS_OF_CODE = {
    "notice-too-short": "It begins in less than 24 hours. Give people more time, or say here why "
    "it cannot wait.",
    "no-time": "Say when it begins.",
}
"""Refusals whose own words speak to programs."""


def ticket_document(fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/tickets` (DESIGN section 7). The items of the urgent guide go along
    only with an urgent one. Access to the app is the requester's to give, never staff's for them.
    """
    document: dict[str, Any] = {
        "subject": fields.get("subject", ""),
        "body": fields.get("body", ""),
    }
    # Left out where empty: intake tells "not said" from "said to be nothing".
    document.update(
        {
            name: fields[name]
            for name in ("requester", "follows", "app", "addon", "priority", "kind")
            if fields.get(name)
        }
    )
    if fields.get("priority") == "urgent":
        items: dict[str, Any] = {
            name: fields[f"urgent.{name}"] for name in URGENT_TEXTS if fields.get(f"urgent.{name}")
        }
        if not fields.get("requester"):
            items["access_granted"] = "urgent.access_granted" in fields
        if services := fields.get("urgent.third_party_services"):
            items["third_party_services"] = [
                part.strip() for part in services.split(",") if part.strip()
            ]
        document["urgent"] = items
    return document


def real_action(action: str, fields: Fields) -> str:
    """Handing over to a team is assigning it to that team's queue."""
    is_to_team = action == "hand-over" and fields.get("to", "").startswith("queue:")
    return "assign" if is_to_team else action


def action_document(action: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/tickets/{id}/{action}`."""
    match action:
        case "replies":
            seen = read_seen(fields)
            return {
                "body": fields.get("body", ""),
                "audience": fields.get("audience") or Audience.EVERYONE.value,
                **({"seen": seen} if seen else {}),
            }
        # The answers are written as a reply, in the form that the checklist is read from.
        case "checklist":
            parts = (fields.get("body", "").strip(), reply_of(fields))
            text = "\n\n".join(part for part in parts if part)
            return {"body": text, "audience": Audience.EVERYONE.value}
        case "assign":
            # One select for all, or a field of its own in the pages that offer only one kind.
            kind, _, name = fields.get("to", "").partition(":")
            if fields.get("provider"):
                kind, name = "provider", fields["provider"]
            elif fields.get("queue"):
                kind, name = "queue", fields["queue"]
            return {kind: name} if kind in ("provider", "queue") else {}
        case "review" | "decide-appeal":
            return {"priority": fields.get("priority", ""), "reason": fields.get("reason", "")}
        case "solve":
            return {"resolution": fields.get("resolution", "")}
        case "appeal" | "insist":
            return {"information": fields.get("information", "")}
        case "rate":
            score = fields.get("score", "")
            return {
                # Anything but one digit becomes 0, which is no score.
                "score": int(score) if score.isdecimal() and len(score) == 1 else 0,
                "comment": fields.get("comment", ""),
            }
        case "ask" | "remove":
            return {"email": fields.get("email", "")}
        case "access":
            return {"granted": fields.get("granted") == "yes"}
        case "link" | "unlink":
            return {"incident_id": fields.get("incident_id", "")}
        case "accept":
            return {"queue": fields.get("queue", "")}
        # Before the plain dismissal below: with a queue it is the queue that is dismissed.
        case "dismiss" if fields.get("queue"):
            return {"reason": fields.get("reason", ""), "queue": fields["queue"]}
        case "tag":
            gone = fields.get("remove", "")
            return {"add": tags_in(fields.get("add", "")), "remove": [gone] if gone else []}
        case "merge":
            return {"into": fields.get("into", "")}
        case "take":
            return {"instead_of": fields.get("instead_of", "")}
        case "hand-over":
            return {"to": fields.get("to", ""), "reason": fields.get("reason", "")}
        case "dismiss" | "reopen" | "hand-back" | "take-back" | "release":
            return {"reason": fields.get("reason", "")}
        # Actions that need nothing but the ticket.
        case _:
            return {}


def _appeal_is(ticket: Mapping[str, Any], *states: str) -> bool:
    return (ticket["appeal"] or {}).get("state", "none") in states


def _is_requester(ticket: Mapping[str, Any], actor: Actor) -> bool:
    return bool(is_same_address(actor.email, ticket["requester"]))


def _is_other_reviewer(ticket: Mapping[str, Any], actor: Actor) -> bool:
    return may_decide_appeals(actor) and fold_address(actor.email) != fold_address(
        ticket["appeal"]["changed_by"]
    )


def removable_people(ticket: Mapping[str, Any], actor: Actor) -> list[str]:
    """Whom whoever looks at the ticket may take off it: staff and the requester all others, a
    participant themselves.
    """
    who = Standing(ticket["standing"])
    on_it = list(ticket["participants"] or ())
    if who is Standing.STAFF or _is_requester(ticket, actor):
        return [*on_it, *(ask["email"] for ask in ticket.get("asked") or ())]
    return [person for person in on_it if is_same_address(person, actor.email)]


def is_left(fields: Fields, actor: Actor) -> bool:
    """Whether a form that takes somebody off the ticket names whoever sends it."""
    return not actor.is_staff and is_same_address(fields.get("email", ""), actor.email)


ONLY: dict[str, Callable[[Mapping[str, Any], Actor], bool]] = {
    "take-back": lambda ticket, _: bool(ticket["provider"]),
    "take": lambda ticket, actor: fold_address(actor.email) != ticket.get("owner"),
    "release": lambda ticket, _: bool(ticket.get("owner")),
    "insist": lambda ticket, _: ticket.get("scope") == Scope.NOT_COVERED,
    "accept": lambda ticket, _: bool(ticket.get("queue_suggestion")),
    "review": lambda ticket, _: not _appeal_is(ticket, "open", "decided"),
    "appeal": lambda ticket, _: _appeal_is(ticket, "possible"),
    "decide-appeal": lambda ticket, actor: (
        _appeal_is(ticket, "open") and _is_other_reviewer(ticket, actor)
    ),
    "rate": lambda ticket, actor: bool(ticket["rateable"]) and _is_requester(ticket, actor),
    "unshare": lambda ticket, _: bool(ticket["shared_until"]),
    "remove": lambda ticket, actor: bool(removable_people(ticket, actor)),
    "access": _is_requester,
}
"""What an action needs beyond the side and the state: there is no use in offering what would be
refused.
"""


def actions_for(ticket: Mapping[str, Any], actor: Actor) -> list[str]:
    """What whoever looks at the ticket is offered: allowed by `shared.access`, and by the state the
    ticket is in.
    """
    who, moves = Standing(ticket["standing"]), TRANSITIONS[Status(ticket["status"])]
    # By who looks and by the state, then by what the table above asks for.
    offered = [word for word, ask in BUTTONS.items() if who in ask.may and ask.move in moves]
    return [action for action in offered if action not in ONLY or ONLY[action](ticket, actor)]


def audiences_for(
    ticket: Mapping[str, Any], provider_name: str, desk: str
) -> list[tuple[str, str]]:
    """(audience, label) of those whoever looks at the ticket may write to."""
    who = Standing(ticket["standing"])
    # In the order in which the form shows them.
    labels = {
        Audience.EVERYONE: "Everyone",
        Audience.PROVIDER: f"Staff and {provider_name}"
        if who is Standing.STAFF
        else f"{desk} only",
        Audience.STAFF: "Staff note",
    }
    return [
        (a.value, label)
        for a, label in labels.items()
        if who in READERS[a] and (a is not Audience.PROVIDER or ticket["provider"])
    ]


def problems_by_field(document: Mapping[str, Any], known: frozenset[str]) -> dict[str, str]:
    """A problem document in words, by form field; what belongs to no field of `known` stands under
    `form`.
    """
    found: dict[str, str] = {}
    code = str(document.get("type", "")).rpartition("/")[2]
    # Where words of ours stand for the code, intake's details are left out.
    for error in () if code in WORDS_OF_CODE else document.get("errors") or ():
        parts = [part for part in str(error.get("pointer", "")).lstrip("#").split("/") if part]
        # The longest part of the pointer that the form has a field for.
        while parts and ".".join(parts) not in known:
            parts.pop()
        found.setdefault(".".join(parts) or "form", as_sentence(str(error.get("detail", ""))))
    if not found:
        field = FIELD_OF_CODE.get(code, "form")
        said = WORDS_OF_CODE.get(code) or str(document.get("detail") or "It was not accepted.")
        found[field if field in known else "form"] = as_sentence(said)
    return found


def in_words(document: Mapping[str, Any], otherwise: str = "") -> str:
    """A problem document as one sentence, without pointers into a body that nobody wrote by hand.
    `otherwise`: where it says nothing.
    """
    if not document.get("errors") and not document.get("detail"):
        return otherwise
    return " ".join(problems_by_field(document, frozenset()).values())
