"""From a browser's form to intake's document, and from a problem document back to the fields. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.access import MAY, READERS, Standing, may_decide_appeals
from shared.events import Actor, Audience, Scope, Status
from shared.lifecycle import TRANSITIONS, Move

Fields = Mapping[str, str]

URGENT_TEXTS = (
    "users_affected", "business_impact", "steps_to_reproduce", "seen_in_staging", "staging_differences", "began_at", "logs",
    "configuration",
)  # fmt: skip

FIELD_OF_CODE = {
    "unknown-app": "app", "app-unknown": "app", "not-a-collaborator": "app", "no-such-app": "app", "addon-not-attached": "addon",
    "unknown-addon": "addon", "priority-not-allowed": "priority", "plan-may-not-choose": "priority", "no-time": "starts_at",
    "no-such-window": "ends_at", "notice-too-short": "override_reason",
}  # fmt: skip
"""Refusals of intake that are about one field though they carry no pointer."""

WORDS_OF_CODE = {
    "notice-too-short": "It begins in less than 24 hours. Give people more time, or say here why it cannot wait.",
    "no-time": "Say when it begins.",
}
"""Refusals whose own words speak to programs."""


def ticket_document(fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/tickets` (DESIGN section 7). The items of the urgent guide go along only with an urgent one."""
    document: dict[str, Any] = {"subject": fields.get("subject", ""), "body": fields.get("body", "")}
    document.update({name: fields[name] for name in ("app", "addon", "priority", "kind") if fields.get(name)})
    if fields.get("priority") == "urgent":
        items: dict[str, Any] = {name: fields[f"urgent.{name}"] for name in URGENT_TEXTS if fields.get(f"urgent.{name}")}
        items["access_granted"] = "urgent.access_granted" in fields
        if services := fields.get("urgent.third_party_services"):
            items["third_party_services"] = [part.strip() for part in services.split(",") if part.strip()]
        document["urgent"] = items
    return document


def action_document(action: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/tickets/{id}/{action}`."""
    match action:
        case "replies":
            return {"body": fields.get("body", ""), "audience": fields.get("audience") or Audience.EVERYONE.value}
        case "assign":
            kind, _, name = fields.get("to", "").partition(":")
            if fields.get("provider"):
                kind, name = "provider", fields["provider"]
            return {kind: name} if kind in ("provider", "queue") else {}
        case "review" | "decide-appeal":
            return {"priority": fields.get("priority", ""), "reason": fields.get("reason", "")}
        case "solve":
            return {"resolution": fields.get("resolution", "")}
        case "appeal" | "insist":
            return {"information": fields.get("information", "")}
        case "rate":
            score = fields.get("score", "")
            return {"score": int(score) if score.isdecimal() and len(score) == 1 else 0, "comment": fields.get("comment", "")}
        case "access":
            return {"granted": fields.get("granted") == "yes"}
        case "link" | "unlink":
            return {"incident_id": fields.get("incident_id", "")}
        case "dismiss" | "reopen" | "hand-back" | "take-back":
            return {"reason": fields.get("reason", "")}
        case _:
            return {}


ACTIONS: dict[str, tuple[str, Move]] = {
    "assign": ("AssignTicket", Move.ASSIGN),
    "review": ("ReviewPriority", Move.REVIEW),
    "insist": ("InsistScope", Move.INSIST),
    "hand-back": ("HandBack", Move.HAND_BACK),
    "take-back": ("TakeBack", Move.TAKE_BACK),
    "appeal": ("AppealPriority", Move.APPEAL),
    "decide-appeal": ("DecideAppeal", Move.DECIDE_APPEAL),
    "solve": ("Solve", Move.SOLVE),
    "reopen": ("Reopen", Move.REOPEN),
    "rate": ("RateTicket", Move.RATE),
    "share": ("ShareTicket", Move.SHARE),
    "unshare": ("RevokeShare", Move.REVOKE_SHARE),
    "access": ("GrantAccess", Move.GRANT_ACCESS),
}
"""Action → its request, and what that amounts to for the state."""


def _appeal_is(ticket: Mapping[str, Any], *states: str) -> bool:
    return (ticket["appeal"] or {}).get("state", "none") in states


def _is_requester(ticket: Mapping[str, Any], actor: Actor) -> bool:
    return bool(actor.email.lower() == ticket["requester"].lower())


def _is_other_reviewer(ticket: Mapping[str, Any], actor: Actor) -> bool:
    return may_decide_appeals(actor) and actor.email.lower() != ticket["appeal"]["changed_by"].lower()


ONLY: dict[str, Callable[[Mapping[str, Any], Actor], bool]] = {
    "take-back": lambda ticket, _: bool(ticket["provider"]),
    "insist": lambda ticket, _: ticket.get("scope") == Scope.NOT_COVERED,
    "review": lambda ticket, _: not _appeal_is(ticket, "open", "decided"),
    "appeal": lambda ticket, _: _appeal_is(ticket, "possible"),
    "decide-appeal": lambda ticket, actor: _appeal_is(ticket, "open") and _is_other_reviewer(ticket, actor),
    "rate": lambda ticket, actor: bool(ticket["rateable"]) and _is_requester(ticket, actor),
    "unshare": lambda ticket, _: bool(ticket["shared_until"]),
    "access": _is_requester,
}
"""What an action needs beyond the side and the state: there is no use in offering what would be refused."""


def actions_for(ticket: Mapping[str, Any], actor: Actor) -> list[str]:
    """What whoever looks at the ticket is offered: allowed by `shared.access`, and by the state the ticket is in."""
    who, moves = Standing(ticket["standing"]), TRANSITIONS[Status(ticket["status"])]
    offered = [action for action, (request, move) in ACTIONS.items() if who in MAY[request] and move in moves]
    return [action for action in offered if action not in ONLY or ONLY[action](ticket, actor)]


def audiences_for(ticket: Mapping[str, Any], provider_name: str) -> list[tuple[str, str]]:
    """(audience, label) of those whoever looks at the ticket may write to."""
    who = Standing(ticket["standing"])
    labels = {
        Audience.EVERYONE: "Everyone",
        Audience.PROVIDER: f"Staff and {provider_name}" if who is Standing.STAFF else "Heroku Support only",
        Audience.STAFF: "Staff note",
    }
    return [(a.value, label) for a, label in labels.items() if who in READERS[a] and (a is not Audience.PROVIDER or ticket["provider"])]


def problems_by_field(document: Mapping[str, Any], known: frozenset[str]) -> dict[str, str]:
    """A problem document in words, by form field; what belongs to no field of `known` stands under `form`."""
    found: dict[str, str] = {}
    code = str(document.get("type", "")).rpartition("/")[2]
    for error in () if code in WORDS_OF_CODE else document.get("errors") or ():
        parts = [part for part in str(error.get("pointer", "")).lstrip("#").split("/") if part]
        while parts and ".".join(parts) not in known:
            parts.pop()
        found.setdefault(".".join(parts) or "form", _sentence(str(error.get("detail", ""))))
    if not found:
        field = FIELD_OF_CODE.get(code, "form")
        said = WORDS_OF_CODE.get(code) or str(document.get("detail") or "It was not accepted.")
        found[field if field in known else "form"] = _sentence(said)
    return found


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
