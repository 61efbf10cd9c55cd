"""What is left of an event, a row or a document when a person is erased from it. Pure, and on the
JSON as it stands in the log, so that fields this version does not know, or an older one did not
have, stay as they are.

Erasing twice changes nothing more.
"""

from __future__ import annotations

import base64
import binascii
import copy
from typing import Any, NamedTuple

import orjson

from cli.erase.person import ERASED, PersonToErase
from cli.erase.table import EMPTIED, ROWS, TABLE, TextFields
from shared.people.saved_views import SAVED_VIEWS
from shared.people.sign_in import SIGN_IN_KINDS

Json = dict[str, Any]


class UnknownEvent(Exception):
    """The table does not say whose the texts of this event are: nobody may guess."""


class ErasedDocument(NamedTuple):
    """`texts`: whether a text of theirs was taken out, so that a decision on it cannot be made
    again.
    """

    document: Json
    texts: bool


NAMES = {
    "name": "email",
    "requester_name": "requester",
    "author_name": "author",
    "participant_name": "participant",
    "owner_name": "owner",
    "sender_name": "sender",
    "to_name": "to",
    "by_name": "by",
}
"""A field for a name → the field beside it that says whose."""

_THEIR_KINDS = frozenset(
    {"accounts", "credentials", "tokens", "subscriptions", SAVED_VIEWS, *SIGN_IN_KINDS}
)
"""Directory documents that are about one person. An app or a provider that names them stays, with
the pseudonym.
"""


def erase_event(event: Json, person: PersonToErase) -> ErasedDocument:
    """An event of `shared/topics.py` without the person. Raises UnknownEvent."""
    name = str(event.get("type"))
    # Deny by default: an event that is not in the table may hold texts that nobody has judged.
    if name not in TABLE:
        raise UnknownEvent(
            f"this version does not know events of type {name!r}: erase with the one that "
            "wrote them"
        )
    document, scopes = {**event}, _scopes(event, person)
    # Texts first, then names: a text that goes as a whole needs no replacing.
    texts = _without_texts(document, TABLE[name], scopes)
    asker = (document.get("actor") or {}).get("email")
    whose = document.get("requester") or asker  # of a ticket that staff open it is the requester's
    if person.is_them(whose) and (document.get("admission") or {}).get("requester_name"):
        document["admission"] = {**document["admission"], "requester_name": person.pseudonym}
    # Events that hold another event, a document or a record: these are looked into.
    if (
        name == "RequestParked"
        and isinstance(document.get("request"), dict)
        and "type" in document["request"]
    ):
        document["request"], inner = erase_event(document["request"], person)
        texts |= inner
    elif name == "DeadLetter":
        texts |= _letter(document, person)
    elif name == "DirectoryRecorded" and _is_theirs(document, person):
        document["document"], texts = None, document.get("document") is not None
    elif name == "PolicyPublished":
        document["document"] = copy.deepcopy(document.get("document"))
        texts |= _methods(document["document"], person)
        texts |= _words(document["document"], person)
    return ErasedDocument(replace_names(document, person), texts)


def erase_row(topic: str, key: str, row: Json, person: PersonToErase) -> ErasedDocument:
    """A worker's row without the person; `key` is the ticket, the incident or the lane."""
    document = {**row}
    owned = key in person.tickets
    texts = False
    if topic == "pager-state":
        # A lane holds pages of several tickets: each is judged by itself.
        for page_id, page in list((document.get("pages") or {}).items()):
            if page.get("ticket_id") in person.tickets or person.is_them(page.get("requester")):
                inner = {"pages": {page_id: page}}
                texts |= _without_texts(inner, ROWS[topic], frozenset({"owner"}))
                document["pages"] = {**document["pages"], page_id: inner["pages"][page_id]}
    elif owned or person.is_them(row.get("requester")):
        texts |= _without_texts(document, ROWS[topic], frozenset({"owner"}))
    parked: Json = {}
    for name, each in (document.get("parked") or {}).items():
        request, inner_texts = erase_event(each["request"], person)
        parked[name] = {**each, "request": request}
        texts |= inner_texts
    if parked:
        document["parked"] = parked
    return ErasedDocument(replace_names(document, person), texts)


def replace_names(value: Any, person: PersonToErase) -> Any:
    """Any document with the pseudonym where the person is named: in every text, every key, and the
    fields for names.
    """
    if isinstance(value, str):
        return person.replaced(value)
    if isinstance(value, list | tuple):
        return [replace_names(each, person) for each in value]
    if isinstance(value, dict):
        found = {
            person.replaced(key) if isinstance(key, str) else key: replace_names(each, person)
            for key, each in value.items()
        }
        # By the original values: the address beside the name is replaced by now.
        for name, whose in NAMES.items():
            if found.get(name) and person.is_them(value.get(whose)):
                found[name] = person.pseudonym
        return found
    return value


def _scopes(event: Json, person: PersonToErase) -> frozenset[str]:
    actor = event.get("actor") or {}
    # The two relations a person can have to an event: it is about their ticket, or they did it.
    who = [event.get(name) for name in ("author", "by", "sender", "participant")] + [
        actor.get("email")
    ]
    found = set()
    owns = event.get("key") in person.tickets or event.get("ticket_id") in person.tickets
    if owns or person.is_them(event.get("requester")):
        found |= {"owner", "either"}
    if any(person.is_them(each) for each in who) or person.is_them(event.get("mail_from")):
        found |= {"author", "either"}
    if event.get("key") in person.mails:
        found.add("mail")
    return frozenset(found)


def _without_texts(document: Json, texts: TextFields, scopes: frozenset[str]) -> bool:
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
    # A step that is not there is no error: older events lack newer fields.
    for name in list(node) if step == "*" else [step] if step in node else []:
        before = node[name]
        if not rest:
            node[name] = _empty_value(before) if name in EMPTIED else _mask_texts(before)
            changed |= node[name] != before
        elif isinstance(before, dict):
            node[name] = {**before}
            changed |= _mask(node[name], rest)
        elif isinstance(before, list):
            node[name] = [{**each} if isinstance(each, dict) else each for each in before]
            for each in node[name]:
                changed |= isinstance(each, dict) and _mask(each, rest)
    return changed


def _mask_texts(value: Any) -> Any:
    if isinstance(value, str):
        return ERASED if value else value
    if isinstance(value, list):
        return [_mask_texts(each) for each in value]
    if isinstance(value, dict):
        return {name: _mask_texts(each) for name, each in value.items()}
    return value


def _empty_value(value: Any) -> Any:
    return [] if isinstance(value, list) else "" if isinstance(value, str) and value else value


def _is_theirs(event: Json, person: PersonToErase) -> bool:
    """Accounts, credentials and second steps go by the address, others by an id of their own."""
    if event.get("kind") not in _THEIR_KINDS:
        return False
    document = event.get("document") or {}
    return person.is_them(event.get("doc_id")) or any(
        person.is_them(value) for value in document.values()
    )


def _methods(document: Any, person: PersonToErase) -> bool:
    """Where an on-call document lists the person: their telephone numbers and the like. The names
    of methods stay, pages have them.
    """
    people = document.get("people") if isinstance(document, dict) else None
    changed = False
    for one in people.values() if isinstance(people, dict) else ():
        if isinstance(one, dict) and person.is_them(one.get("email")):
            for method in one.get("methods") or ():
                if (
                    # Erasing twice changes nothing: an address that was replaced counts as none.
                    isinstance(method, dict)
                    and method.get("address")
                    and method["address"] != person.stand_in
                ):
                    method["address"] = person.stand_in
                    changed = True
    return changed


def _words(document: Any, person: PersonToErase) -> bool:
    """What the person wrote to their colleagues where they asked for cover."""
    people = document.get("people") if isinstance(document, dict) else None
    theirs = {
        name
        for name, one in (people.items() if isinstance(people, dict) else ())
        if isinstance(one, dict) and person.is_them(one.get("email"))
    }
    changed = False
    schedules = document.get("schedules") if theirs else None
    for schedule in schedules.values() if isinstance(schedules, dict) else ():
        for ask in (schedule.get("asks") or ()) if isinstance(schedule, dict) else ():
            if isinstance(ask, dict) and ask.get("by") in theirs and ask.get("word"):
                changed |= ask["word"] != ERASED
                ask["word"] = ERASED
    return changed


def _letter(document: Json, person: PersonToErase) -> bool:
    """A dead letter holds the record as it came, in base64. What is no event of ours is kept only
    where it does not name them.
    """
    try:
        raw = base64.b64decode(document.get("raw") or "")
    except binascii.Error:
        raw = b""
    # The letter's record is an event of its own, erased by the same rules.
    left = erase_value(raw, person)
    if left.value == raw:
        return False
    document["raw"] = base64.b64encode(left.value).decode()
    if left.texts:
        document["reason"] = ERASED  # a bug's words may repeat what it stumbled over
    return left.texts


class RecordValue(NamedTuple):
    """A record's value, and as `ErasedDocument.texts`."""

    value: bytes
    texts: bool


def erase_value(raw: bytes, person: PersonToErase) -> RecordValue:
    """The value of a record of a public topic. The very same bytes where there is nothing to
    erase.
    """
    try:
        event = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return _without_form(raw, person)
    if not isinstance(event, dict) or "type" not in event:
        return _without_form(raw, person)
    left = erase_event(event, person)
    return (
        # The very bytes: writing JSON again could change spaces, and so the digests.
        RecordValue(raw, False)
        if left.document == event
        else RecordValue(orjson.dumps(left.document), left.texts)
    )


def _without_form(raw: bytes, person: PersonToErase) -> RecordValue:
    """Bytes that are no event: whoever is named in them wrote them, for all we know."""
    text = raw.decode("utf-8", "replace")
    if not person.is_named(text):
        return RecordValue(raw, False)
    return RecordValue(orjson.dumps(ERASED), True)
