"""What Kafka's topics should be, where they differ, and who may do what with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.doctor.cluster import judge_copies
from cli.settings import CommandSettings
from cli.topics.command import plan_for_settings
from cli.topics.grants import PROCESSES, Grant, command_lines, grants, table_lines
from cli.topics.plan import TopicDifference, differences_of, partitions_for, plan_topics
from cli.up.stack import SERVICES
from services.auditor.audit import TOPICS as AUDITED
from services.intake.followers.follow import REFUSALS, TIMERS
from services.notifier.courier.loop import TOPICS as TOLD
from services.portal.operations.lags import GROUPS
from services.portal.operations.pulse import SOURCES as COUNTED
from services.portal.projector.loop import SOURCES
from shared.bus import TopicSettings
from shared.topics import CHANGELOG_WORKERS, DIRECTORY, ERASING, PAGES, TOPICS

ROOT = Path(__file__).parents[3]


def as_wanted(partitions: int = 8, replication: int = 1) -> dict[str, TopicSettings]:
    """A Kafka in which all is well."""
    return {
        each.name: TopicSettings(each.partitions, replication, each.config, each.config)
        for each in plan_topics(TOPICS.values(), partitions=partitions, replication=None)
    }


@pytest.mark.parametrize(
    ("replication", "min_insync", "insync"),
    [
        (None, None, None),
        (1, None, "1"),
        (2, None, "1"),
        (3, None, "2"),
        (5, 3, "3"),
        (None, 2, "2"),
    ],
)
def test_copies_are_the_clusters_own_unless_somebody_says_them(
    replication: int | None, min_insync: int | None, insync: str | None
) -> None:
    (made,) = plan_topics([PAGES], partitions=4, replication=replication, min_insync=min_insync)
    assert made.replication == replication
    assert made.config.get("min.insync.replicas") == insync


def test_nothing_said_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNALBOX_DATA_DIR", str(tmp_path))
    for made in plan_for_settings(CommandSettings(), {}):
        assert made.replication is None
        assert "min.insync.replicas" not in made.config


@pytest.mark.parametrize(
    ("there", "wished", "is_said", "partitions"),
    [(None, 8, False, 8), (None, 32, True, 32), (8, 32, False, 8), (8, 32, True, 32)],
)
def test_a_new_topic_has_as_many_partitions_as_the_installation(
    there: int | None, wished: int, is_said: bool, partitions: int
) -> None:
    found = as_wanted(there) if there else {}
    assert partitions_for(found, wished, is_said=is_said) == partitions


def differences(
    found: dict[str, TopicSettings], *, replication: int | None = None, brokers: int = 1
) -> list[TopicDifference]:
    asked = plan_topics(TOPICS.values(), partitions=8, replication=replication)
    return differences_of(asked, found, brokers)


def test_no_difference_where_all_is_well() -> None:
    assert differences(as_wanted()) == []
    assert differences(as_wanted(replication=3), replication=None, brokers=3) == []


def test_each_kind_of_difference_is_told() -> None:
    good, name = as_wanted(), PAGES.name

    def with_one(**change: object) -> dict[str, TopicSettings]:
        fields = {**vars(good[name]), **change}
        return {**good, name: TopicSettings(**fields)}

    missing = {key: value for key, value in good.items() if key != name}
    other = {**good[name].config, "retention.ms": "1000"}
    for found, replication, brokers, told in (
        (missing, None, 1, (name, "topic", "missing", True)),
        (with_one(partitions=4), None, 1, (name, "partitions", "4", False)),
        (with_one(config=other), None, 1, (name, "retention.ms", "1000", True)),
        (with_one(replication=1), 3, 3, (name, "copies", "1", False)),
        (with_one(replication=1), None, 3, (name, "copies", "1", False)),
    ):
        shown = [
            (each.topic, each.what, each.found, each.can_apply)
            for each in differences(found, replication=replication, brokers=brokers)
        ]
        assert told in shown


@pytest.mark.parametrize("worker", sorted(CHANGELOG_WORKERS))
def test_rows_that_are_cut_otherwise_than_their_input_are_told(worker: str) -> None:
    found = as_wanted(4)
    state = f"{worker}-state"
    found[state] = TopicSettings(8, 1, found[state].config, found[state].own)
    asked = plan_topics(TOPICS.values(), partitions=4, replication=None)
    (told,) = differences_of(asked, found, brokers=1)
    assert (told.topic, told.found, told.can_apply) == (state, "8", False)
    assert CHANGELOG_WORKERS[worker].name in told.wanted


@pytest.mark.parametrize(
    ("brokers", "copies", "wished", "state", "told"),
    [
        (1, {"pages": 1}, None, "ok", "1 broker"),
        (3, {"pages": 3}, None, "ok", "3 brokers"),
        (3, {"pages": 3, "urgent": 1}, None, "warning", "one copy alone of urgent"),
        (3, {}, 1, "warning", "SIGNALBOX_TOPIC_REPLICATION is 1"),
        (1, {}, 1, "ok", "1 broker"),
    ],
)
def test_one_copy_on_many_brokers_is_a_warning(
    brokers: int, copies: dict[str, int], wished: int | None, state: str, told: str
) -> None:
    finding = judge_copies("k:1", brokers, copies, wished)
    assert finding.state == state
    assert told in finding.found


def may(process: str, operation: str, kind: str) -> set[str]:
    return {
        grant.name
        for grant in grants("")
        if (grant.process, grant.kind) == (process, kind) and operation in grant.operations
    }


def test_permissions_follow_the_table_of_topics() -> None:
    assert PROCESSES.keys() == SERVICES.keys() - {"sink"}
    for name, process in PROCESSES.items():
        reads, writes = may(name, "Read", "topic"), may(name, "Write", "topic")
        assert reads >= {t.name for t in TOPICS.values() if set(process.roles) & set(t.readers)}
        assert {t.name for t in TOPICS.values() if t.author in process.roles} <= writes
        assert writes <= {
            t.name for t in TOPICS.values() if t.author in (*process.roles, "everybody")
        }
        assert ERASING in may(name, "Describe", "topic")
    for name, sources in (
        ("courier", TOLD),
        ("projector", tuple(topic.name for topic in SOURCES)),
        ("pulse", COUNTED),
        ("auditor", AUDITED),
    ):
        assert set(sources) <= may(name, "Read", "topic"), name
    for name, group in GROUPS.items():
        if name in PROCESSES:
            assert may(name, "Read", "group") == {group}
    assert set(GROUPS.values()) <= may("portal", "Describe", "group")
    for watch in (TIMERS, REFUSALS):
        assert watch.source.startswith(tuple(may("intake", "Read", "group")))
    assert "directory" not in may("router", "Read", "topic"), "people are none of its business"
    assert DIRECTORY.name not in may("front", "Read", "topic")


def test_an_operator_gets_lines_for_a_shell() -> None:
    lines = command_lines("acme.", "User-{process}")
    assert (
        'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$CONFIG" --add '
        "--allow-principal User:User-router --operation Read --group acme.router" in lines
    )
    assert sum("--resource-pattern-type prefixed" in line for line in lines) == sum(
        grant.is_prefix for grant in grants("acme.")
    )
    assert Grant("topics", "topic", "acme.", grants("acme.")[-3].operations, True) in grants(
        "acme."
    )


def test_the_page_for_operators_has_the_table() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    assert "\n".join(table_lines("signalbox-")) in page, (
        "put the lines of `signalbox topics acls` into docs/operations.md"
    )
