"""What an administrator sets up, in the order in which it is best done: what is set, and what is
still missing. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.events import Role
from shared.policy import ComponentsPolicy, DeskPolicy, OnCallPolicy
from shared.policy.desk import Calendar
from shared.policy.on_call.rota import on_call

UNSET_DOMAIN = ".example"
"""The domain of addresses that stand in the settings before anybody chose one (RFC 2606)."""
# The settings' own defaults: a relay on this machine for trying things out.
_UNSET_RELAY = ("127.0.0.1", 8026)


@dataclass(frozen=True)
class SetupState:
    """What the overview looks at. `roles`: role → how many active accounts have it."""

    desk: DeskPolicy | None
    on_call: OnCallPolicy | None
    components: ComponentsPolicy | None
    is_named: bool
    roles: Mapping[str, int]
    customers: int
    apps: int
    providers: int
    support_address: str
    relay: tuple[str, int]
    demo: bool
    findings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Area:
    """One step. `says` is what is set, empty where nothing is; `lacks` are whole sentences.
    `offer`: the policy document that can be begun with ours.
    """

    key: str
    title: str
    what: str
    href: str
    says: str = ""
    lacks: tuple[str, ...] = ()
    offer: str = ""

    @property
    def is_done(self) -> bool:
        return not self.lacks


@dataclass(frozen=True)
class _Step:
    key: str
    title: str
    what: str
    href: str
    looks: Callable[[SetupState, datetime], tuple[str, tuple[str, ...]]] = field(repr=False)
    offer: str = ""


def areas(known: SetupState, now: datetime) -> list[Area]:
    """Every area, in order."""
    found = []
    for step in _STEPS:
        says, lacks = step.looks(known, now)
        # Only where nothing stands there yet: ours must not replace theirs.
        offer = step.offer if lacks and not says else ""
        found.append(Area(step.key, step.title, step.what, step.href, says, lacks, offer))
    return found


def next_after(found: Sequence[Area], key: str) -> Area | None:
    """The first area behind `key` that lacks something; from the beginning where `key` is none."""
    keys = [area.key for area in found]
    start = keys.index(key) + 1 if key in keys else 0
    return next((area for area in found[start:] if not area.is_done), None)


def _name(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    if known.is_named:
        return "The names of your desk, plans and queues are set.", ()
    return "", ("Customers read “Support” and our names of plans: give your own.",)


def _mail(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    lacks = []
    # The demo keeps its mail to itself and needs no address.
    if known.support_address.endswith(UNSET_DOMAIN) and not known.demo:
        lacks.append("No support address is set: nobody can open a ticket by mail.")
    if known.relay == _UNSET_RELAY and not known.demo:
        lacks.append("No mail relay is set: nobody gets mail from here.")
    host, port = known.relay
    says = f"{known.support_address}, out through {host}:{port}." if len(lacks) < 2 else ""
    return says, tuple(lacks)


def _hours(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    if known.desk is None:
        return "", ("No opening hours: no ticket can be taken yet.",)
    used = sorted(name for name, calendar in known.desk.calendars.items() if not calendar.always)
    says = f"Calendars: {', '.join(used)}." if used else "Open at all times."
    return says, tuple(
        f"{name}: no holidays in {now.year}." for name in without_holidays(known.desk, now.year)
    )


def without_holidays(desk: DeskPolicy, year: int) -> Iterator[str]:
    """The calendars in which `year` has no holiday: somebody forgot them, as a rule."""
    for name, calendar in sorted(desk.calendars.items()):
        if not calendar.always and not _has_holidays(calendar, year):
            yield name


def _has_holidays(calendar: Calendar, year: int) -> bool:
    # Holidays of a country are known for every year.
    if calendar.holidays is not None:
        return True
    days = (*calendar.extra_holidays, *calendar.special)
    return any(str(day).startswith(f"{year}-") for day in days)


def _targets(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    if known.desk is None:
        return "", ("No targets: nothing is promised to anybody.",)
    plans = len({target.plan for target in known.desk.targets})
    return f"First answers are promised to {_count(plans, 'plan')}.", ()


def _on_call(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    policy = known.on_call
    if policy is None:
        return "", ("No on-call document: an urgent ticket wakes nobody.",)
    lacks = []
    if not policy.escalation:
        lacks.append("No escalation: an urgent ticket wakes nobody.")
    # Today's gap is a lack; gaps to come are in the findings of the on-call page.
    lacks += [
        f"{name}: nobody is on call now." for name, who in on_call(policy, now).items() if not who
    ]
    for found in known.findings:
        if found["kind"] == "unreachable":
            lacks.append(f"{str(found['text'])[:1].upper()}{str(found['text'])[1:]}.")
    people = _count(len(policy.people), "person", "people")
    schedules = _count(len(policy.schedules), "schedule")
    # Two findings may say the same of one person.
    return f"{people}, {schedules}.", tuple(dict.fromkeys(lacks))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _components(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    count = len(known.components.components) if known.components else 0
    if not count:
        return "", ("No components: an incident cannot say what it affects.",)
    return f"{_count(count, 'component')} on the status page.", ()


def _agents(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    agents, admins = known.roles.get(Role.AGENT, 0), known.roles.get(Role.ADMIN, 0)
    if not agents:
        return "", ("No agent: nobody answers tickets.",)
    return f"{_count(agents, 'agent')}, {_count(admins, 'administrator')}.", ()


def _customers(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    if not known.customers:
        return "", ("No customers: who writes is not known here.",)
    return f"{_count(known.customers, 'customer')}, {_count(known.apps, 'app')}.", ()


def _providers(known: SetupState, now: datetime) -> tuple[str, tuple[str, ...]]:
    if not known.providers:
        return "", ("No add-on provider: every ticket stays with you.",)
    return f"{_count(known.providers, 'add-on provider')}.", ()


# In the order of the set-up, which `next_after` follows. The last name is a document of ours to
# begin with; steps without one have none to offer.
_STEPS = (
    _Step("name", "Name", "What customers call you.", "/admin/policies/brand/form", _name),
    _Step("mail", "Mail", "The support address, and the way out.", "/admin/mail", _mail),
    _Step(
        "hours",
        "Opening hours and holidays",
        "When the clocks of your promises run.",
        "/admin/policies/default/hours",
        _hours,
        "default",
    ),
    _Step(
        "targets",
        "Targets and routing",
        "What is promised by plan and priority, and where tickets go.",
        "/admin/policies/default",
        _targets,
        "default",
    ),
    _Step(
        "on-call",
        "On call",
        "Who is woken, how, and in which order.",
        "/admin/on-call",
        _on_call,
        "on-call",
    ),
    _Step(
        "components",
        "Status page",
        "The parts that an incident can affect.",
        "/admin/policies/components",
        _components,
        "components",
    ),
    _Step(
        "agents",
        "People of the desk",
        "Agents, reviewers, operations.",
        "/admin/directory/accounts?role=staff",
        _agents,
    ),
    _Step(
        "customers",
        "Customers and apps",
        "By file, by API or one by one.",
        "/admin/upload",
        _customers,
    ),
    _Step(
        "providers",
        "Add-on providers",
        "Who answers for an add-on, and their webhooks.",
        "/admin/directory/providers",
        _providers,
    ),
)
KEYS = tuple(step.key for step in _STEPS)
TITLES = {step.key: step.title for step in _STEPS}
