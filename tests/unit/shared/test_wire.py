"""CloudEvents headers, batches that never cut a group, and trace context."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.bus import in_batches, partition_of, weight
from shared.wire import Record, headers_for, record_for
from tests.chaos.spine.domain import Count

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_an_event_has_its_cloudevents_attributes() -> None:
    headers = dict(headers_for(Count(id="r1", key="k", at=NOW), "intake", "00-trace"))
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"r1",
        "ce_type": b"dev.signalbox.Count",
        "ce_source": b"/signalbox/intake",
        "ce_time": b"2026-11-20T12:00:00+00:00",
        "content-type": b"application/json",
        "traceparent": b"00-trace",
    }


def test_a_record_is_keyed_by_its_aggregate() -> None:
    record = record_for("requests", Count(id="r1", key="tkt_1", at=NOW), "intake")
    assert (record.topic, record.key, record.partition) == ("requests", "tkt_1", None)


def test_keys_go_where_the_java_client_puts_them() -> None:
    """Figures of org.apache.kafka.common.utils.UtilsTest.testMurmur2, modulo the partitions."""
    for key, hashed in (
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
    ):
        assert partition_of(key, 8) == (hashed & 0x7FFFFFFF) % 8


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3))), st.integers(100, 900))
def test_batches_keep_order_and_groups(sizes: list[tuple[int, int]], limit: int) -> None:
    records = [
        Record("t", str(i), b"x" * size, (), 0, group if group else None)
        for i, (size, group) in enumerate(sizes)
    ]
    runs = in_batches(records, limit)
    assert [record for run in runs for record in run] == records
    for before, after in itertools.pairwise(runs):
        assert before[-1].group is None or before[-1].group != after[0].group
    for run in runs:
        alone = len({record.group for record in run}) == 1 and run[0].group is not None
        assert sum(map(weight, run)) <= limit or len(run) == 1 or alone
