"""Reads the body that a monitor posts to `/v1/alerts`. Nothing is refused: a monitor does not
repeat what was refused, so a refused alert wakes nobody. Pure.

In: bytes, as they came. Out: a `Notification` whose alerts are whole, and `warnings` that say what
was cut, repaired or left out. A body in which no alert can be found becomes one alert, "An alert
that cannot be read", with the beginning of the text.

The shape is Prometheus Alertmanager's webhook body, version 4 (prometheus.io, "Alerting,
configuration: webhook_config"). A single alert and a bare list of alerts are read, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from shared import ids
from shared.instants import is_of_ours

MOST_BYTES = 8 * 1024 * 1024
"""Of a body. What comes after it is dropped, and the alerts before the cut are taken."""

MOST = 1000
"""Alerts of one notification that fire, and as many that ended."""

MANY = 20
"""From so many alerts on, each of them is kept shorter."""

UNREADABLE = "An alert that cannot be read"
SHOWN = 2_000
"""Characters of an unreadable body that go into the alert's description."""

AHEAD = timedelta(minutes=10)
"""A monitor's clock may be so much ahead of ours."""

LONG_AGO = timedelta(days=400)
"""A beginning further back is a clock that is not set."""

# Alertmanager's own labels are a dozen; a hundred is a mistake in the monitor.
_MOST_LABELS = 100
# Characters of a name, of a value, of a value where alerts are many, of a group's key, of a print.
_NAME, _VALUE, _SHORT, _GROUP, _PRINT = 200, 10_000, 500, 1_000, 200
# Warnings of one answer: nobody reads more.
_WARNINGS = 50

Status = Literal["firing", "resolved"]


@dataclass(frozen=True)
class Alert:
    """One alert. `starts_at` is None where the monitor says nothing that can be true: then our own
    time of arrival stands for it. `print` tells it from other alerts of its group.
    """

    status: Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    print: str

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


@dataclass(frozen=True)
class Notification:
    """A group's notification. `left_out`: alerts that were too many. `readable`: not made up
    here.
    """

    group: str
    alerts: tuple[Alert, ...]
    warnings: tuple[str, ...] = ()
    left_out: int = 0
    readable: bool = True


@dataclass
class AlertWarnings:
    """The warnings so far, in their order, each once."""

    said: dict[str, None] = field(default_factory=dict)

    def add(self, text: str) -> None:
        if len(self.said) < _WARNINGS:
            self.said.setdefault(text)


def read(raw: bytes, now: datetime, sender: str, *, cut: bool = False) -> Notification:
    """The notification in a body. `cut`: only its beginning is here. `sender` groups what cannot be
    read.
    """
    notes = AlertWarnings()
    # In this order: read it as it is, then what stands whole in it, then its beginning as a text.
    if cut:
        notes.add("The body was cut: only the alerts in its first part were taken.")
    found = _alerts_in(_load(raw, notes), notes)
    if found is None:
        found = _salvage(raw, notes)
    if found is None:
        return make_unreadable(raw, now, sender, notes)
    outer, given = found
    # An empty group that is resolved says only that nothing fires.
    tells_nothing = not given and _status(outer.get("status")) == "resolved"
    if all(one is None for one in given) and not tells_nothing:
        return make_unreadable(raw, now, sender, notes)
    kept, left_out = _limit_alerts(given, outer, notes)
    many = len(kept) > MANY
    alerts = tuple(_alert(one, outer, number, now, many, notes) for number, one in kept)
    return Notification(_group(outer, alerts, notes), alerts, tuple(notes.said), left_out)


def _limit_alerts(
    given: list[Any], outer: Mapping[str, Any], notes: AlertWarnings
) -> tuple[list[tuple[int, Any]], int]:
    """The alerts that are taken, each with its number, and how many are not. Those that fire are
    taken before those that ended.
    """
    numbered = [(number, one) for number, one in enumerate(given) if one is not None]
    if len(numbered) < len(given):
        notes.add("Some items of `alerts` are null and were left out.")
    if len(numbered) <= MOST:
        return numbered, 0
    # What fires is taken first: an end that is left out comes again, a call for help may not.
    firing = [entry for entry in numbered if _status_of(entry[1], outer) == "firing"]
    ended = [entry for entry in numbered if _status_of(entry[1], outer) == "resolved"]
    kept = [*firing[:MOST], *ended[:MOST]]
    if left_out := len(numbered) - len(kept):
        notes.add(
            f"{len(numbered)} alerts are too many for one notification: {left_out} were left out. "
            "Group them more finely, or set max_alerts."
        )
    return kept, left_out


def make_unreadable(raw: bytes, now: datetime, sender: str, notes: AlertWarnings) -> Notification:
    """One alert that fires and shows the beginning of the body. It has no end, so the same text is
    the same alert for one hour.
    """
    notes.add("No alert could be read from this body, so one was raised that shows its beginning.")
    # Four bytes a character at most, and no more is decoded than is shown.
    text = clean(raw[: 4 * SHOWN].decode("utf-8", "replace"))[:SHOWN]
    hour = now.astimezone(UTC).strftime("%Y-%m-%dT%H")
    alert = Alert(
        "firing",
        {"alertname": UNREADABLE},
        {"summary": f"{UNREADABLE}: {text[:120] or '(empty)'}", "description": text or "(empty)"},
        None,
        ids.digest(text, hour),
    )
    return Notification(f"unreadable {sender}", (alert,), tuple(notes.said), readable=False)


def clean(text: str) -> str:
    """Without what Kafka, BSON or JSON cannot hold: lone surrogates and NUL."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode("utf-8")


# --- JSON


def _load(raw: bytes, notes: AlertWarnings) -> Any:
    """The JSON value, read as leniently as can be; None where there is none."""
    # Some senders put a byte order mark in front.
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.add("The body is not UTF-8: what could not be read shows as \ufffd.")
        text = raw.decode("utf-8", "replace")
    try:
        return _decoder(notes).decode(text)
    except (ValueError, RecursionError):
        return None


def _decoder(notes: AlertWarnings) -> json.JSONDecoder:
    # The standard parser keeps the last of two keys, and an alert could vanish with the first.
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            notes.add("A key stands twice in one object: both values were kept where that can be.")
            made = {}
            for key, value in found:
                made[key] = _merge_values(key, made[key], value) if key in made else value
        return made

    # Not strict: monitors leave raw line breaks in their texts.
    return json.JSONDecoder(object_pairs_hook=pairs, strict=False, parse_int=_integer)


def _merge_values(key: str, first: Any, second: Any) -> Any:
    """One value for a key that stands twice. An alert is never lost by it."""
    # What loses nothing comes first; where one must go, what fires stays.
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict):
        return first | second
    if key == "alerts":
        return first if isinstance(first, list) else second
    if key == "status" and _status(first) == "firing":
        return first
    return second


def _integer(digits: str) -> int | str:
    """Python refuses to read thousands of digits; they are kept as text."""
    return int(digits) if len(digits) < 19 else digits


def _alerts_in(value: Any, notes: AlertWarnings) -> tuple[Mapping[str, Any], list[Any]] | None:
    """What stands around the alerts, and the alerts; None where there are none."""
    # From the right form to the stranger ones.
    if isinstance(value, list) and value:
        notes.add("The body is a list, not a notification: its items were read as alerts.")
        return {}, value
    if not isinstance(value, dict):
        return None
    alerts = value.get("alerts")
    if isinstance(alerts, list):
        return value, alerts
    if isinstance(alerts, dict) and alerts:
        notes.add("`alerts` is not a list: it was read as one alert.")
        return value, [alerts]
    if any(isinstance(value.get(name), dict) for name in ("labels", "annotations")):
        notes.add("The body is one alert, not a notification.")
        return {"groupKey": value.get("groupKey")}, [value]
    return None


_ALERTS = re.compile(r'"alerts"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def _salvage(raw: bytes, notes: AlertWarnings) -> tuple[Mapping[str, Any], list[Any]] | None:
    """The alerts that stand whole in a body that is no JSON, as one that was cut."""
    text = raw.decode("utf-8", "replace")
    begin = _ALERTS.search(text)
    if begin is None:
        return None
    decoder, at, alerts = _decoder(notes), begin.end(), list[Any]()
    # An alert after the other, until one is cut or broken.
    while True:
        between = _BETWEEN.match(text, at)
        assert between is not None  # it matches nothing, too
        try:
            found, at = decoder.raw_decode(text, between.end())
        except (ValueError, RecursionError):
            break
        alerts.append(found)
    if not any(isinstance(one, dict) for one in alerts):
        return None
    notes.add("The body is broken JSON: the alerts that stand whole in it were taken.")
    # The group stands in front of the alerts or behind them, so it is looked for in the whole text.
    group = re.search(r'"groupKey"\s*:\s*("(?:[^"\\]|\\.){0,20000}")', text)
    outer = {"groupKey": json.loads(group[1], strict=False)} if group and _is_text(group[1]) else {}
    return outer, alerts


def _is_text(quoted: str) -> bool:
    try:
        json.loads(quoted, strict=False)
    except ValueError:
        return False
    return True


# --- one alert


def _alert(
    given: Any,
    outer: Mapping[str, Any],
    number: int,
    now: datetime,
    many: bool,
    notes: AlertWarnings,
) -> Alert:
    where = f"alerts[{number}]"
    # Not an object, but somebody meant something by it: it becomes an alert with that text.
    if not isinstance(given, dict):
        notes.add(f"{where} is not an object: it was taken as an alert that says this.")
        text = _text(given)
        given = {"labels": {"alertname": UNREADABLE}, "annotations": {"summary": text}}
    longest = _SHORT if many else _VALUE
    labels = _texts(given.get("labels"), f"{where}.labels", longest, notes)
    annotations = _texts(given.get("annotations"), f"{where}.annotations", longest, notes)
    # Without labels and annotations the whole object is all that can be shown.
    if not labels and not annotations:
        annotations = {"description": _text(given)[:SHOWN]}
    status = _status_of(given, outer)
    if _status(given.get("status")) is None:
        notes.add(f"{where}.status is neither firing nor resolved: it counts as {status}.")
    begun = _read_start(given.get("startsAt"), now, where, notes)
    return Alert(status, labels, annotations, begun, _print(given, labels))


def _status_of(given: Any, outer: Mapping[str, Any]) -> Status:
    """The alert's own status, else the group's; what says neither fires."""
    # A text that stands for an alert fires: nobody sends one to say that all is well.
    own = _status(given.get("status")) if isinstance(given, dict) else "firing"
    return own or _status(outer.get("status")) or "firing"


def _status(given: Any) -> Status | None:
    word = given.strip().lower() if isinstance(given, str) else None
    return "firing" if word == "firing" else "resolved" if word == "resolved" else None


def _texts(given: Any, where: str, longest: int, notes: AlertWarnings) -> dict[str, str]:
    """Labels or annotations: names and values are texts of a bounded length."""
    if given is None or given == {}:
        return {}
    if not isinstance(given, dict):
        notes.add(f"{where} is not an object.")
        return {"description": _text(given)[:longest]} if where.endswith("annotations") else {}
    found: dict[str, str] = {}
    for name, value in given.items():
        # A bound for each alert: its labels go into the log with every repeat.
        if len(found) == _MOST_LABELS:
            notes.add(f"{where} has more than {_MOST_LABELS} entries: the first were kept.")
            break
        text = _text(value)
        if len(text) > longest or len(name) > _NAME:
            notes.add(f"{where} has a text of more than {longest} characters: it was cut.")
        found[clean(name[:_NAME])] = text[:longest]
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    if value is None:
        return ""
    try:
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    except (ValueError, RecursionError):
        return "(nested too deeply to be shown)"


_INSTANT = TypeAdapter(datetime)


def _read_start(given: Any, now: datetime, where: str, notes: AlertWarnings) -> datetime | None:
    """When it began, in UTC; None for what cannot be true."""
    if given is None:
        notes.add(f"{where}.startsAt is missing: our own time stands for it.")
        return None
    found: datetime | None = None
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        try:
            found = _INSTANT.validate_python(given.strip() if isinstance(given, str) else given)
            found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValidationError, OverflowError, ValueError):
            found = None
    if found is None:
        notes.add(f"{where}.startsAt is no time that can be read: our own stands for it.")
        return None
    if not is_of_ours(found) or not now - LONG_AGO <= found <= now + AHEAD:
        notes.add(
            f"{where}.startsAt is not a time of today (it says {found.isoformat()}): our own "
            "stands "
            "for it. Check the monitor's clock."
        )
        return None
    return found


def _print(given: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The alert's own id. Older versions send none, so the labels stand for it; without labels the
    annotations do.
    """
    # Alertmanager's own fingerprint; a bool would be 0 or 1 as a number.
    fingerprint = given.get("fingerprint")
    if isinstance(fingerprint, str | int) and not isinstance(fingerprint, bool) and fingerprint:
        text = clean(str(fingerprint)).strip()
        if text:
            return text if len(text) <= _PRINT else ids.digest(text)
    # As it came, before cutting: two that differ at their end must stay two.
    whole = given.get("labels") if labels else given.get("annotations")
    if not isinstance(whole, dict):
        return ids.digest(_text(whole))
    return ids.digest(*(f"{clean(name)}={_text(value)}" for name, value in sorted(whole.items())))


def _group(outer: Mapping[str, Any], alerts: tuple[Alert, ...], notes: AlertWarnings) -> str:
    """The group's key. A long one is cut and keeps a digest, so that two long ones differ."""
    given = outer.get("groupKey")
    if not isinstance(given, str) or not given.strip():
        names = sorted({alert.name or alert.print for alert in alerts})
        notes.add("groupKey is missing: alerts of one name stand for the group.")
        given = f"no groupKey: {', '.join(names)}"
    text = clean(given)
    if len(text) > _GROUP:
        notes.add(f"groupKey has more than {_GROUP} characters: it was cut.")
        return f"{text[: _GROUP - 40]}… {ids.digest(text)}"
    return text
