"""The desk on paper: requests through router, sla, front and pager, each its own `Work`, into a log
in memory.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cli.proof.lifetime import live_row
from cli.proof.log import PolicyVersions
from cli.proof.subjects import make_policy_lookup
from cli.what_if.worlds import then
from services.notifier.front import rules as front
from services.notifier.pager import handlers as pager
from services.notifier.pager.handlers import list_owed
from services.notifier.pager.lane import Lane
from services.notifier.pager.pace import PagingRules
from services.router import handlers as router
from services.sla import handlers as sla
from shared.events import AttemptOutcome, Event, Fact, OpenTicket, Request
from shared.ids import derive
from shared.spine.work import Work
from shared.wire import Message, headers_for
from tests.golden.month import published

PARTITIONS = 8


class Written:
    """A log: every record at its place, as Kafka would have it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._next: dict[tuple[str, int], int] = defaultdict(int)

    def write(self, topic: str, event: Event, source: str = "golden") -> Message:
        partition = zlib.crc32(event.key.encode()) % PARTITIONS
        place = topic, partition
        found = Message(
            topic,
            partition,
            self._next[place],
            event.key,
            event.wire(),
            dict(headers_for(event, source)),
            event.at.timestamp(),
        )
        self._next[place] += 1
        self.messages.append(found)
        return found


def policies_of(log: Written) -> PolicyVersions:
    return PolicyVersions.of(message for message in log.messages if message.topic == "policies")


def decide_all(requests: Iterable[Request], until: datetime) -> Written:
    """The whole log of these requests."""
    log = Written()
    for version in published():
        log.write("policies", version, "intake")
    of = make_policy_lookup(policies_of(log))
    works = router.work(of), sla.work(of)
    by_key: dict[str, list[Request]] = defaultdict(list)
    inbox: dict[str, list[Event]] = defaultdict(list)
    for request in requests:
        log.write("requests", request, "intake")
        by_key[request.key].append(request)
        if isinstance(request, OpenTicket) and request.pages:
            log.write("urgent", request, "intake")
            _into(inbox, "urgent", request)
    for key, asked in by_key.items():
        if type(asked[0]) not in router.HANDLERS:
            for request in asked:
                _into(inbox, "requests", request)
            continue
        facts = live_row(works[0], key, ((request.at, request) for request in asked), until).facts
        clocks = live_row(
            works[1], key, ((fact.at, fact) for fact in facts if type(fact) in sla.HANDLERS), until
        ).facts
        _keep(log, "tickets", facts)
        _keep(log, "clocks", clocks)
        for fact in facts:
            _into(inbox, "tickets", fact)
    _page(log, inbox, until)
    return log


def _page(log: Written, inbox: dict[str, list[Event]], until: datetime) -> None:
    work = pager_by_time(policies_of(log))
    for lane, events in inbox.items():
        unique = {event.id: event for event in sorted(events, key=lambda event: event.at)}
        for event in unique.values():
            log.write("page-inbox", event, front.SOURCE)
        _keep(
            log,
            "pages",
            live_row(
                work, lane, ((event.at, event) for event in unique.values()), until, answers
            ).facts,
        )


def pager_by_time(policies: PolicyVersions) -> Work[Any]:
    """The pager under the versions in force at each instant."""
    rules_at = then(policies).rules_at

    def rules(now: datetime) -> PagingRules:
        found = rules_at(now)
        assert found is not None
        return found

    return pager.work(rules)


def answers(lane: Lane, now: datetime) -> Sequence[AttemptOutcome]:
    """The far end: it takes most sends, refuses some and is silent about some, always the same
    ones.
    """
    found = []
    for send in list_owed(lane):
        name = f"{send.attempt.id}:{send.attempt.tries}"
        word: Any = ("accepted",) * 17 + ("refused", "try-later", "unknown")
        outcome = word[zlib.crc32(name.encode()) % len(word)]
        found.append(
            AttemptOutcome(
                id=derive("out", send.attempt.id, str(send.attempt.tries)),
                key=send.page.id.rpartition(".")[0],
                at=now,
                page=send.page.id,
                attempt=send.attempt.id,
                tries=send.attempt.tries,
                outcome=outcome,
                receipt="200" if outcome == "accepted" else "",
                reason="" if outcome == "accepted" else outcome,
            )
        )
    return found


def _into(inbox: dict[str, list[Event]], topic: str, event: Event) -> None:
    handler = front.HANDLERS[topic].get(type(event))
    for found in handler(event) if handler else ():
        inbox[found.key].append(found)


def _keep(log: Written, topic: str, facts: Iterable[Fact]) -> None:
    for fact in facts:
        log.write(topic, fact)
