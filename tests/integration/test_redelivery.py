"""A webhook is sent once more under the same id when somebody asks for it, and once for each
asking.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.bus import record_for
from shared.events import Actor, RedeliverNotice, Role
from tests.integration.test_courier import (
    Office,
    an_office,
    assigned,
    eventually,
    now,
    opened,
    ticket,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def office(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(kafka_bootstrap, mongodb_uri, tmp_path) as made:
        yield made


async def test_a_webhook_is_sent_again_under_the_same_id(office: Office) -> None:
    await office.start_courier()
    key = ticket()
    await office.happens(opened(), assigned("redisco"), key=key)
    (first,) = await office.gets("webhook", key)
    notice = first["headers"]["webhook-id"]
    await eventually(
        lambda: office.outbox(_id=notice, phase="delivered"), what="the delivery is recorded"
    )
    actor = Actor(email="agent@example.com", roles=(Role.AGENT,))
    asking = RedeliverNotice(id="req_again", key=notice, at=now(), actor=actor)
    for _ in range(2):  # the log says it twice, as after a crash
        await office.producer.send_many([record_for("requests", asking, "intake")])
    _, again = await office.gets("webhook", key, 2)
    assert again["headers"]["webhook-id"] == notice
    assert again["body"] == first["body"]
    await eventually(
        lambda: office.outbox(_id=notice, phase="delivered", tries=2),
        what="the second delivery is recorded",
    )
    after = ticket()
    await office.happens(opened(), assigned("redisco"), key=after)
    await office.gets("webhook", after)
    assert len(office.far.receipts.since(0, "webhook", key)) == 2
    facts = [fact.type for fact in await office.said() if fact.key == notice]
    assert facts == [
        "NoticeOwed",
        "NoticeAttempted",
        "NoticeDelivered",
        "NoticeAttempted",
        "NoticeDelivered",
    ]
