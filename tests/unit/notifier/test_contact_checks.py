"""A code to one's own contact method: what it is, that it goes out once, and what every channel
makes of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from email import policy as mail_policy
from typing import Any

import aiohttp
import orjson
import pytest

from services.notifier.pager.codes import CheckSend
from services.notifier.pager.lane import Lane, evolve
from services.notifier.pager.rules import Rulebook
from services.notifier.pager.sends import Pager
from shared.channels import ChannelContext, email, pagerduty, sms, voice, webhook
from shared.channels.outcome import PageMessage
from shared.events import ContactChecked, ContactCheckStarted, ContactCheckWanted, Event
from shared.ids import stamp
from shared.policy.on_call.document import Channel, ContactMethod
from shared.signed.contact_code import DIGITS, code_for, fits, is_over
from tests.unit.notifier.lane_words import START, person, policy
from tests.unit.notifier.test_pager_rules import book, published

SECRET, KEY = b"a secret of the tests", "contact:primary"
MAIL = ContactMethod(name="mail", channel=Channel.EMAIL, address="p@example.com")
WANTED = ContactCheckWanted(
    id="req_1", key=KEY, at=START, person="primary", method="phone", asked_at=START, version=1
)


@pytest.mark.parametrize(
    ("later", "good"),
    [(0, True), (14, True), (15, True), (21, False), (-4, True), (-11, False)],
)
def test_a_code_is_good_for_a_quarter_of_an_hour(later: int, good: bool) -> None:
    code = code_for(SECRET, "primary", MAIL, START)
    assert len(code) == DIGITS and code.isdecimal()
    assert fits(SECRET, "primary", MAIL, code, START + timedelta(minutes=later)) is good


@pytest.mark.parametrize(
    "other", [{"name": "mail2"}, {"channel": Channel.WEBHOOK}, {"address": "q@example.com"}]
)
def test_a_code_is_of_one_method_of_one_person(other: dict[str, Any]) -> None:
    code = code_for(SECRET, "primary", MAIL, START)
    assert not fits(SECRET, "primary", MAIL.model_copy(update=other), code, START)
    assert not fits(SECRET, "lead", MAIL, code, START)
    assert not fits(b"another secret", "primary", MAIL, code, START)
    assert not fits(SECRET, "primary", MAIL, "", START)
    assert not fits(SECRET, "primary", MAIL, "1234567\N{ARABIC-INDIC DIGIT FIVE}", START)


@pytest.fixture
async def line() -> AsyncIterator[ChannelContext]:
    async with aiohttp.ClientSession() as http:
        yield ChannelContext(
            http,
            lambda: START,
            SECRET,
            "http://unused.example",
            "127.0.0.1",
            1,
            "pager@signalbox.example",
        )


class Worker:
    """A pager and the row of somebody's contact methods."""

    def __init__(self, line: ChannelContext, rulebook: Rulebook) -> None:
        self.pager, self.lane = Pager(rulebook, line, "https://portal.example/"), Lane()

    def takes(self, event: Event) -> list[Any]:
        facts = stamp(
            self.pager.work().decide(self.lane, event, START),
            key=KEY,
            first_seq=self.lane.seq + 1,
            cause=event.id,
        )
        for fact in facts:
            self.lane = evolve(self.lane, fact).model_copy(update={"seq": fact.seq})
        return list(facts)


def rules() -> Rulebook:
    mail = {"name": "phone", "channel": "email", "address": "p@example.com", "verified": False}
    return book(
        published(1, policy(people={"primary": person("primary", mail)}).model_dump(mode="json"))
    )


async def test_it_is_recorded_sent_once_and_its_outcome_recorded(line: ChannelContext) -> None:
    worker = Worker(line, rules())
    (started,) = worker.takes(WANTED)
    assert isinstance(started, ContactCheckStarted) and started.cause == "req_1"
    (send,) = worker.pager.effects(worker.lane)
    assert isinstance(send, CheckSend)
    outcome = await worker.pager.perform(send)
    assert outcome.outcome == "try-later", "nobody listens at the relay of the tests"
    (checked,) = worker.takes(outcome)
    assert isinstance(checked, ContactChecked) and (checked.outcome, checked.cause) == (
        "try-later",
        "req_1",
    )
    assert not worker.pager.effects(worker.lane), "it is not repeated"
    assert not worker.takes(outcome), "the same outcome again says nothing new"


async def test_what_an_earlier_pager_recorded_is_not_sent_again(line: ChannelContext) -> None:
    worker = Worker(line, rules())
    worker.takes(WANTED)
    (send,) = worker.pager.effects(worker.lane)
    assert (await Pager(rules(), line, "https://portal.example").perform(send)).outcome == "unknown"


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (WANTED.model_copy(update={"method": "gone"}), "no contact method"),
        (WANTED.model_copy(update={"person": "nobody"}), "no contact method"),
        (WANTED.model_copy(update={"asked_at": START - timedelta(minutes=16)}), "too long ago"),
    ],
)
async def test_what_is_of_no_use_is_not_sent(
    line: ChannelContext, wanted: ContactCheckWanted, reason: str
) -> None:
    worker = Worker(line, rules())
    worker.takes(wanted)
    (send,) = worker.pager.effects(worker.lane)
    outcome = await worker.pager.perform(send)
    assert outcome.outcome == "refused" and reason in outcome.reason


def test_every_channel_tells_the_code_and_leads_nowhere(line: ChannelContext) -> None:
    summons = PageMessage(
        key="chk_1",
        purpose="verify",
        page_id="",
        ticket_id="",
        subject="",
        requester="",
        app=None,
        person="primary",
        step=0,
        round=0,
        tries=1,
        dedup_key="chk_1",
        accepted_at=START,
        ack_url="",
        ticket_url="",
        timeout=timedelta(seconds=1),
        code="01234567",
    )
    mail = message_from_bytes(
        email.message_for(line, "p@example.com", summons).as_bytes(), policy=mail_policy.default
    )
    said = {
        "email": f"{mail['subject']} {mail.get_content()}",
        "sms": sms.text_of(summons),
        "webhook": webhook.body_of(summons).decode(),
        "pagerduty": pagerduty.body_of(summons, "key").decode(),
    }
    for channel, text in said.items():
        assert "01234567" in text, channel
        assert "/pages/" not in text and "urgent" not in text.lower(), channel
    assert voice.twiml_of(summons).count("0, 1, 2, 3, 4, 5, 6, 7") == 2
    assert orjson.loads(said["pagerduty"])["payload"]["severity"] == "info"
    assert orjson.loads(said["webhook"])["type"] == "contact.verify"


def test_a_code_asked_for_long_ago_is_over() -> None:
    assert not is_over(START, START + timedelta(minutes=15)) and is_over(
        START, START + timedelta(minutes=16)
    )
