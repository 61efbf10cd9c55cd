"""Verify on a log that was decided on paper: nothing differs as it is, and every record taken away,
doubled or changed is named.
"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from functools import cache

import orjson
import pytest

from cli.proof.differences import Difference, DifferenceKind, ProofTally
from cli.proof.log import PolicyVersions, slices
from cli.proof.verification import verify
from shared.wire import Message
from tests.golden.desk import decide_all
from tests.golden.month import BEGIN, LASTS, requests

pytestmark = pytest.mark.costly

TICKETS = 400
END = BEGIN + LASTS + timedelta(minutes=1)


@cache
def log() -> tuple[Message, ...]:
    return tuple(decide_all(requests(TICKETS), BEGIN + LASTS).messages)


@cache
def facts(topic: str) -> list[Message]:
    return [message for message in log() if message.topic == topic]


@cache
def known() -> PolicyVersions:
    return PolicyVersions.of(facts("policies"))


@cache
def by_key() -> dict[tuple[str, str], list[Message]]:
    found: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for message in log():
        found[message.topic, message.key].append(message)
    return found


def of(key: str, *topics: str) -> list[Message]:
    return [message for topic in topics for message in by_key().get((topic, key), ())]


def judged(key: str, topic: str, messages: list[Message]) -> ProofTally:
    """The log with the records of `key` in `topic` replaced, verified; only what is needed for this
    key, to be quick.
    """
    piece = [
        *messages,
        *(
            m
            for other in ("requests", "tickets", "clocks")
            if other != topic
            for m in of(key, other)
        ),
    ]
    if topic == "pages":
        piece += of(key, "page-inbox")
        tickets = {orjson.loads(m.value).get("ticket_id", "") for m in of(key, "page-inbox")}
        piece += [
            m for ticket in tickets for m in of(ticket, "tickets", "requests", "urgent", "clocks")
        ]
        piece += [
            m
            for (name, asked), found in by_key().items()
            if name == "requests" and asked.startswith(f"{key}.")
            for m in found
        ]
    if topic == "page-inbox":
        piece += [m for name in ("urgent", "tickets", "requests") for m in facts(name)]
    return verify(slices(piece), known(), END)


def about_pages(tally: ProofTally) -> list[Difference]:
    return [
        difference
        for difference in tally.differences
        if difference.topic in ("pages", "page-inbox")
    ]


def test_the_log_as_it_is_has_no_difference() -> None:
    tally = verify(slices(log()), known(), END)
    assert tally.differences == []
    assert tally.repeats == [] and tally.waiting == 0
    for topic, worker in (("tickets", "router"), ("clocks", "sla"), ("pages", "pager")):
        assert tally.counts[f"{worker} facts"] == len(facts(topic)), "every fact is proven"
    assert len({m.key for m in facts("pages")}) > 2


def test_every_page_fact_that_is_deleted_is_named() -> None:
    for gone in facts("pages"):
        fact = orjson.loads(gone.value)
        left = [m for m in facts("pages") if m.key == gone.key and m is not gone]
        named = about_pages(judged(gone.key, "pages", left))
        assert any(d.key == gone.key and d.seq == fact["seq"] for d in named), fact


def test_every_page_fact_that_is_doubled_is_named() -> None:
    for twice in facts("pages"):
        fact = orjson.loads(twice.value)
        mine = [m for m in facts("pages") if m.key == twice.key]
        tally = judged(twice.key, "pages", [*mine, twice._replace(offset=len(facts("pages")))])
        told = {(r.key, r.seq) for r in tally.repeats} | {(d.key, d.seq) for d in tally.differences}
        assert (twice.key, fact["seq"]) in told, fact


def test_a_page_fact_written_once_more_under_the_next_seq_is_named() -> None:
    for twice in [m for m in facts("pages") if b"PageAttempted" in m.value]:
        mine = [m for m in facts("pages") if m.key == twice.key]
        top = max(orjson.loads(m.value)["seq"] for m in mine)
        doubled = orjson.dumps({**orjson.loads(twice.value), "seq": top + 1})
        named = about_pages(judged(twice.key, "pages", [*mine, twice._replace(value=doubled)]))
        assert any(
            d.kind is DifferenceKind.EXTRA and d.seq == top + 1 and d.about.get("to") for d in named
        ), "with step and person"


def test_the_wrong_person_is_named_with_both() -> None:
    paged = next(m for m in facts("pages") if b"PageAttempted" in m.value)
    fact = orjson.loads(paged.value)
    other = "lead" if fact["to"] != "lead" else "primary"
    mine = [
        m if m is not paged else m._replace(value=orjson.dumps({**fact, "to": other}))
        for m in facts("pages")
        if m.key == paged.key
    ]
    named = about_pages(judged(paged.key, "pages", mine))
    (first,) = [d for d in named if d.kind is DifferenceKind.DIFFERENT and d.seq == fact["seq"]]
    assert ("to", fact["to"], other) in {(c.field, c.expected, c.found) for c in first.changes}


@pytest.mark.parametrize("topic", ["tickets", "clocks"])
def test_deleted_facts_of_tickets_and_clocks_are_named(topic: str) -> None:
    rng = random.Random(5)
    urgent = {m.key for m in log() if m.topic in ("urgent",)}
    sample = rng.sample([m for m in facts(topic) if m.key not in urgent], 120)
    for gone in sample:
        fact = orjson.loads(gone.value)
        left = [m for m in facts(topic) if m.key == gone.key and m is not gone]
        tally = judged(gone.key, topic, left)
        assert any(d.topic == topic and d.seq == fact["seq"] for d in tally.differences), fact


@pytest.mark.parametrize(
    ("topic", "field", "value"),
    [("tickets", "queue", "csa"), ("clocks", "due_at", "2027-03-02T00:00:00Z")],
)
def test_a_fact_that_was_changed_is_named_by_its_field(topic: str, field: str, value: str) -> None:
    urgent = {m.key for m in log() if m.topic == "urgent"}
    changed = next(
        m
        for m in facts(topic)
        if orjson.loads(m.value).get(field) not in (None, value) and m.key not in urgent
    )
    wrong = changed._replace(value=orjson.dumps({**orjson.loads(changed.value), field: value}))
    tally = judged(
        changed.key,
        topic,
        [m if m is not changed else wrong for m in facts(topic) if m.key == changed.key],
    )
    assert field in {c.field for d in tally.differences for c in d.changes}


def test_a_lost_obligation_is_named() -> None:
    lost = next(m for m in facts("page-inbox") if b"PageWanted" in m.value)
    tally = judged(lost.key, "page-inbox", [m for m in facts("page-inbox") if m is not lost])
    wanted = orjson.loads(lost.value)
    assert any(
        d.kind is DifferenceKind.MISSING and d.about.get("obligation") == wanted["obligation"]
        for d in tally.differences
    )


def test_a_request_that_was_put_aside_is_no_difference() -> None:
    asked = next(
        m
        for m in facts("requests")
        if b'"Solve"' in m.value and not any(u.key == m.key for u in facts("urgent"))
    )
    cause = orjson.loads(asked.value)["id"]
    after = [
        m
        for m in log()
        if m.key == asked.key and m.topic == "tickets" and orjson.loads(m.value)["cause"] == cause
    ]
    seqs = {orjson.loads(m.value)["seq"] for m in after}
    last = max(
        orjson.loads(m.value)["seq"] for m in log() if m.key == asked.key and m.topic == "tickets"
    )
    if last not in seqs:
        pytest.skip("facts follow it")
    kept = [
        m
        for m in log()
        if m.topic == "policies"
        or (m.key == asked.key and m.topic in ("requests", "tickets") and m not in after)
    ]
    aside = {"router": {(asked.topic, asked.partition, asked.offset)}}
    tally = verify(slices(kept), known(), END, aside)
    assert [d for d in tally.differences if d.topic == "tickets"] == []
    assert tally.put_aside == 1
