"""What is hidden when a document is read, kept when it is written back as it was read. Pure.

Ops read the on-call document without addresses. Whoever writes it back, with one line changed,
must not put the word `(hidden)` in the place of every telephone number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.policy import ON_CALL
from shared.policy.addresses import HIDDEN

Document = Mapping[str, Any]


def without_addresses(document: Document) -> dict[str, Any]:
    """The on-call document with every address hidden: numbers are private, others hold keys."""
    people = {
        name: {
            **person,
            "methods": [{**method, "address": HIDDEN} for method in person.get("methods", ())],
        }
        for name, person in document.get("people", {}).items()
    }
    return {**document, "people": people}


def keep_hidden(name: str, document: Document, before: Document | None) -> dict[str, Any]:
    """The document with the addresses it hides taken from the version before: of the same person's
    method of the same name and channel. What is not found stays hidden, and is refused later.
    """
    people = document.get("people")
    # Only the on-call document has addresses. Its shape is not checked yet, so every step asks.
    if name != ON_CALL or before is None or not isinstance(people, Mapping):
        return dict(document)
    kept = {
        who: _person(person, before.get("people", {}).get(who)) for who, person in people.items()
    }
    return {**document, "people": kept}


def _person(person: Any, before: Document | None) -> Any:
    if before is None or not isinstance(person, Mapping):
        return person
    methods = person.get("methods")
    if not isinstance(methods, list):
        return person
    known = {
        (method.get("name"), method.get("channel")): method.get("address")
        for method in before.get("methods", ())
    }
    return {**person, "methods": [_method(method, known) for method in methods]}


def _method(method: Any, known: Mapping[Any, Any]) -> Any:
    if not isinstance(method, Mapping) or method.get("address") != HIDDEN:
        return method
    named = (method.get("name"), method.get("channel"))
    # A value that cannot be a key of a dictionary (a list) would raise.
    if not all(isinstance(part, str) for part in named) or named not in known:
        return method
    return {**method, "address": known[named]}
