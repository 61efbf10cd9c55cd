"""A batch folds the same however it is cut, and twice is once."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.portal.operations.figures import BOUNDS, figures_of, points, value_of
from services.portal.projector.batch import (
    EventMessage,
    Fold,
    TicketCounter,
    list_needed_docs,
    parse,
)
from shared import events as e
from shared.wire import Message, headers_for
from tests.support.facts import BEGAN, Ticket, page_facts


def message(event: e.Event, topic: str = "tickets") -> Message:
    return Message(topic, 0, 0, event.key, event.wire(), dict(headers_for(event, "test")), 0.0)


def the_log() -> list[Message]:
    found = []
    for n in range(4):
        ticket = Ticket(f"t{n}")
        found += [message(fact) for fact in (*ticket.opened(), *ticket.assigned("redisco"))]
        found += [message(fact) for fact in ticket.replied("x", "r@example.com", "provider")]
        found += [
            message(fact, "clocks") for fact in (*ticket.clock_started(), *ticket.clock_met())
        ]
        found += [
            message(ticket.asked("x"), "requests"),
            *(message(fact) for fact in (ticket.solved() if n % 2 else ticket.noted("x"))),
        ]
        found += [message(fact, "pages") for fact in page_facts(ticket.id, f"lane_{n}")]
    return found


def folded(cuts: list[list[Message]]) -> tuple[Any, ...]:
    """The views after the cuts, one after the other."""
    docs: dict[Any, Any] = {}
    timeline: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    counts: dict[TicketCounter | str, int] = {}
    for cut in cuts:
        events, poison = parse(cut)
        assert not poison
        fold = Fold({place: docs.get(place) for place in list_needed_docs(events)}, 0)
        changes = fold.take(events)
        docs.update({place: doc for place, doc in fold.docs.items() if doc is not None})
        for name, doc in changes.inserted["timeline"].items():
            timeline.setdefault(name, {**doc, "feed": 0})
        for name, change in changes.settled.items():
            merged = requests.setdefault(name, {"facts": set()})
            merged.update({field: value for field, value in change.items() if field != "facts"})
            merged["facts"] |= set(change.get("facts", ()))
        for counted, delta in (*changes.counted.items(), *changes.shelved.items()):
            counts[counted] = counts.get(counted, 0) + delta
    return docs, timeline, requests, {counted: n for counted, n in counts.items() if n}


@given(st.lists(st.integers(0, 60), max_size=6), st.integers(0, 60))
def test_cuts_and_repeats_change_nothing(places: list[int], again_from: int) -> None:
    log = the_log()
    bounds = [0, *sorted(place % len(log) for place in places), len(log)]
    cuts = [log[a:b] for a, b in itertools.pairwise(bounds)]
    assert folded([*cuts, log[again_from:]]) == folded([log])


def test_the_counters_are_those_of_the_documents() -> None:
    log = the_log()
    random.Random(1).shuffle(log)
    log.sort(
        key=lambda found: int(parse([found])[0][0].event.seq) if found.topic == "tickets" else 0
    )
    docs, _, _, counts = folded([log])
    by_hand: dict[TicketCounter | str, int] = {}
    for (collection, _), doc in docs.items():
        if collection == "tickets":
            counted = TicketCounter(doc["partition"], doc["queue"], doc["status"], doc["priority"])
            for name in (counted, *doc["shelves"]):
                by_hand[name] = by_hand.get(name, 0) + 1
    assert counts == by_hand


def test_what_is_no_event_is_told_and_what_is_unknown_is_passed_over() -> None:
    raw = [b"\xff", b"{}", b'{"type": "TicketOpened"}', b'{"type": "OfTheFuture"}', b""]
    events, poison = parse(
        Message("tickets", 0, n, "k", value, {}, 0.0) for n, value in enumerate(raw)
    )
    assert (events, [found.offset for found, _ in poison]) == ([], [0, 1, 2])


def test_secrets_of_the_directory_are_in_no_view() -> None:
    fold = Fold({}, 0)
    kinds: list[Any] = ["accounts", "credentials", "tokens"]
    made = [
        e.DirectoryRecorded(at=BEGAN, key=f"{kind}:x", kind=kind, doc_id="x", document={"a": 1})
        for kind in kinds
    ]
    changes = fold.take(EventMessage(message(event, "directory"), event) for event in made)
    assert list(changes.replaced["directory"]) == ["accounts:x"]


def test_figures() -> None:
    ticket = Ticket("one")
    opened, _, routed = ticket.opened(queue="csa")
    assert [(point.counter, point.group) for point in points(opened, BEGAN)] == [
        ("tickets-opened", "all")
    ]
    sums: dict[str, float] = {}
    for milliseconds in (*range(95), 9000, 9000, 9000, 9000, 9000):
        for point in points(
            routed,
            BEGAN.replace(microsecond=milliseconds % 1000 * 1000, second=milliseconds // 1000),
        ):
            sums[point.counter] = sums.get(point.counter, 0.0) + point.value
    assert figures_of("routed") == ("time-to-route", "time-to-route-p95")
    assert value_of("time-to-route-p95", lambda counter: sums.get(counter, 0.0)) == 0.1
    assert round(value_of("time-to-route", lambda counter: sums.get(counter, 0.0)), 3) == round(
        (sum(range(95)) / 1000 + 45) / 100, 3
    )
    assert value_of("time-to-route-p95", lambda _: 0.0) == 0.0
    assert sorted(BOUNDS) == list(BOUNDS)


def test_the_timeline_keeps_the_trace_of_the_request_that_led_to_it() -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traced = f"00-{trace_id}-b7ad6b7169203331-01".encode()
    events, _ = parse(
        message(fact)._replace(headers={**message(fact).headers, "traceparent": header})
        for fact, header in zip(Ticket("t").opened(), (traced, b"nonsense"), strict=False)
    )
    entries = Fold({}, 0).take(events).inserted["timeline"].values()
    assert [entry["trace"] for entry in entries] == [trace_id, None]
