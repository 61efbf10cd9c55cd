"""From the forms of ops to intake's documents about incidents and maintenances. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Fields = Mapping[str, str]

ACTIONS = frozenset(
    {"updates", "correct", "publish", "resolve", "message", "reschedule", "end", "cancel"}
)
# A maintenance that was announced keeps the id of its announcement.
FAMILY = {"inc_": "incidents", "mnt_": "maintenances", "ann_": "maintenances"}
"""Beginning of an id → the family its requests are made under."""

COLOURS = ("green", "yellow", "red")


def make_opening_document(what: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/incidents` or `/v1/maintenances`. Empty fields are left out; times are
    UTC where no zone is said.
    """
    document: dict[str, Any] = {
        "title": fields.get("title", ""),
        "body": fields.get("body", ""),
        "components": components_in(fields),
        # Empty rather than absent: intake then says which colour is missing.
        "impact": impact_in(fields) or {},
    }
    # A maintenance has two times and no stacks, draft or phase.
    if what == "maintenance":
        document.update({name: instant(fields.get(name, "")) for name in ("starts_at", "ends_at")})
        document.update({name: fields[name] for name in ("override_reason",) if fields.get(name)})
        return document
    document["stacks"] = stacks_in(fields)
    document["draft"] = fields.get("draft") == "yes"
    document.update({name: fields[name] for name in ("follow_up_of",) if fields.get(name)})
    if fields.get("started_at"):
        document["started_at"] = instant(fields["started_at"])
    return document | progress_in(fields)


def action_document(action: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/<family>/{id}/{action}`."""
    document: dict[str, Any] = {"body": fields.get("body", "")}
    match action:
        case "updates":
            document["internal"] = fields.get("internal") == "yes"
            if fields.get("corrects"):
                document["corrects"] = fields["corrects"]
            # What is internal must change nothing that the public sees.
            if not document["internal"] and (impact := impact_in(fields)) is not None:
                document["impact"] = impact
            # A form that does not ask for components must not take them all away.
            if not document["internal"] and fields.get("changes_components") == "yes":
                document["components"] = components_in(fields)
            if fields.get("happened_at"):
                document["happened_at"] = instant(fields["happened_at"])
            document |= progress_in(fields)
        case "resolve" if fields.get("resolved_at"):
            document["resolved_at"] = instant(fields["resolved_at"])
        # Only what is filled in is corrected.
        case "correct":
            words = ("title", "update", "body", "reason")
            times = ("happened_at", "started_at", "resolved_at")
            document = {name: fields[name] for name in words if fields.get(name, "").strip()}
            document |= {name: instant(fields[name]) for name in times if fields.get(name)}
        case "publish":
            document = {
                name: fields[name] for name in ("title", "body") if fields.get(name, "").strip()
            }
            if (impact := impact_in(fields)) is not None:
                document["impact"] = impact
            if fields.get("changes_components") == "yes":
                document["components"] = components_in(fields)
            document |= progress_in(fields)
        case "reschedule":
            document["ends_at"] = instant(fields.get("ends_at", ""))
            document.update(
                {"starts_at": instant(fields["starts_at"])} if fields.get("starts_at") else {}
            )
            document.update(
                {"override_reason": fields["override_reason"]}
                if fields.get("override_reason")
                else {}
            )
        # Actions that need a text at most.
        case _:
            pass
    return document


def components_in(fields: Fields) -> list[str]:
    """The ticked ones: each is a field `component.<id>`."""
    return [name.partition(".")[2] for name in fields if name.startswith("component.")]


def impact_in(fields: Fields) -> dict[str, str] | None:
    """None where the form says nothing of it."""
    found = {name: fields[name] for name in ("production", "development") if fields.get(name)}
    return found or None


def stacks_in(fields: Fields) -> list[dict[str, Any]]:
    """The scope by stack: one effect a line, in a field `stack.<name>`."""
    found = []
    # Fields of other names are no stacks.
    for name, text in fields.items():
        effects = [line.strip(" -•\t") for line in text.split("\n") if line.strip(" -•\t")]
        if name.startswith("stack.") and effects:
            found.append({"stack": name.partition(".")[2], "effects": effects})
    return found


def instant(text: str) -> str:
    """A form's date and time as an instant in UTC; what is none is left for intake to refuse."""
    # As it was typed, so that the form shows it again beside intake's words.
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (
        (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def progress_in(fields: Fields) -> dict[str, Any]:
    """The phase, and when the next update is promised, where the form says them."""
    found: dict[str, Any] = {}
    if fields.get("phase"):
        found["phase"] = fields["phase"]
    if fields.get("next_update_at"):
        found["next_update_at"] = instant(fields["next_update_at"])
    return found
