"""What each process's Kafka user must be allowed, from the table of topics. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.topics import DEAD_LETTERS, ERASING, TOPICS

READ, WRITE, DESCRIBE = "Read", "Write", "Describe"


@dataclass(frozen=True)
class Grant:
    """`operations` on a topic or group; with `is_prefix` on all whose names begin so."""

    process: str
    kind: str
    name: str
    operations: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True)
class Process:
    """`roles`: what shared/topics.py calls it; `groups`: the consumer groups it is in; the rest is
    what it looks at besides.
    """

    roles: tuple[str, ...]
    groups: tuple[str, ...] = ()
    group_prefixes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    looks_at_groups: tuple[str, ...] = ()
    looks_at_topics: tuple[str, ...] = ()
    writes_dead_letters: bool = False


# Process → its consumer group.
_GROUPS = {
    "router": "router",
    "sla": "sla",
    "front": "notifier.front",
    "pager": "pager",
    "courier": "courier",
    "projector": "portal-projector",
    "pulse": "pulse",
}
_DASHBOARD = (*_GROUPS.values(), "intake.timers")
"""The groups whose lag the portal shows."""


def _worker(name: str, *roles: str) -> Process:
    """A spine worker: it reads its own facts back, and dead letters that are given again."""
    # A worker reads its own facts to load its rows.
    own = tuple(topic.name for topic in TOPICS.values() if topic.author in roles)
    return Process(
        (name, *roles),
        groups=(_GROUPS[name],),
        reads=(*own, DEAD_LETTERS.name),
        writes_dead_letters=True,
    )


# A process that is missing here has no user, and cannot start where Kafka asks for permissions.
PROCESSES: dict[str, Process] = {
    "intake": Process(
        ("intake",), group_prefixes=("intake.",), looks_at_groups=(_GROUPS["front"],)
    ),
    "smtp": Process(("intake",), group_prefixes=("intake.",), looks_at_groups=(_GROUPS["front"],)),
    "router": _worker("router", "router"),
    "sla": _worker("sla", "sla"),
    "front": Process(("notifier.front",), groups=(_GROUPS["front"],), writes_dead_letters=True),
    "pager": _worker("pager", "notifier.pager", "notifier"),
    "courier": Process(
        ("notifier.courier", "notifier"),
        groups=(_GROUPS["courier"],),
        reads=("notices",),  # rebuilt from what it has told already
        writes_dead_letters=True,
    ),
    "portal": Process(
        (),
        reads=("directory", "policies", "status"),
        looks_at_groups=_DASHBOARD,
        looks_at_topics=tuple(name for name, topic in TOPICS.items() if topic.readers),
    ),
    "status": Process(("portal.status",)),
    "projector": Process(
        ("portal.projector",), groups=(_GROUPS["projector"],), writes_dead_letters=True
    ),
    "pulse": Process(("portal.pulse",), groups=(_GROUPS["pulse"],)),
    "auditor": Process(("auditor",)),
}
"""Every process of `signalbox up`."""

JOBS = {
    "topics": ("Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs"),
    "operator": ("All",),
}
"""Who works on all topics: `signalbox topics`, and the person who erases, rebuilds and repairs."""


def grants(prefix: str) -> list[Grant]:
    """For every process, topics first. Nobody needs more."""
    found = [
        grant for name, process in PROCESSES.items() for grant in _grants(name, process, prefix)
    ]
    for job, operations in JOBS.items():
        found.append(Grant(job, "topic", prefix, operations, is_prefix=True))
    found.append(Grant("operator", "group", prefix, ("All",), is_prefix=True))
    return found


def _grants(name: str, process: Process, prefix: str) -> Iterable[Grant]:
    allowed: dict[str, set[str]] = {}
    # From the table of topics alone, so that a new reader there needs no change here.
    for topic in TOPICS.values():
        operations = allowed.setdefault(topic.name, set())
        if topic.name in process.reads or not {*process.roles}.isdisjoint(topic.readers):
            operations |= {READ, DESCRIBE}
        if topic.author in process.roles:
            operations |= {WRITE, DESCRIBE}
        if topic is DEAD_LETTERS and process.writes_dead_letters:
            operations |= {WRITE, DESCRIBE}
        if topic.name in process.looks_at_topics:
            operations.add(DESCRIBE)
    for topic_name, operations in allowed.items():
        if operations:
            # Sets have no order, and the page of the documentation must not change by itself.
            order = tuple(each for each in (READ, WRITE, DESCRIBE) if each in operations)
            yield Grant(name, "topic", prefix + topic_name, order)
    # Whoever may not see this topic cannot know that an erasure is under way, and stops.
    yield Grant(name, "topic", prefix + ERASING, (DESCRIBE,))
    for group in process.groups:
        yield Grant(name, "group", prefix + group, (READ,))
    for group in process.group_prefixes:
        yield Grant(name, "group", prefix + group, (READ,), is_prefix=True)
    for group in process.looks_at_groups:
        yield Grant(name, "group", prefix + group, (DESCRIBE,))


def command_lines(prefix: str, user: str) -> list[str]:
    """Lines for a shell, with Kafka's own program."""
    return [
        " ".join(
            [
                'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$CONFIG" --add',
                f"--allow-principal User:{user.replace('{process}', grant.process)}",
                *(f"--operation {operation}" for operation in grant.operations),
                f"--{grant.kind} {grant.name}",
                *(["--resource-pattern-type prefixed"] if grant.is_prefix else []),
            ]
        )
        for grant in grants(prefix)
    ]


def table_lines(prefix: str) -> list[str]:
    """The same as a table in Markdown: docs/operations.md has it."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for grant in grants(prefix):
        shown = f"`{grant.name}{'*' if grant.is_prefix else ''}`"
        rows.setdefault((grant.process, grant.kind, ", ".join(grant.operations)), []).append(shown)
    lines = ["| process | may | on |", "|---|---|---|"]
    return lines + [
        f"| {process} | {operations} | {kind} {', '.join(names)} |"
        for (process, kind, operations), names in rows.items()
    ]
