"""What `doctor` reads from others' words, what jars are let in, and the topics as Kafka is asked
for them.
"""

from datetime import timedelta

import pytest

from cli.doctor.machine import find_differing_packages, java_major
from cli.topics.plan import plan_topics
from deploy.embedded import broker
from shared.topics import TOPICS, Topic


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 1),
        ("openjdk 21 says something new", None),
        ("", None),
    ],
)
def test_java_major(said: str, major: int | None) -> None:
    assert java_major(said) == major


def test_packages_differ_only_where_another_version_is_installed() -> None:
    lock = "aiokafka==0.14.0 \\\n    --hash=sha256:ab\nfoo==1 ; sys_platform == 'win32'\nbar-baz==2.1\n"
    installed = {"aiokafka": "0.13.0", "bar-baz": "2.1"}
    assert find_differing_packages(lock, installed.get) == ["aiokafka is 0.13.0, not 0.14.0"]


def test_a_jar_that_is_missing_foreign_or_changed_is_named() -> None:
    assert broker.compare_jars({"a.jar": "1", "b.jar": "2"}, {"b.jar": "3", "c.jar": "4"}) == [
        "a.jar is missing",
        "c.jar is not listed in jars.sha256",
        "b.jar has another hash",
    ]
    assert broker.compare_jars({"a.jar": "1"}, {"a.jar": "1"}) == []


def test_the_committed_hashes_are_those_of_the_pom() -> None:
    assert f"kafka-clients-{broker.version()}.jar" in broker.expected_hashes()
    assert all(len(digest) == 64 for digest in broker.expected_hashes().values())


def test_topics_in_kafkas_words() -> None:
    kept = Topic("kept", key="k", author="a", readers=())
    short = Topic(
        "short",
        key="k",
        author="a",
        readers=(),
        retention=timedelta(days=30),
        partitions=1,
        config={"segment.ms": "5"},
    )
    one, two = plan_topics((kept, short), partitions=8, replication=3)
    assert (one.partitions, one.replication) == (8, 3)
    assert one.config == {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "min.insync.replicas": "2",
    }
    assert (two.partitions, two.config["retention.ms"], two.config["segment.ms"]) == (
        1,
        "2592000000",
        "5",
    )


def test_all_topics_that_meet_in_a_worker_have_the_same_number_of_partitions() -> None:
    """A fact goes to the partition number of the request that caused it."""
    assert {
        topic.partitions for topic in plan_topics(TOPICS.values(), partitions=8, replication=1)
    } == {8}
