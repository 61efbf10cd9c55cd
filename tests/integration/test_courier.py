"""Facts in; mail and webhooks at the far end: the real courier process, Kafka and MongoDB, a far
end that can misbehave.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from deploy.demo.behaviour import Mode
from deploy.demo.directory import webhook_secret
from deploy.demo.receipts import DemoReceipt
from deploy.demo.seed import seed
from deploy.demo.sink import FarEnd, SinkSettings, far_end
from shared import ids
from shared.bus import Admin, Producer, Reader, record_for
from shared.events import (
    Audience,
    Plan,
    Priority,
    PrioritySet,
    ReplyAdded,
    TicketAssigned,
    TicketFact,
    Via,
)
from shared.storage.store import Store
from shared.topics import NOTICES, read
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TOPICS = (
    "requests",
    "tickets",
    "clocks",
    "pages",
    "status",
    "mail",
    "directory",
    "policies",
    "notices",
    "dead-letters",
)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Office:
    """A courier that can be started and ended, what it reads, and where it sends."""

    env: dict[str, str]
    prefix: str
    bootstrap: str
    producer: Producer
    far: FarEnd
    store: Store
    sink_port: int = 0
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start_courier(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.notifier", "courier", cwd=ROOT, env=self.env
        )
        self.running.append(process)
        return process

    async def end(self, process: asyncio.subprocess.Process, how: signal.Signals) -> int:
        process.send_signal(how)
        code = await asyncio.wait_for(process.wait(), 30)
        self.running.remove(process)
        return code

    async def happens(self, *facts: TicketFact, key: str, first_seq: int = 1) -> list[TicketFact]:
        stamped = ids.stamp(
            facts, key=key, first_seq=first_seq, cause=f"req_{secrets.token_hex(4)}"
        )
        await self.producer.send_many([record_for("tickets", fact, "router") for fact in stamped])
        return stamped

    async def gets(
        self, kind: str, ticket: str, count: int = 1, within: float = 40
    ) -> list[DemoReceipt]:
        return await eventually(
            lambda: self._enough(kind, ticket, count), within, f"{count} {kind} about {ticket}"
        )

    def _enough(self, kind: str, ticket: str, count: int) -> list[DemoReceipt]:
        found = self.far.receipts.since(0, kind, ticket)
        return found if len(found) >= count else []

    async def outbox(self, **where: Any) -> list[dict[str, Any]]:
        return await self.store["outbox"].find(where)

    async def said(self) -> list[Any]:
        """Everything on topic `notices`, in log order per notice."""
        reader = Reader(self.bootstrap, self.prefix)
        await reader.start()
        try:
            starts = {(NOTICES.name, p): 0 for p in range(await reader.partitions(NOTICES.name))}
            return [
                read(m.value) async for messages in reader.read_to_end(starts) for m in messages
            ]
        finally:
            await reader.stop()


async def eventually(look: Callable[[], Any], within: float = 40, what: str = "") -> Any:
    """The first truthy value; what is looked at changes in other processes."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert loop.time() < until, f"not within {within} s: {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def an_office(bootstrap: str, mongodb: str, data: Path, **more: str) -> AsyncIterator[Office]:
    prefix = f"courier-{secrets.token_hex(4)}-"
    sink = SinkSettings(data_dir=data, sink_port=free_port(), sink_smtp_port=free_port())
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")},
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "MONGODB_URI": mongodb,
        "SIGNALBOX_MONGODB_DATABASE": prefix.strip("-"),
        "SIGNALBOX_TOPIC_PREFIX": prefix,
        "SIGNALBOX_SECRET": "a secret of sixteen and more",
        "SIGNALBOX_DEMO": "1",
        "SIGNALBOX_INSTANCE": "courier-0",
        "SIGNALBOX_SINK_SMTP_PORT": str(sink.sink_smtp_port),
        **more,
    }
    async with Admin(bootstrap, prefix) as admin:
        for topic in TOPICS:
            await admin.create_topic(topic, 4)
        await seed(bootstrap, prefix, f"http://127.0.0.1:{sink.sink_port}")
        producer, store = Producer(bootstrap, prefix, "test"), Store(mongodb, prefix.strip("-"))
        async with far_end(sink) as far:
            office = Office(env, prefix, bootstrap, producer, far, store, sink.sink_port)
            try:
                yield office
            finally:
                for process in list(office.running):
                    await office.end(process, signal.SIGKILL)
                await producer.stop()
                await store.drop()
                store.close()
                await admin.delete_all()


@pytest.fixture
async def office(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(kafka_bootstrap, mongodb_uri, tmp_path) as made:
        yield made


def now() -> datetime:
    return datetime.now(UTC)


def opened(**more: Any) -> PrioritySet:
    return PrioritySet(
        at=now(),
        by="premium@example.com",
        policy={},
        requested=None,
        priority=Priority.NORMAL,
        plan=Plan.PREMIUM,
        opened_at=now(),
        lane="lane_x",
        subject="Redis refuses connections",
        requester="premium@example.com",
        **more,
    )


def assigned(provider: str) -> TicketAssigned:
    return TicketAssigned(
        at=now(),
        by="premium@example.com",
        policy={},
        queue=f"provider:{provider}",
        provider=provider,
        subject="Redis refuses connections",
        body="ECONNREFUSED since noon",
        requester="premium@example.com",
        participants=("premium@example.com",),
        priority=Priority.NORMAL,
    )


def ticket() -> str:
    return f"tkt_{secrets.token_hex(8)}"


async def test_exactly_one_signed_webhook_and_one_mail_though_the_facts_are_repeated(
    office: Office,
) -> None:
    await office.start_courier()
    key = ticket()
    facts = await office.happens(opened(), assigned("redisco"), key=key)
    await office.producer.send_many([record_for("tickets", fact, "router") for fact in facts])
    after = ticket()
    await office.happens(opened(), key=after)
    await office.gets("mail", after)

    (hook,) = await office.gets("webhook", key)
    told = Webhook(webhook_secret("redisco")).verify(hook["body"], hook["headers"])
    assert told["type"] == "ticket.assigned"
    assert told["data"]["ticket"]["body"] == "ECONNREFUSED since noon"
    mails = await office.gets("mail", key, 2)
    assert sorted(mail["to"] for mail in mails) == [
        "agents@redisco.example.com",
        "premium@example.com",
    ]
    received = next(mail for mail in mails if mail["to"] == "premium@example.com")
    assert received["headers"]["Auto-Submitted"] == "auto-replied"
    assert received["headers"]["References"] == f"<{key}@notifications.signalbox.example>"

    await eventually(lambda: nothing_left_to_say(office, 4), what="all outcomes said")
    by_notice: dict[str, list[Any]] = {}
    for fact in await office.said():
        by_notice.setdefault(fact.key, []).append(fact)
    assert len(by_notice) == 4
    for said in by_notice.values():
        assert [(fact.type, fact.seq) for fact in said] == [
            ("NoticeOwed", 1),
            ("NoticeAttempted", 2),
            ("NoticeDelivered", 3),
        ]
    assert {f"<{notice}@notifications.signalbox.example>" for notice in by_notice} >= {
        mail["id"] for mail in mails
    }


async def nothing_left_to_say(office: Office, count: int) -> bool:
    done = await office.outbox(phase={"$in": ["delivered", "failed", "suppressed"]})
    return len(done) == count and not any("unsaid" in document for document in done)


async def test_a_hanging_destination_delays_no_other(office: Office) -> None:
    office.far.behaviour.set("/webhooks/redisco", Mode.HANG, 0)
    await office.start_courier()
    first = ticket()
    await office.happens(opened(), key=first)
    await office.gets("mail", first)
    stuck = [ticket() for _ in range(10)]
    for key in stuck:
        await office.happens(assigned("redisco"), key=key)
    began = asyncio.get_running_loop().time()
    keys = [ticket() for _ in range(10)]
    for key in keys:
        await office.happens(assigned("mailgrid"), key=key)
    for key in keys:
        await office.gets("webhook", key, within=40)
    assert asyncio.get_running_loop().time() - began < stretched(5)
    for key in stuck:
        await office.gets("mail", key, within=40)


async def test_a_failed_webhook_is_tried_again_under_the_same_id(office: Office) -> None:
    office.far.behaviour.set("/webhooks/redisco", Mode.ERROR, 0)
    await office.start_courier()
    key = ticket()
    await office.happens(assigned("redisco"), key=key)
    (waiting,) = await eventually(
        lambda: office.outbox(phase="waiting"), what="one waits for its second try"
    )
    office.far.behaviour.set("*", Mode.OK, 0)
    (hook,) = await office.gets("webhook", key)
    assert hook["id"] == waiting["_id"]
    await eventually(lambda: nothing_left_to_say(office, 2), what="outcome said")
    about = [(f.type, f.seq) for f in await office.said() if f.key == hook["id"]]
    assert [kind for kind, _ in about] == [
        "NoticeOwed",
        "NoticeAttempted",
        "NoticeFailed",
        "NoticeAttempted",
        "NoticeDelivered",
    ]
    assert [seq for _, seq in about] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_restart_in_the_middle_loses_nothing_and_keeps_the_ids(
    office: Office, how: signal.Signals
) -> None:
    office.far.behaviour.set("/webhooks/redisco", Mode.HANG, 0)
    courier = await office.start_courier()
    keys = [ticket() for _ in range(6)]
    for key in keys:
        await office.happens(opened(), assigned("redisco"), key=key)
    for key in keys:
        await office.gets("mail", key, 2)
    owed = {
        document["ticket_id"]: document["_id"]
        for document in await office.outbox(kind="webhook", open=True)
    }
    assert owed.keys() == set(keys)
    code = await office.end(courier, how)
    assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    office.far.behaviour.set("*", Mode.OK, 0)
    await office.start_courier()
    for key in keys:
        (hook,) = await office.gets("webhook", key)
        assert hook["id"] == owed[key]
    await eventually(lambda: nothing_left_to_say(office, 18), what="all outcomes said")
    mails = [mail["id"] for mail in office.far.receipts.since(0, "mail")]
    assert len(set(mails)) == 12
    assert how is signal.SIGKILL or len(mails) == 12, (
        "only a kill between send and record may send again, under the same Message-ID"
    )
    for notice in owed.values():
        seqs = list(dict.fromkeys(fact.seq for fact in await office.said() if fact.key == notice))
        assert seqs == list(range(1, len(seqs) + 1))


async def test_what_is_not_sent_is_said_with_the_reason(office: Office) -> None:
    await office.start_courier()
    key = ticket()
    reply = ReplyAdded(
        at=now(),
        by="premium@example.com",
        policy={},
        author="premium@example.com",
        side="customer",
        audience=Audience.EVERYONE,
        via=Via.EMAIL,
        body="I am out of office",
        automatic=True,
        status="open",
        subject="S",
        requester="premium@example.com",
        participants=("premium@example.com",),
        provider="redisco",
        priority=Priority.NORMAL,
    )
    await office.happens(reply, key=key)
    await eventually(lambda: nothing_left_to_say(office, 2), what="both said")
    said = await office.said()
    assert {(fact.type, fact.notice_kind) for fact in said} == {
        ("NoticeSuppressed", "mail"),
        ("NoticeSuppressed", "webhook"),
    }
    assert all("machine" in fact.reason for fact in said)
    assert not office.far.receipts.since(0)


async def test_a_record_nobody_can_read_is_a_dead_letter_and_the_rest_goes_on(
    office: Office,
) -> None:
    key = ticket()
    broken = record_for("tickets", opened(), "router")._replace(
        key=key, value=b'{"type": "PrioritySet"}'
    )
    await office.producer.send(broken)
    await office.happens(opened(), key=key)
    await office.start_courier()
    await office.gets("mail", key)
    reader = Reader(office.bootstrap, office.prefix)
    await reader.start()
    ends = await reader.ends([("dead-letters", p) for p in range(4)])
    await reader.stop()
    assert sum(ends.values()) == 1


async def test_mongodb_lost_repeats_nothing_and_forgets_nothing(office: Office) -> None:
    office.far.behaviour.set("/webhooks/redisco", Mode.ERROR, 0)
    courier = await office.start_courier()
    delivered, waiting = ticket(), ticket()
    await office.happens(opened(), key=delivered)
    await office.happens(assigned("redisco"), key=waiting)
    await office.gets("mail", delivered)
    await office.gets("mail", waiting)
    (left,) = await eventually(
        lambda: office.outbox(phase="waiting"), what="one waits for its second try"
    )
    await eventually(lambda: nothing_left_to_say(office, 2), what="both mails said")
    await office.end(courier, signal.SIGKILL)
    await office.store.drop()
    office.far.behaviour.set("*", Mode.OK, 0)
    await office.start_courier()
    (hook,) = await office.gets("webhook", waiting)
    assert hook["id"] == left["_id"]
    after = ticket()
    await office.happens(opened(), key=after)
    await office.gets("mail", after)
    assert len(office.far.receipts.since(0, "mail")) == 3
    assert len(office.far.receipts.since(0, "webhook")) == 1
