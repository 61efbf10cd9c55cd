"""The policy `on-call` as forms: a person, a schedule with its layers, an escalation with its
steps. Each takes the document and gives the changed one. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from services.portal.admin.policies.hours import hours_of
from shared.policy.desk import windows_in
from shared.policy.windows import WEEKDAYS

Document = Mapping[str, Any]
Fields = Mapping[str, str]
Errors = dict[str, str]

# Rows of layers or steps that a form can have.
MOST_ROWS = 12
SPARE = 1
"""Empty rows behind those that are there, to add one."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
# Other spans that were written by hand stay as they are (`_layer`).
_SPANS = {"1d": "a day", "7d": "a week", "14d": "two weeks", "28d": "four weeks"}
STAYING = ("overrides", "swaps", "asks")
"""Parts of a schedule that its form does not show, and keeps."""
EVERY = (*_SPANS.items(), ("months", "a month"))
"""How long a turn may be, as the form offers it."""


def name_of(fields: Fields, standing: str, taken: Mapping[str, Any]) -> tuple[str, Errors]:
    """The name of what is edited: the standing one, or that of something new."""
    if standing:
        return standing, {}
    name = fields.get("name", "").strip()
    if not NAME.fullmatch(name):
        return name, {"name": "Lower-case letters, digits and hyphens."}
    if name in taken:
        return name, {"name": "There is one of this name already."}
    return name, {}


def person_values(person: Document) -> dict[str, str]:
    return {"email": str(person.get("email", ""))}


def with_person(document: Document, name: str, fields: Fields) -> tuple[dict[str, Any], Errors]:
    """The person with their account's address; the ways they are reached by stay. A new one gets
    mail to that address, to be proved by a code.
    """
    email = fields.get("email", "").strip()
    if "@" not in email:
        return {}, {"email": "The e-mail address of their account."}
    people: dict[str, Any] = dict(document.get("people", {}))
    known = people.get(name)
    # Not verified: nobody is paged at an address that was not proved.
    mail = {"name": "mail", "channel": "email", "address": email, "verified": False}
    people[name] = {**known, "email": email} if known else {"email": email, "methods": [mail]}
    return {**document, "people": people}, {}


def schedule_values(schedule: Document) -> dict[str, str]:
    """The fields of the form; layers are counted from 1."""
    zone = str(schedule.get("zone", "UTC"))
    values = {"zone": zone}
    # Counted as people count rows.
    for number, layer in enumerate(layers_of(schedule), 1):
        rotation = layer["rotation"]
        months = rotation.get("months", 0)
        values |= {
            f"{number}.name": layer["name"],
            f"{number}.people": ", ".join(rotation["people"]),
            f"{number}.starts_at": _local(str(rotation["starts_at"]), zone),
            f"{number}.every": "months" if months else str(rotation.get("every", "7d")),
            f"{number}.week": "\n".join(
                f"{day} {hours_of(windows)}" for day, windows in layer.get("week", {}).items()
            ),
        }
    return values


def layers_of(schedule: Document) -> Sequence[Document]:
    """The layers, a single rotation as one."""
    if schedule.get("rotation"):
        return [{"name": "rotation", "rotation": schedule["rotation"]}]
    found: Sequence[Document] = schedule.get("layers", ())
    return found


def _local(text: str, zone: str) -> str:
    """An instant as a form's field shows it, in the schedule's zone."""
    at = datetime.fromisoformat(text.upper())
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if at.tzinfo else text[:16]


def with_schedule(document: Document, name: str, fields: Fields) -> tuple[dict[str, Any], Errors]:
    """The schedule as the form says it; overrides, swaps and asks for cover stay."""
    schedules: dict[str, Any] = dict(document.get("schedules", {}))
    standing: Document = schedules.get(name, {})
    zone, errors, layers = fields.get("zone", "").strip(), {}, []
    # Checked here: the times of the layers are read in it.
    if zone not in available_timezones():
        errors["zone"] = "A name of the IANA database, such as Europe/Berlin."
    # By name, so that what the form does not show of a layer is kept.
    known = {str(layer["name"]): layer for layer in layers_of(standing)}
    for number in range(1, MOST_ROWS + 1):
        if not fields.get(f"{number}.people", "").strip():
            continue
        # In UTC where the zone is wrong: the other mistakes are told all the same.
        layer, wrong = _layer(number, fields, "UTC" if "zone" in errors else zone, known)
        errors |= wrong
        layers.append(layer)
    # Only where nothing else is wrong: it would hide the real mistake.
    if not layers and not errors:
        errors["1.people"] = "Name at least one person."
    for number, layer in enumerate(layers, 1):
        for person in layer["rotation"]["people"]:
            if person not in document.get("people", {}):
                said = f"{person} is not among the people: add them first."
                errors.setdefault(f"{number}.people", said)
    if errors:
        # Nothing of it: a draft with half a schedule would look finished.
        return {}, errors
    kept = {field: standing[field] for field in STAYING if standing.get(field)}
    made: dict[str, Any] = {"zone": zone}
    # In the short form, as people write it, where it says the same.
    if len(layers) == 1 and not layers[0].get("week") and not standing.get("layers"):
        made["rotation"] = layers[0]["rotation"]
    else:
        made["layers"] = layers
    schedules[name] = made | kept
    return {**document, "schedules": schedules}, {}


def _layer(
    number: int, fields: Fields, zone: str, known: Mapping[str, Document]
) -> tuple[dict[str, Any], Errors]:
    errors: Errors = {}
    name = fields.get(f"{number}.name", "").strip() or f"layer-{number}"
    before: Document = known.get(name, {}).get("rotation", {})
    people = [who for who in re.split(r"[\s,;]+", fields[f"{number}.people"]) if who]
    rotation: dict[str, Any] = {**before, "people": people}
    # An instant that was not touched stays in the words it was written in.
    given = fields.get(f"{number}.starts_at", "")
    if before and given == _local(str(before["starts_at"]), zone):
        pass  # as it was written
    else:
        try:
            at = datetime.fromisoformat(given).replace(tzinfo=ZoneInfo(zone))
            rotation["starts_at"] = at.isoformat()
        except ValueError:
            errors[f"{number}.starts_at"] = "Say when the first turn begins."
    every = fields.get(f"{number}.every", "7d")
    if every == "months":
        # The form only says "months"; how many stays as it stood.
        rotation["months"] = before.get("months") or 1
        # A turn has one of the two.
        rotation.pop("every", None)
    else:
        rotation["every"] = every
        rotation.pop("months", None)
    week, wrong = _week(fields.get(f"{number}.week", ""))
    if wrong:
        errors[f"{number}.week"] = wrong
    layer: dict[str, Any] = {"name": name, "rotation": rotation}
    return (layer | {"week": week} if week else layer), errors


def _week(text: str) -> tuple[dict[str, Any], str]:
    """`mon 09:00-17:00` a line, or `mon-fri 09:00-17:00`; nothing: always."""
    # One line may name several days; later lines win.
    found: dict[str, Any] = {}
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        days, _, hours = line.partition(" ")
        first, _, last = days.strip(":").partition("-")
        if first not in WEEKDAYS or (last and last not in WEEKDAYS):
            return {}, f"“{line}”: write mon 09:00-17:00, or mon-fri 09:00-17:00."
        try:
            windows = windows_in(hours.strip())
        except ValueError as error:
            return {}, f"{days}: {error}."
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        # From Friday to Monday goes over the end of the week.
        length = (end - begin) % len(WEEKDAYS) + 1
        for day in [*WEEKDAYS, *WEEKDAYS][begin : begin + length]:
            found[day] = [
                {
                    "opens": one.opens.isoformat("minutes"),
                    "closes": one.closes.isoformat("minutes"),
                }
                for one in windows
            ]
    # A day that is closed has no line in the document.
    return {day: windows for day, windows in found.items() if windows}, ""


def escalation_values(escalation: Document) -> dict[str, str]:
    values = {
        "repeat": str(escalation.get("repeat", 1)),
        "fallback": str(escalation.get("fallback", "")),
        "ack_timeout": str(escalation.get("ack_timeout", "0s")),
    }
    for number, step in enumerate(escalation.get("steps", ()), 1):
        kind = "schedule" if step.get("schedule") else "person"
        values[f"{number}.whom"] = f"{kind}:{step[kind]}"
        values[f"{number}.wait"] = str(step["wait"])
    return values


def with_escalation(document: Document, name: str, fields: Fields) -> tuple[dict[str, Any], Errors]:
    """The escalation as the form says it."""
    errors: Errors = {}
    steps = []
    for number in range(1, MOST_ROWS + 1):
        kind, _, whom = fields.get(f"{number}.whom", "").partition(":")
        if kind not in ("schedule", "person"):
            continue
        # An empty field means the usual wait, and is no mistake.
        wait = fields.get(f"{number}.wait", "").strip() or "5m"
        if not re.fullmatch(r"[0-9]{1,9}[smhd]", wait):
            errors[f"{number}.wait"] = "A number and its unit, such as 5m."
        steps.append({kind: whom, "wait": wait})
    if not steps:
        errors["1.whom"] = "Say who is paged first."
    repeat = fields.get("repeat", "1")
    if not (repeat.isdecimal() and 0 <= int(repeat) <= 10):
        errors["repeat"] = "A number from 0 to 10."
    if fields.get("fallback", "") not in document.get("people", {}):
        errors["fallback"] = "One of the people: pages end with them."
    timeout = fields.get("ack_timeout", "").strip() or "0s"
    if not re.fullmatch(r"[0-9]{1,9}[smhd]", timeout):
        errors["ack_timeout"] = "A number and its unit, such as 30m; 0s: never."
    if errors:
        return {}, errors
    made: dict[str, Any] = {
        "steps": steps,
        "repeat": int(repeat),
        "fallback": fields["fallback"],
    }
    # "Never" is written by leaving it out.
    if timeout != "0s":
        made["ack_timeout"] = timeout
    return {**document, "escalation": {**document.get("escalation", {}), name: made}}, {}


def without(document: Document, part: str, name: str) -> dict[str, Any]:
    """The document without a person, a schedule or an escalation."""
    held = {key: value for key, value in document.get(part, {}).items() if key != name}
    return {**document, part: held}


def rows(values: Fields, field: str) -> list[int]:
    """The numbers of the rows a form shows: those that say something, and SPARE more."""
    # Empty rows between those in use are kept, or the numbers would move.
    used = [number for number in range(1, MOST_ROWS + 1) if values.get(f"{number}.{field}")]
    last = max(used, default=0)
    return list(range(1, min(MOST_ROWS, last + SPARE) + 1))
