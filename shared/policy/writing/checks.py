"""What a policy document must fulfil to be published, beyond its shape. Pure.

Not part of the models: a version that is in the log must stay readable when a rule it names has
gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from pydantic import BaseModel

from shared.policy.addresses import is_email, mistake_of
from shared.policy.components import ComponentsPolicy
from shared.policy.desk import DeskPolicy
from shared.policy.macros import MacrosPolicy
from shared.policy.on_call.document import Channel, EscalationPolicy, OnCallPolicy, Person
from shared.policy.on_call.shifts import Schedule

ROUTING_RULES = (
    "addon_chosen_in_form",
    "break_fix_sent_as_architecture",
    "architecture_question",
    "addon_host_in_text",
    "addon_named_in_subject",
    "addon_named_in_body",
    "addon_errors_in_text",
    "architecture_in_words",
)
"""The rules of `services/router/team/rules.py` (a test holds the two against each other)."""

Place = tuple[str | int, ...]
Mistake = tuple[Place, str]
"""(path in the document, what to change)"""


LONGEST_PROMISE = timedelta(days=366)
"""A target further away is a typing mistake, not a promise."""
# Longer waits and shorter turns than these are typing mistakes, such as `90d` for `90m`.
SHORTEST_TURN, LONGEST_TURN = timedelta(minutes=15), timedelta(days=366)
LONGEST_WAIT = timedelta(days=1)
LONGEST_ACK = timedelta(days=14)
LONGEST_SEND = timedelta(minutes=1)
MOST = {
    "calendars": 50,
    "targets": 100,
    "days": 1_000,
    "warn_at": 20,
    "pointers": 20,
    "people": 500,
    "methods": 20,
    "schedules": 100,
    "layers": 20,
    "stand_ins": 1_000,
    "asks": 500,
    "windows": 12,
    "escalation": 100,
    "steps": 20,
    "components": 1_000,
    "macros": 200,
}
"""How much of everything a document may have. Far beyond what anybody needs: decisions stay
quick.
"""

_LONGEST_NAME = 100


def mistakes_in(
    policy: BaseModel, is_apprise: Callable[[str], bool] | None = None
) -> list[Mistake]:
    """What is wrong with a document of the right shape; empty if it can be published.

    `is_apprise`: whether Apprise knows an URL. It is only asked where one stands in the document.
    """
    match policy:
        case DeskPolicy():
            # Meaning first, then sizes: the reader sees the mistakes of both.
            return [*_of_desk(policy), *_bounds_of_desk(policy)]
        case OnCallPolicy():
            return [*_of_on_call(policy), *_addresses(policy, is_apprise), *_bounds(policy)]
        case ComponentsPolicy():
            return list(_too_many(("components",), "components", len(policy.components)))
        case MacrosPolicy():
            return list(_too_many(("macros",), "macros", len(policy.macros)))
        # `brand` has no rules beyond its shape.
        case _:
            return []


def _of_desk(policy: DeskPolicy) -> Iterator[Mistake]:
    named: set[str] = set()
    for number, listed in enumerate(policy.routing):
        if listed.rule not in ROUTING_RULES:
            yield (
                ("routing", number, "rule"),
                f"there is no routing rule {listed.rule!r}; there are {', '.join(ROUTING_RULES)}",
            )
        elif listed.rule in named:
            yield (
                ("routing", number, "rule"),
                f"{listed.rule} is listed twice: only its first place counts, so remove this one",
            )
        named.add(listed.rule)


def _of_on_call(policy: OnCallPolicy) -> Iterator[Mistake]:
    if not policy.escalation:
        yield (
            ("escalation",),
            "there is no escalation policy: add one with at least one step, or nobody can be paged",
        )


def _addresses(policy: OnCallPolicy, is_apprise: Callable[[str], bool] | None) -> Iterator[Mistake]:
    for name, person in policy.people.items():
        if not is_email(person.email):
            yield ("people", name, "email"), f"{person.email!r} is no e-mail address"
        for number, method in enumerate(person.methods):
            place = ("people", name, "methods", number, "address")
            said = mistake_of(method.channel, method.address)
            # Apprise is asked last: its answer needs a library that only some callers load.
            if said is None and method.channel is Channel.APPRISE and is_apprise is not None:
                said = None if is_apprise(method.address) else "Apprise knows no such URL"
            if said is not None:
                yield place, said


def _bounds_of_desk(policy: DeskPolicy) -> Iterator[Mistake]:
    lists = {
        "targets": policy.targets,
        "next_reply": policy.next_reply,
        "resolution": policy.resolution,
    }
    # All three lists have the same bounds.
    for field, targets in lists.items():
        yield from _too_many((field,), "targets", len(targets))
        for number, target in enumerate(targets):
            yield from _too_long((field, number, "within"), target.within, LONGEST_PROMISE)
    answer = policy.provider_answer.within
    yield from _too_long(("provider_answer", "within"), answer, LONGEST_PROMISE)
    yield from _too_long(("reopen_window",), policy.reopen_window, LONGEST_PROMISE)
    yield from _too_many(("warn_at",), "warn_at", len(policy.warn_at))
    yield from _too_many(("pointers",), "pointers", len(policy.pointers))
    yield from _too_many(("calendars",), "calendars", len(policy.calendars))
    yield from _names(("calendars",), policy.calendars)
    for name, calendar in policy.calendars.items():
        for day, windows in calendar.week.items():
            yield from _too_many(("calendars", name, "week", day), "windows", len(windows))
        for field, days in (
            ("extra_holidays", calendar.extra_holidays),
            ("not_holidays", calendar.not_holidays),
            ("special", calendar.special),
        ):
            yield from _too_many(("calendars", name, field), "days", len(days))


def _bounds(policy: OnCallPolicy) -> Iterator[Mistake]:
    yield from _too_many(("people",), "people", len(policy.people))
    yield from _too_many(("schedules",), "schedules", len(policy.schedules))
    yield from _too_many(("escalation",), "escalation", len(policy.escalation))
    yield from _too_long(("send_timeout",), policy.send_timeout, LONGEST_SEND)
    for field, names in (
        ("people", policy.people),
        ("schedules", policy.schedules),
        ("escalation", policy.escalation),
    ):
        yield from _names((field,), names)
    for name, person in policy.people.items():
        yield from _bounds_of_person(("people", name), person)
    for name, schedule in policy.schedules.items():
        yield from _bounds_of_schedule(("schedules", name), schedule)
    for name, escalation in policy.escalation.items():
        yield from _bounds_of_escalation(("escalation", name), escalation)


def _bounds_of_person(place: Place, person: Person) -> Iterator[Mistake]:
    yield from _too_many((*place, "methods"), "methods", len(person.methods))
    seen: set[str] = set()
    for number, method in enumerate(person.methods):
        inner = (*place, "methods", number, "name")
        if said := _no_name(method.name):
            yield inner, said
        if method.name in seen:
            yield inner, f"two methods are called {method.name!r}: give each a name of its own"
        seen.add(method.name)


def _bounds_of_schedule(place: Place, schedule: Schedule) -> Iterator[Mistake]:
    yield from _too_many((*place, "layers"), "layers", len(schedule.layers))
    for field, stand_ins in (("overrides", schedule.overrides), ("swaps", schedule.swaps)):
        yield from _too_many((*place, field), "stand_ins", len(stand_ins))
    yield from _too_many((*place, "asks"), "asks", len(schedule.asks))
    # Every rotation with its place, whether it stands alone or in a layer.
    turns = [((*place, "rotation"), schedule.rotation)] if schedule.rotation else []
    for number, layer in enumerate(schedule.layers):
        inner = (*place, "layers", number)
        turns.append(((*inner, "rotation"), layer.rotation))
        if said := _no_name(layer.name):
            yield (*inner, "name"), said
        if layer.week and not any(layer.week.values()):
            yield (*inner, "week"), "no day of it has a window: the layer would never count"
        for day, windows in layer.week.items():
            yield from _too_many((*inner, "week", day), "windows", len(windows))
    for inner, rotation in turns:
        yield from _too_many((*inner, "people"), "people", len(rotation.people))
        if rotation.every < SHORTEST_TURN and not rotation.months:
            yield (
                (*inner, "every"),
                f"a turn lasts {SHORTEST_TURN.seconds // 60} minutes at least",
            )
        yield from _too_long((*inner, "every"), rotation.every, LONGEST_TURN)


def _bounds_of_escalation(place: Place, escalation: EscalationPolicy) -> Iterator[Mistake]:
    yield from _too_many((*place, "steps"), "steps", len(escalation.steps))
    yield from _too_long((*place, "ack_timeout"), escalation.ack_timeout, LONGEST_ACK)
    for number, step in enumerate(escalation.steps):
        yield from _too_long((*place, "steps", number, "wait"), step.wait, LONGEST_WAIT)


def _too_long(place: Place, span: timedelta, most: timedelta) -> Iterator[Mistake]:
    if span > most:
        yield place, f"it is too long: {_words(most)} at most"


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.seconds} seconds"


def _too_many(place: Place, what: str, count: int) -> Iterator[Mistake]:
    if count > MOST[what]:
        yield place, f"there are {count}: {MOST[what]} at most"


def _names(place: Place, names: Iterable[str]) -> Iterator[Mistake]:
    for name in names:
        if said := _no_name(name):
            yield (*place, name), said


def _no_name(name: str) -> str | None:
    # Names are keys of the document and stand in URLs, logs and messages.
    if 0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip():
        return None
    return f"{name[:40]!r} is no name: 1 to {_LONGEST_NAME} printable characters"
