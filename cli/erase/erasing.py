"""What is left of an event, a row or a document when a person is erased from it. Pure, and on the JSON as it stands in the log, so
that fields this version does not know, or an older one did not have, stay as they are.

Erasing twice changes nothing more.
"""

from __future__ import annotations

import base64
import binascii
import copy
from typing import Any, NamedTuple

import orjson

from cli.erase.person import ERASED, Person
from cli.erase.table import EMPTIED, ROWS, TABLE, Texts

Json = dict[str, Any]


class UnknownEvent(Exception):
    """The table does not say whose the texts of this event are: nobody may guess."""


class Erased(NamedTuple):
    """`texts`: whether a text of theirs was taken out, so that a decision on it cannot be made again."""

    document: Json
    texts: bool


NAMES = {
    "name": "email",
    "requester_name": "requester",
    "author_name": "author",
    "participant_name": "participant",
    "sender_name": "sender",
    "to_name": "to",
}
"""A field for a name → the field beside it that says whose."""

_THEIR_KINDS = frozenset({"accounts", "credentials", "tokens", "subscriptions"})
"""Directory documents that are about one person. An app or a provider that names them stays, with the pseudonym."""


def erased(event: Json, person: Person) -> Erased:
    """An event of `shared/topics.py` without the person. Raises UnknownEvent."""
    name = str(event.get("type"))
    if name not in TABLE:
        raise UnknownEvent(f"this version does not know events of type {name!r}: erase with the one that wrote them")
    document, scopes = {**event}, _scopes(event, person)
    texts = _without_texts(document, TABLE[name], scopes)
    if "author" in scopes and (document.get("admission") or {}).get("requester_name"):
        document["admission"] = {**document["admission"], "requester_name": person.pseudonym}
    if name == "RequestParked" and isinstance(document.get("request"), dict) and "type" in document["request"]:
        document["request"], inner = erased(document["request"], person)
        texts |= inner
    elif name == "DeadLetter":
        texts |= _letter(document, person)
    elif name == "DirectoryRecorded" and _is_theirs(document, person):
        document["document"], texts = None, document.get("document") is not None
    elif name == "PolicyPublished":
        document["document"] = copy.deepcopy(document.get("document"))
        texts |= _methods(document["document"], person)
    return Erased(named(document, person), texts)


def erased_row(topic: str, key: str, row: Json, person: Person) -> Erased:
    """A worker's row without the person; `key` is the ticket, the incident or the lane."""
    document = {**row}
    owned = key in person.tickets
    texts = False
    if topic == "pager-state":
        for page_id, page in list((document.get("pages") or {}).items()):
            if page.get("ticket_id") in person.tickets or person.is_them(page.get("requester")):
                inner = {"pages": {page_id: page}}
                texts |= _without_texts(inner, ROWS[topic], frozenset({"owner"}))
                document["pages"] = {**document["pages"], page_id: inner["pages"][page_id]}
    elif owned or person.is_them(row.get("requester")):
        texts |= _without_texts(document, ROWS[topic], frozenset({"owner"}))
    parked: Json = {}
    for name, each in (document.get("parked") or {}).items():
        request, inner_texts = erased(each["request"], person)
        parked[name] = {**each, "request": request}
        texts |= inner_texts
    if parked:
        document["parked"] = parked
    return Erased(named(document, person), texts)


def named(value: Any, person: Person) -> Any:
    """Any document with the pseudonym where the person is named: in every text, every key, and the fields for names."""
    if isinstance(value, str):
        return person.replaced(value)
    if isinstance(value, list | tuple):
        return [named(each, person) for each in value]
    if isinstance(value, dict):
        found = {person.replaced(key) if isinstance(key, str) else key: named(each, person) for key, each in value.items()}
        for name, whose in NAMES.items():
            if found.get(name) and person.is_them(value.get(whose)):
                found[name] = person.pseudonym
        return found
    return value


def _scopes(event: Json, person: Person) -> frozenset[str]:
    actor = event.get("actor") or {}
    who = [event.get(name) for name in ("author", "by", "sender", "participant")] + [actor.get("email")]
    found = set()
    owns = event.get("key") in person.tickets or event.get("ticket_id") in person.tickets
    if owns or person.is_them(event.get("requester")):
        found |= {"owner", "either"}
    if any(person.is_them(each) for each in who) or person.is_them(event.get("mail_from")):
        found |= {"author", "either"}
    if event.get("key") in person.mails:
        found.add("mail")
    return frozenset(found)


def _without_texts(document: Json, texts: Texts, scopes: frozenset[str]) -> bool:
    """Take the texts of these scopes out of `document`, in place; whether there were any."""
    changed = False
    for scope in scopes:
        for path in getattr(texts, scope):
            changed |= _mask(document, path.split("."))
    return changed


def _mask(node: Json, path: list[str]) -> bool:
    """Nodes on the way are copied, so that what was handed in stays as it was."""
    step, rest = path[0], path[1:]
    changed = False
    for name in list(node) if step == "*" else [step] if step in node else []:
        before = node[name]
        if not rest:
            node[name] = _emptied(before) if name in EMPTIED else _masked(before)
            changed |= node[name] != before
        elif isinstance(before, dict):
            node[name] = {**before}
            changed |= _mask(node[name], rest)
        elif isinstance(before, list):
            node[name] = [{**each} if isinstance(each, dict) else each for each in before]
            for each in node[name]:
                changed |= isinstance(each, dict) and _mask(each, rest)
    return changed


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return ERASED if value else value
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    return value


def _emptied(value: Any) -> Any:
    return [] if isinstance(value, list) else "" if isinstance(value, str) and value else value


def _is_theirs(event: Json, person: Person) -> bool:
    """Accounts and credentials go by the address, tokens and subscriptions by an id of their own."""
    if event.get("kind") not in _THEIR_KINDS:
        return False
    document = event.get("document") or {}
    return person.is_them(event.get("doc_id")) or any(person.is_them(value) for value in document.values())


def _methods(document: Any, person: Person) -> bool:
    """Where an on-call document lists the person: their telephone numbers and the like. The names of methods stay, pages have them."""
    people = document.get("people") if isinstance(document, dict) else None
    changed = False
    for one in people.values() if isinstance(people, dict) else ():
        if isinstance(one, dict) and person.is_them(one.get("email")):
            for method in one.get("methods") or ():
                if isinstance(method, dict) and method.get("address") and method["address"] != person.stand_in:
                    method["address"] = person.stand_in
                    changed = True
    return changed


def _letter(document: Json, person: Person) -> bool:
    """A dead letter holds the record as it came, in base64. What is no event of ours is kept only where it does not name them."""
    try:
        raw = base64.b64decode(document.get("raw") or "")
    except binascii.Error:
        raw = b""
    left = erased_value(raw, person)
    if left.value == raw:
        return False
    document["raw"] = base64.b64encode(left.value).decode()
    if left.texts:
        document["reason"] = ERASED  # a bug's words may repeat what it stumbled over
    return left.texts


class Value(NamedTuple):
    """A record's value, and as `Erased.texts`."""

    value: bytes
    texts: bool


def erased_value(raw: bytes, person: Person) -> Value:
    """The value of a record of a public topic. The very same bytes where there is nothing to erase."""
    try:
        event = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return _without_form(raw, person)
    if not isinstance(event, dict) or "type" not in event:
        return _without_form(raw, person)
    left = erased(event, person)
    return Value(raw, False) if left.document == event else Value(orjson.dumps(left.document), left.texts)


def _without_form(raw: bytes, person: Person) -> Value:
    """Bytes that are no event: whoever is named in them wrote them, for all we know."""
    text = raw.decode("utf-8", "replace")
    if not person.is_named(text):
        return Value(raw, False)
    return Value(orjson.dumps(ERASED), True)
