"""From the forms of ops to intake's documents about incidents and maintenances. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Fields = Mapping[str, str]

ACTIONS = frozenset({"updates", "publish", "resolve", "message", "reschedule", "end", "cancel"})
FAMILY = {"inc_": "incidents", "mnt_": "maintenances", "ann_": "maintenances"}
"""Beginning of an id → the family its requests are made under."""

COLOURS = ("green", "yellow", "red")


def opening_document(what: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/incidents` or `/v1/maintenances`. Empty fields are left out; times are UTC where no zone is said."""
    document: dict[str, Any] = {
        "title": fields.get("title", ""), "body": fields.get("body", ""), "components": components_in(fields),
        "impact": impact_in(fields) or {},
    }  # fmt: skip
    if what == "maintenance":
        document.update({name: instant(fields.get(name, "")) for name in ("starts_at", "ends_at")})
        document.update({name: fields[name] for name in ("override_reason",) if fields.get(name)})
        return document
    document["stacks"] = stacks_in(fields)
    document["draft"] = fields.get("draft") == "yes"
    document.update({name: fields[name] for name in ("follow_up_of",) if fields.get(name)})
    if fields.get("started_at"):
        document["started_at"] = instant(fields["started_at"])
    return document


def action_document(action: str, fields: Fields) -> dict[str, Any]:
    """The body of `POST /v1/<family>/{id}/{action}`."""
    document: dict[str, Any] = {"body": fields.get("body", "")}
    match action:
        case "updates":
            document["internal"] = fields.get("internal") == "yes"
            if fields.get("corrects"):
                document["corrects"] = fields["corrects"]
            if not document["internal"] and (impact := impact_in(fields)) is not None:
                document["impact"] = impact
            if not document["internal"] and fields.get("changes_components") == "yes":
                document["components"] = components_in(fields)
        case "publish":
            document = {name: fields[name] for name in ("title", "body") if fields.get(name, "").strip()}
            if (impact := impact_in(fields)) is not None:
                document["impact"] = impact
            if fields.get("changes_components") == "yes":
                document["components"] = components_in(fields)
        case "reschedule":
            document["ends_at"] = instant(fields.get("ends_at", ""))
            document.update({"starts_at": instant(fields["starts_at"])} if fields.get("starts_at") else {})
            document.update({"override_reason": fields["override_reason"]} if fields.get("override_reason") else {})
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
    for name, text in fields.items():
        effects = [line.strip(" -•\t") for line in text.split("\n") if line.strip(" -•\t")]
        if name.startswith("stack.") and effects:
            found.append({"stack": name.partition(".")[2], "effects": effects})
    return found


def instant(text: str) -> str:
    """A form's date and time as an instant in UTC; what is none is left for intake to refuse."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
