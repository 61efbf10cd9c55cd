"""What is taken away from the log is named; what is all there is not, in whatever order the topics
are read.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from services.auditor.alarm import AT_ONCE, alert_of, changes
from services.auditor.audit import Audit, SettledFindings
from services.auditor.book import Book, Finding
from services.auditor.expectations import FAR_END, FIRED, HEARTBEAT, MAIL, RECEIPT, ROUTED, SENT
from services.auditor.probes import Probe, probes_in
from shared import events as e
from shared.topics import topic_of
from tests.unit.auditor.story import (
    ATTEMPT,
    DEDUP,
    LANE,
    LATER,
    NOTICE,
    NOW,
    OBLIGATION,
    OPEN,
    PAGE,
    POLICY,
    TICKET,
    at,
    messages,
    story,
)

RECEIPTS = orjson.dumps([{"id": DEDUP, "kind": "page"}])


def found_in(events: list[e.Event], receipts: bytes = RECEIPTS) -> set[tuple[str, str]]:
    audit = Audit(Book())
    audit.take(messages(events))
    audit.receipts(receipts, NOW)
    return {(finding.kind, finding.id) for finding in audit.book.overdue(LATER)}


def without(*kinds: type[e.Event], last: bool = False) -> list[e.Event]:
    """The story without the events of these kinds (`last`: only the last one of each)."""
    events = story()
    for kind in kinds:
        places = [n for n, event in enumerate(events) if type(event) is kind]
        assert places, kind
        for place in reversed(places[-1:] if last else places):
            del events[place]
    return events


def test_nothing_is_missing_of_a_whole_story() -> None:
    assert found_in(story()) == set()


def test_a_silent_page_owes_no_step_until_it_is_restored_and_work_puts_off_the_reopening() -> None:
    def lane(*facts: e.PageFact) -> set[tuple[str, str]]:
        numbered = [
            fact.copy_with({"id": f"fct_{seq}", "key": LANE, "seq": seq, "cause": "x"})
            for seq, fact in enumerate(facts, 1)
        ]
        return found_in(list(numbered))

    began = e.PageEscalated(at=at(0), page=PAGE, step=1, to=("ops",), next_at=at(300))
    silent = e.PageSilenced(
        at=at(10),
        page=PAGE,
        silenced_by="mnt_1",
        obligations=(OBLIGATION,),
        stopped=True,
        reason="r",
    )
    again = e.PageRestored(
        at=at(3600), page=PAGE, by="system", silenced_by="mnt_1", resumed=True, round=1, reason="r"
    )
    assert lane(began) == {(FIRED, f"{PAGE}/step")}
    assert lane(began, silent) == set()
    assert lane(began, silent.copy_with({"stopped": False})) == {(FIRED, f"{PAGE}/step")}
    assert lane(began, silent, again, began.copy_with({"round": 1})) == {(FIRED, f"{PAGE}/step")}
    forgotten = e.PageAcknowledged(at=at(20), page=PAGE, by="ops", via="web", reopens_at=at(1820))
    attended = e.PageAttended(at=at(30), page=PAGE, by="agent", activity="note", reopens_at=None)
    assert lane(began, forgotten) == {(FIRED, f"{PAGE}/reopen")}
    assert lane(began, forgotten, attended.copy_with({"reopens_at": at(1830)})) == {
        (FIRED, f"{PAGE}/reopen")
    }
    assert lane(began, forgotten, attended) == set()


PAGING = (
    e.PageOpened,
    e.PageEscalated,
    e.PageAttempted,
    e.PageFailed,
    e.PageAccepted,
    e.PageAcknowledged,
)


@pytest.mark.parametrize(
    ("events", "named"),
    [
        (without(e.TicketOpened, e.PrioritySet), {(ROUTED, OPEN)}),
        (without(*PAGING), {(RECEIPT, OBLIGATION)}),
        (
            without(e.PageAccepted, e.PageAcknowledged),
            {(RECEIPT, OBLIGATION), (FIRED, f"{PAGE}/step")},
        ),
        (
            without(e.PageAttempted, e.PageAccepted, e.PageAcknowledged, last=True),
            {
                (RECEIPT, OBLIGATION),
                (FIRED, f"{PAGE}/step"),
                (FIRED, f"{PAGE}/retry/{ATTEMPT}"),
            },
        ),
        (without(e.PageAcknowledged), {(FIRED, f"{PAGE}/step")}),
        (without(e.ClockMet), {(FIRED, f"{TICKET}/initial-response")}),
        (without(e.NoticeDelivered), {(SENT, NOTICE)}),
    ],
)
def test_what_was_taken_away_is_named(events: list[e.Event], named: set[tuple[str, str]]) -> None:
    assert found_in(events) == named


def test_a_receipt_the_far_end_does_not_have_is_named() -> None:
    assert found_in(story(), b"[]") == {(FAR_END, DEDUP)}
    with pytest.raises(ValueError):
        Audit(Book()).receipts(b'{"not": "a list"}', NOW)


@pytest.mark.parametrize("seed", range(20))
def test_topics_may_be_read_in_any_order_and_facts_repeated(seed: int) -> None:
    """Within a topic the order stays; between topics, and between a fact and its repetition, it
    does not.
    """
    shuffle = random.Random(seed)
    queues: dict[str, list[e.Event]] = {}
    for event in story():
        queues.setdefault(topic_of(event), []).append(event)
    read: list[e.Event] = []
    while queues:
        queue = queues[shuffle.choice(sorted(queues))]
        read.append(queue.pop(0))
        if shuffle.random() < 0.3:
            read.append(shuffle.choice(read))
        queues = {name: left for name, left in queues.items() if left}
    assert found_in(read) == set()


CLOCK = {"clock": "initial-response", "policy": POLICY, "key": TICKET}
RETARGETED = e.ClockRetargeted(
    at=at(20),
    calendar="always",
    target=timedelta(60),
    started_at=NOW,
    due_at=at(99),
    priority=e.Priority.LOW,
    **CLOCK,
)


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ([], 1800),
        ([e.ClockPaused(at=at(10), paused_at=at(10), ran=timedelta(seconds=10), **CLOCK)], None),
        (
            [
                e.ClockPaused(at=at(10), paused_at=at(10), ran=timedelta(seconds=10), **CLOCK),
                e.ClockRetargeted(
                    at=at(20),
                    calendar="always",
                    target=timedelta(60),
                    started_at=NOW,
                    due_at=at(99),
                    priority=e.Priority.LOW,
                    **CLOCK,
                ),
            ],
            None,
        ),
        (
            [
                e.ClockRetargeted(
                    at=at(20),
                    calendar="always",
                    target=timedelta(60),
                    started_at=NOW,
                    due_at=at(99),
                    priority=e.Priority.LOW,
                    **CLOCK,
                )
            ],
            99,
        ),
        (
            [
                e.ClockPaused(at=at(10), paused_at=at(10), ran=timedelta(seconds=10), **CLOCK),
                e.ClockResumed(
                    at=at(30),
                    resumed_at=at(30),
                    ran=timedelta(seconds=10),
                    due_at=at(1820),
                    **CLOCK,
                ),
            ],
            1820,
        ),
        ([e.ClockBreached(at=at(1801), due_at=at(1800), detected_at=at(1801), **CLOCK)], None),
    ],
)
def test_a_clock_is_expected_when_it_is_due_and_not_while_it_stands(
    facts: list[e.ClockFact], due: float | None
) -> None:
    began = next(event for event in story() if isinstance(event, e.ClockStarted))
    audit = Audit(Book())
    audit.take(
        messages([began, *(fact.model_copy(update={"seq": 2 + n}) for n, fact in enumerate(facts))])
    )
    found = audit.book.overdue(LATER)
    assert [finding.due for finding in found] == ([] if due is None else [at(due + 30)])
    assert not audit.book.overdue(at((due or 0) + 29.9))


def test_a_joined_urgent_is_reached_by_the_page_it_joined() -> None:
    joined = e.PageJoined(
        at=at(30),
        page=PAGE,
        ticket_id="tkt_2",
        obligation="obl_2",
        subject="x",
        requester="y",
        key=LANE,
        seq=99,
    )
    audit = Audit(Book())
    audit.take(messages(story()))
    wanted = next(event for event in story() if isinstance(event, e.PrioritySet))
    audit.take(
        messages([wanted.model_copy(update={"key": "tkt_2", "seq": 1, "obligation": "obl_2"})])
    )
    assert [finding.id for finding in audit.book.overdue(LATER) if finding.kind == RECEIPT] == [
        "obl_2"
    ]
    audit.take(messages([joined]))
    assert not [finding for finding in audit.book.overdue(LATER) if finding.kind == RECEIPT]


def test_a_restart_reads_on_where_the_last_life_kept_its_book(tmp_path: Path) -> None:
    read = messages(story())
    first = Audit(Book(tmp_path / "book"))
    first.take(read[:6])
    first.book.close()
    second = Audit(Book(tmp_path / "book"))
    left = [message for message in read if message.offset >= second.next.get((message.topic, 0), 0)]
    assert 0 < len(left) < len(read)
    second.take(left)
    second.receipts(RECEIPTS, NOW)
    assert not second.book.overdue(LATER)


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    class Broken(Book):
        is_broken = True

        def take(self, operations: object, at: datetime) -> None:
            super().take(operations, at)  # type: ignore[arg-type]
            if self.is_broken:
                raise RuntimeError("a bug")

    audit = Audit(Broken(tmp_path / "book"))
    with pytest.raises(RuntimeError):
        audit.take(messages(story()))
    assert audit.next == {} == audit.book.offsets()
    audit.book.is_broken = False  # type: ignore[attr-defined]
    audit.take(messages(story()))
    assert {finding.kind for finding in audit.book.overdue(LATER)} <= {FAR_END}


def rows(path: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("met", "kept", "heads", "bound", "owed")
        }


def test_what_is_settled_is_forgotten_after_a_while_and_what_is_owed_never(tmp_path: Path) -> None:
    path = tmp_path / "book"
    audit = Audit(Book(path))
    audit.take(messages(without(e.PageAccepted, e.PageAcknowledged)))
    before, owed = rows(path), audit.book.overdue(LATER)
    assert (RECEIPT, OBLIGATION) in {(finding.kind, finding.id) for finding in owed}
    assert audit.book.prune(NOW - timedelta(days=1)) == 0, "all of it is younger"
    assert rows(path) == before

    audit.book.prune(LATER)
    assert rows(path) == {"met": 0, "kept": 0, "heads": 0, "bound": 1, "owed": before["owed"]}, (
        "what would keep the promise is known"
    )
    assert audit.book.overdue(LATER) == owed
    audit.take(messages(event for event in story() if isinstance(event, e.PageAcknowledged)))
    assert RECEIPT not in {finding.kind for finding in audit.book.overdue(LATER)}
    audit.take(messages(story()))
    audit.book.prune(LATER)
    assert set(rows(path).values()) == {0}


def test_a_book_of_an_older_signalbox_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "book"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE met (kind TEXT, id TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID")
        db.execute(
            "CREATE TABLE offsets (topic TEXT, part INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, part)) WITHOUT ROWID"
        )
        db.execute("INSERT INTO offsets VALUES ('tickets', 0, 17)")
        db.commit()
    audit = Audit(Book(path))
    assert audit.next == {}, "the log is read again"
    audit.take(messages(story()))
    audit.book.close()
    assert Audit(Book(path)).next == audit.next != {}


def finding(name: str) -> Finding:
    return Finding(FIRED, name, name, NOW, "late")


def test_a_finding_must_stand_before_it_is_told() -> None:
    standing = SettledFindings(10)
    assert standing.told([finding("a")], 0) == []
    assert standing.told([finding("a"), finding("b")], 9) == []
    assert standing.told([finding("a"), finding("b")], 11) == [finding("a")]
    assert standing.told([finding("b")], 12) == []
    assert standing.told([finding("a"), finding("b")], 20) == [finding("b")], (
        "what went away begins anew"
    )


def told(findings: list[Finding]) -> dict[tuple[str, str], Finding]:
    return {(each.kind, each.id): each for each in findings}


def test_each_finding_is_an_alert_of_its_own_and_later_ones_of_a_kind_are_told_too() -> None:
    first = changes({}, [finding("a")])[FIRED]
    assert (first.begun, first.over) == ((finding("a"),), ())
    second = changes(told([finding("a")]), [finding("a"), finding("b")])[FIRED]
    assert (second.begun, second.over, second.standing) == ((finding("b"),), (), 2)
    assert changes(told([finding("a"), finding("b")]), [finding("b"), finding("a")]) == {}
    last = changes(told([finding("a"), finding("b")]), [finding("b")])[FIRED]
    body = alert_of(FIRED, last)
    assert [(alert["status"], alert["annotations"]["summary"]) for alert in body["alerts"]] == [
        ("resolved", f"{FIRED}: a")
    ]
    begun = alert_of(FIRED, first)["alerts"][0]
    assert (begun["fingerprint"], begun["startsAt"]) == (
        body["alerts"][0]["fingerprint"],
        body["alerts"][0]["startsAt"],
    )


def test_what_is_due_again_is_over_and_begins_anew() -> None:
    again = replace(finding("a"), due=NOW + timedelta(hours=1))
    change = changes(told([finding("a")]), [again])[FIRED]
    assert (change.over, change.begun) == ((finding("a"),), (again,))


def test_no_more_than_so_many_fire_at_once() -> None:
    many = [finding(f"tkt_{n}") for n in range(AT_ONCE + 5)]
    begun = changes({}, many)[FIRED].begun
    assert len(begun) == AT_ONCE
    assert changes(told(list(begun)), many) == {}
    assert changes(told(list(begun)), many[1:])[FIRED].begun == (many[AT_ONCE],)


def test_a_service_is_absent_after_a_minute_and_back_at_once() -> None:
    (probe,) = probes_in("router=http://127.0.0.1:1/readyz")
    look: Callable[[bool, float], None] = lambda ready, seconds: probe.heard(ready, seconds, NOW)  # noqa: E731
    look(False, 0)
    look(False, 59)
    assert probe.finding is None
    look(False, 60)
    assert probe.finding is not None
    assert (probe.finding.kind, probe.finding.about) == (Probe.KIND, "router")
    look(True, 61)
    assert probe.finding is None
    with pytest.raises(ValueError):
        probes_in("router")


def beat(seconds: float, every: float | None) -> e.Heartbeat:
    actor = e.Actor(email="premier@example.com")
    return e.Heartbeat(
        id="b",
        key="hbt_1",
        at=at(seconds),
        name="backup",
        every=None if every is None else timedelta(seconds=every),
        actor=actor,
    )


@pytest.mark.parametrize(
    ("beats", "due"),
    [
        ([beat(0, 60)], 90),
        ([beat(0, 60), beat(50, 60)], 140),
        ([beat(0, 60), beat(50, 600)], 950),
        ([beat(0, 60), beat(50, None)], None),
    ],
)
def test_a_heartbeat_is_missed_after_one_and_a_half_of_its_interval(
    beats: list[e.Event], due: float | None
) -> None:
    audit = Audit(Book())
    audit.take(messages(beats))
    assert [(found.kind, found.due) for found in audit.book.overdue(LATER)] == (
        [] if due is None else [(HEARTBEAT, at(due))]
    )


def test_heartbeats_hide_nothing() -> None:
    """A customer may let as many run out as they like: what we owe ourselves is still named."""
    audit = Audit(Book())
    audit.take(messages([beat(-60, 60).model_copy(update={"key": f"hbt_{n}"}) for n in range(6)]))
    audit.take(messages([event for event in story() if isinstance(event, e.OpenTicket)]))
    assert ROUTED in {found.kind for found in audit.book.overdue(LATER, limit=5)}


@pytest.mark.parametrize("n", [None, "7", [], {}])
def test_a_receipt_without_a_number_ends_nothing(n: object) -> None:
    audit = Audit(Book())
    assert audit.receipts(orjson.dumps([{"id": DEDUP, "n": n}, {"id": "other", "n": 3}]), NOW) == 3


def example(kind: type[e.Event], **changes: object) -> e.Event:
    """The contract's example of an event, with some fields changed."""
    path = Path(__file__).parents[2] / "contract" / "examples" / f"{kind.__name__}.v1.json"
    return kind.read(path.read_bytes()).model_copy(update=changes)


def test_a_maintenance_must_start_and_end() -> None:
    about: dict[str, object] = {
        "key": "mnt_1",
        "starts_at": at(1000),
        "ends_at": at(2000),
        "cause": "x",
    }
    planned, started, ended = (
        example(kind, seq=n, **about)
        for n, kind in enumerate(
            (e.MaintenanceScheduled, e.MaintenanceStarted, e.MaintenanceEnded), 1
        )
    )
    audit = Audit(Book())
    audit.take(messages([planned]))
    assert [found.due for found in audit.book.overdue(LATER)] == [at(1030)]
    audit.take(messages([started]))
    assert [found.due for found in audit.book.overdue(LATER)] == [at(2030)]
    moved = example(
        e.MaintenanceRescheduled, seq=3, **{**about, "ends_at": at(3000), "started": True}
    )
    audit.take(messages([moved]))
    assert [found.due for found in audit.book.overdue(LATER)] == [at(3030)], "only its end moved"
    audit.take(messages([ended.model_copy(update={"seq": 4})]))
    assert audit.book.overdue(LATER) == []


@pytest.mark.parametrize(
    "settled", [e.MailTicketed, e.MailThreaded, e.MailQuarantined, e.MailBounced]
)
def test_a_mail_must_become_something(settled: type[e.Event]) -> None:
    audit = Audit(Book())
    audit.take(messages([example(e.MailReceived, key="m", at=NOW, seq=0)]))
    assert [(found.kind, found.due) for found in audit.book.overdue(LATER)] == [(MAIL, at(60))]
    audit.take(messages([example(settled, key="m", seq=0)]))
    assert audit.book.overdue(LATER) == []


def test_a_request_on_an_incident_must_be_answered() -> None:
    audit = Audit(Book())
    audit.take(messages([example(e.OpenIncident, key="inc_1", id="req_1", at=NOW)]))
    assert [(found.kind, found.id) for found in audit.book.overdue(LATER)] == [(ROUTED, "req_1")]
    audit.take(messages([example(e.IncidentOpened, key="inc_1", cause="req_1", seq=1)]))
    assert audit.book.overdue(LATER) == []
