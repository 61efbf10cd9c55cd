"""News for many: everybody once though the courier is killed in the middle, and ticket mail that
does not wait behind it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.notifier.settings import CourierSettings
from shared import ids
from shared.bus import record_for
from shared.events import Component, DirectoryRecorded, IncidentUpdated, StatusFact
from shared.people.subscriptions import KIND, Subscription, subscription_id
from tests.integration.test_courier import Office, an_office, eventually, now, opened, ticket
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

MANY = 1500
SLOTS = CourierSettings.model_fields["bulk_slots"].default
ROUTING = Component(id="routing", name="Routing")


@pytest.fixture
async def office(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(kafka_bootstrap, mongodb_uri, tmp_path) as made:
        yield made


async def subscribe(office: Office, targets: Sequence[str], *components: str) -> None:
    """They have confirmed an hour ago."""
    at = now() - timedelta(hours=1)
    records = []
    for target in targets:
        key = subscription_id(target)
        document = Subscription(
            kind="email", target=target, confirmed_at=at, components=components
        ).kept()
        event = DirectoryRecorded(
            id=f"dir_{key}", key=f"{KIND}:{key}", at=at, kind=KIND, doc_id=key, document=document
        )
        records.append(record_for("directory", event, "intake"))
    await office.producer.send_many(records)


def update(text: str) -> StatusFact:
    return IncidentUpdated(
        at=now(),
        by="ops@example.com",
        policy={},
        title="Routing is slow",
        components=(ROUTING,),
        update=f"upd_{text}",
        body=text,
    )


async def happens(office: Office, fact: StatusFact) -> StatusFact:
    (stamped,) = ids.stamp([fact], key="inc_1", first_seq=1, cause=f"req_{fact.at.isoformat()}")
    await office.producer.send_many([record_for("status", stamped, "router")])
    return stamped


def people(count: int) -> list[str]:
    return [f"subscriber{number}@many.example" for number in range(count)]


def arrived(office: Office) -> Counter[tuple[str, str]]:
    """(To, Message-ID) of the news, as the far end received it."""
    found = office.far.receipts.since(0, "mail")
    return Counter((one["to"], one["id"]) for one in found if one["to"].endswith("@many.example"))


@pytest.mark.long
async def test_everybody_is_told_once_though_the_courier_is_killed_in_the_middle(
    office: Office,
) -> None:
    crowd = people(MANY)
    await subscribe(office, crowd)
    courier = await office.start_courier()
    await happens(office, update("we look into it"))
    await eventually(lambda: len(arrived(office)) >= MANY // 5, 40, "a fifth of the mails")
    await office.end(courier, signal.SIGKILL)
    assert len(arrived(office)) < MANY, "killed too late to prove anything"
    await office.start_courier()
    await eventually(lambda: len(arrived(office)) >= MANY, 60, "every mail")
    received = arrived(office)
    assert {to for to, _ in received} == set(crowd)
    assert len(received) == MANY, "the same Message-ID for the same person, whatever happened"
    again = sum(received.values()) - MANY
    assert again <= SLOTS, f"{again} were under way when it was killed; no more may come twice"
    documents = await office.outbox(template="status-incident")
    assert len(documents) == MANY


async def test_ticket_mail_does_not_wait_behind_news_for_many(office: Office) -> None:
    await subscribe(office, people(MANY))
    await office.start_courier()
    await happens(office, update("we look into it"))
    await eventually(lambda: len(arrived(office)) >= 100, 40, "the first mails")
    began, key = time.monotonic(), ticket()
    await office.happens(opened(), key=key)
    await office.gets("mail", key)
    took = time.monotonic() - began
    assert len(arrived(office)) < MANY, "the news was over, nothing was proved"
    assert took < stretched(3)


async def test_an_update_read_twice_is_told_once(office: Office) -> None:
    await subscribe(office, people(20))
    await office.start_courier()
    fact = await happens(office, update("once"))
    await eventually(lambda: len(arrived(office)) >= 20, 60, "the mails")
    await office.producer.send_many([record_for("status", fact, "router")])
    await happens(office, update("the next one"))
    await eventually(lambda: len(arrived(office)) >= 40, 60, "the next ones")
    await asyncio.sleep(0)
    assert set(arrived(office).values()) == {1}


async def test_who_was_told_is_told_again_though_they_chose_other_components(
    office: Office,
) -> None:
    """Also by a courier that knows it from the outbox alone."""
    await subscribe(office, people(5), "routing")
    courier = await office.start_courier()
    await happens(office, update("it begins"))
    await eventually(lambda: len(arrived(office)) >= 5, 60, "the first mails")
    await office.end(courier, signal.SIGTERM)
    await subscribe(office, people(4), "builds")
    await subscribe(office, ["late@many.example"], "builds")
    await office.start_courier()
    await happens(office, update("it goes on"))
    await happens(office, update("it is over"))
    await eventually(lambda: len(arrived(office)) >= 15, 60, "everything to everybody")
    received = Counter(to for to, _ in arrived(office))
    assert received == dict.fromkeys(people(5), 3)
