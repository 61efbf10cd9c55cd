"""What is sent, and what is no longer sent, of the attempts that are recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from services.notifier.pager.handlers import SendAttempt
from services.notifier.pager.lane import Lane, evolve
from services.notifier.pager.rules import Rulebook
from services.notifier.pager.sends import Pager
from shared.channels import ChannelContext
from shared.events import AckAsked, Event
from shared.ids import stamp
from tests.unit.notifier.lane_words import LANE, START, method, page_of, person, policy, wanted
from tests.unit.notifier.test_pager_rules import book, published

ACK = AckAsked(id="req_ack", key=LANE, at=START, page=page_of(), by="primary", via="web")


class Worker:
    """A pager's row as the spine would carry it along."""

    def __init__(self, line: ChannelContext, rulebook: Rulebook) -> None:
        self.pager, self.lane = Pager(rulebook, line, "https://portal.example/"), Lane()

    def takes(self, event: Event) -> Sequence[SendAttempt]:
        """The sends owed afterwards."""
        for fact in stamp(
            self.pager.work().decide(self.lane, event, START),
            key=LANE,
            first_seq=self.lane.seq + 1,
            cause=event.id,
        ):
            self.lane = evolve(self.lane, fact).model_copy(update={"seq": fact.seq})
        return self.pager.effects(self.lane)


@pytest.fixture
async def line() -> AsyncIterator[ChannelContext]:
    async with aiohttp.ClientSession() as http:
        yield ChannelContext(
            http,
            lambda: START,
            b"a secret of the tests",
            "http://unused.example",
            "127.0.0.1",
            1,
            "pager@signalbox.example",
        )


def document(**people: Any) -> dict[str, Any]:
    return policy(people=people).model_dump(mode="json")


async def test_a_send_that_this_process_did_not_record_is_unknown_and_not_made(
    line: ChannelContext,
) -> None:
    recorded = Worker(line, book(published(1, document())))
    (send,) = recorded.takes(wanted())
    later = Worker(line, book(published(1, document())))
    later.pager.effects(recorded.lane)
    outcome = await later.pager.perform(send)
    assert (outcome.outcome, outcome.attempt, outcome.tries) == ("unknown", send.attempt.id, 1)


async def test_a_send_that_waited_until_its_page_was_acknowledged_is_not_made(
    line: ChannelContext,
) -> None:
    worker = Worker(line, book(published(1, document())))
    (send,) = worker.takes(wanted())
    worker.takes(ACK)
    outcome = await worker.pager.perform(send)
    assert (outcome.outcome, outcome.reason) == ("refused", "not sent: the page had ended")
    assert not worker.takes(outcome)


async def test_a_contact_method_that_was_taken_away_meanwhile_is_not_used(
    line: ChannelContext,
) -> None:
    rulebook = book(published(1, document()))
    worker = Worker(line, rulebook)
    (send,) = worker.takes(wanted())
    rulebook.take(published(2, document(primary=person("primary", method(verified=False)))))
    outcome = await worker.pager.perform(send)
    assert outcome.outcome == "refused" and "no verified contact method" in outcome.reason


async def test_the_outcome_of_one_try_has_one_id(line: ChannelContext) -> None:
    worker = Worker(
        line, book(published(1, document(primary=person("primary", method(channel="email")))))
    )
    (send,) = worker.takes(wanted())
    first, again = await worker.pager.perform(send), await worker.pager.perform(send)
    assert first.id == again.id
