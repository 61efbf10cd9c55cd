"""A person is erased from a whole running system, the command killed at every stage: nothing of them is left, everything else goes on."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from cli.erase.command import Asked, NotNow, Told, run
from cli.erase.course import STAGE, course
from cli.erase.person import pseudonym_of
from cli.settings import CommandSettings
from shared.bus import Admin, Producer, Record
from shared.bus.rewriting import Rewriting
from shared.errors import Unavailable
from shared.topics import ERASING
from tests.support.desk import Desk, FarEnd, Person
from tests.support.mails import attached
from tests.support.posting import MailDesk, Post, written
from tests.support.stack import Stack, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
LEFT_OUT = "auditor,pulse,status"
"""They say nothing that is asked for here."""
FIELDS = (
    "users_affected", "business_impact", "steps_to_reproduce", "seen_in_staging", "staging_differences", "began_at", "logs", "configuration"
)  # fmt: skip


@dataclass
class House:
    """Topics, a database and a data directory of the test's own, on the engines that are there."""

    kafka: str
    mongodb: str
    data: Path
    name: str = field(default_factory=lambda: f"erase{secrets.token_hex(4)}")

    @property
    def env(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka, "MONGODB_URI": self.mongodb, "SIGNALBOX_TOPIC_PREFIX": f"{self.name}-",
            "SIGNALBOX_MONGODB_DATABASE": self.name, "SIGNALBOX_DATA_DIR": str(self.data), "SIGNALBOX_TOPIC_PARTITIONS": "2",
        }  # fmt: skip

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        command = [sys.executable, "-m", "cli.main", *arguments, "--json"]
        return subprocess.Popen(command, cwd=ROOT, env={**clean, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """The JSON that the command prints."""
        process = self.begun(*arguments)
        out, err = process.communicate(timeout=180)
        assert process.returncode == expect, f"{arguments}: {process.returncode} {out[-3000:]} {err[-3000:]}"
        return dict(json.loads(out))

    def erases(self, address: str, *, dry_run: bool = False, patience: float = 20) -> Told:
        """The command's work, in this process. Raises what it refuses with."""
        settings = CommandSettings(
            kafka_bootstrap_servers=self.kafka, mongodb_uri=self.mongodb, mongodb_database=self.name, topic_prefix=f"{self.name}-",
            data_dir=self.data,
        )  # fmt: skip
        secret = (self.data / "secret").read_text().strip()
        return asyncio.run(run(settings, Asked(address, pseudonym_of(address, secret), "the test", dry_run, patience)))

    def killed(self, *arguments: str, when: Callable[[], bool]) -> None:
        """The command, ended by SIGKILL as soon as the condition holds."""
        process = self.begun(*arguments)
        end = time.monotonic() + 120
        while not when():
            assert process.poll() is None, f"it ended by itself: {process.communicate()}"
            assert time.monotonic() < end
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    def asked(self, work: Callable[[Rewriting], Any]) -> Any:
        async def ask() -> Any:
            async with Rewriting(self.kafka, f"{self.name}-") as kafka:
                return await work(kafka)

        return asyncio.run(ask())

    def records(self) -> list[tuple[str, bytes]]:
        """(topic, everything of a record) of every topic of ours."""

        async def read(kafka: Rewriting) -> list[tuple[str, bytes]]:
            found = []
            for topic in await kafka.topics():
                async for _, raws in kafka.read(topic, (await kafka.shape(topic)).bounds):
                    found += [(topic, b"\0".join((raw.key or b"", raw.value or b"", repr(raw.headers).encode()))) for raw in raws]
            return found

        return list(self.asked(read))

    def documents(self) -> list[tuple[str, bytes]]:
        with MongoClient[dict[str, Any]](self.mongodb, serverSelectionTimeoutMS=5000) as client:
            found = []
            for name in client[self.name].list_collection_names():
                for document in client[self.name][name].find():
                    raw = [value for value in document.values() if isinstance(value, bytes)]
                    found.append((name, b"\0".join((repr(document).encode(), *raw))))
            return found

    def files(self) -> list[tuple[str, bytes]]:
        return [(str(path), path.read_bytes()) for path in self.data.rglob("*") if path.is_file()]

    def leaks(self, planted: dict[str, str]) -> list[str]:
        places = [*self.records(), *self.documents(), *self.files()]
        return sorted(
            {f"{what} in {where}" for where, raw in places for what, text in planted.items() if text.lower().encode() in raw.lower()}
        )

    def clear(self) -> None:
        async def gone() -> None:
            async with Admin(self.kafka, f"{self.name}-") as admin:
                await admin.delete_all()

        asyncio.run(gone())
        with MongoClient[dict[str, Any]](self.mongodb, serverSelectionTimeoutMS=5000) as client:
            client.drop_database(self.name)


@pytest.fixture
def house(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> Iterator[House]:
    made = House(kafka_bootstrap, mongodb_uri, tmp_path / "data")
    yield made
    made.clear()


@dataclass
class Lives:
    """What happened before: whose ticket is whose, and every string that must not be found afterwards."""

    ann: Person
    bob: Person
    paged: str
    mailed: str
    bobs: str
    planted: dict[str, str]


def became(person: Person, said: dict[str, Any]) -> None:
    """Decided, and not refused; patient, since two stacks may share this machine."""

    def decided() -> bool:
        answer = person.call("GET", f"/v1/requests/{said['request_id']}")
        return answer.status_code == 200 and answer.json()["state"] == "done"

    eventually(decided, within=60, what=f"request {said['request_id']} done")


def live(stack: Stack) -> Lives:
    """One customer does everything a customer can; another has a ticket of his own that she takes part in."""
    desk, far_end, post = Desk(stack), FarEnd(stack.sink), Post(stack)
    ann, bob = desk.new_customer("premier"), desk.new_customer("premium")
    planted = {"address": ann.email, "name": f"Zerlina Quidnunc{secrets.token_hex(3)}"}

    def plant(place: str) -> str:
        return planted.setdefault(place, f"plant{secrets.token_hex(6)}")

    account = {"email": ann.email, "name": planted["name"], "plan": "premier", "roles": ["requester"]}
    desk._put(f"accounts/{ann.email}", account)
    desk._put(
        f"apps/{ann.name}-app",
        {"name": f"{ann.name}-app", "owner": ann.email, "collaborators": [], "stage": "production", "addons": ["redisco"]},
    )
    uploaded = ann.call("POST", "/v1/attachments", params={"name": f"{plant('file-name')}.txt"}, content=plant("file").encode())
    assert uploaded.status_code in (200, 201), uploaded.text
    paged = ann.submits(
        f"Redis is down {plant('subject')}", f"It says {plant('body')}, says {planted['name']}. H12 in the logs.", app=f"{ann.name}-app",
        addon="redisco", priority="urgent", attachments=[uploaded.json()["id"]],
        urgent={**{each: plant(each) for each in FIELDS}, "third_party_services": [plant("service")]},
    )  # fmt: skip
    far_end.gets(paged, "page", to="primary", within=60)
    became(ann, ann.replies(paged, f"More: {plant('reply')}"))
    became(desk.agent, desk.agent.replies(paged, f"Dear {planted['name']} <{ann.email.upper()}>, we look into it."))
    became(desk.agent, desk.agent.replies(paged, "It is our fault."))

    subject = f"Locked out {plant('mail-subject')}"
    raw = written(f"{planted['name']} <{ann.email}>", subject, "", headers={
        "MIME-Version": "1.0", "Content-Type": "multipart/mixed; boundary=frontier",
    })  # fmt: skip
    text = f"Content-Type: text/plain\r\n\r\nApp: {ann.name}-app\r\n\r\n{plant('mail-body')}\r\n".encode()
    part = attached(plant("mail-file").encode(), f"{plant('mail-file-name')}.txt", "text/plain")
    post.sends(raw + b"".join(b"--frontier\r\n%s\r\n" % each for each in (text, part)) + b"--frontier--\r\n", ann.email)
    mailed = str(MailDesk(desk.agent).settles(subject, "ticketed", within=60)["ticket_id"])
    far_end.gets(mailed, "mail", to=ann.email, within=60)

    bobs = bob.submits("Deploys hang", "They hang.", app=f"{bob.name}-app")
    shared = bob.acts(bobs, "share")
    became(bob, shared)
    became(ann, ann.acts(bobs, "join", share_token=shared["url"].rpartition("/")[2]))
    became(ann, ann.replies(bobs, f"Me too: {plant('reply-to-bob')}"))
    solved = ann.submits(f"Small {plant('second-subject')}", "Never mind.", app=f"{ann.name}-app")
    became(desk.agent, desk.agent.acts(solved, "solve", resolution="Done."))
    became(ann, ann.acts(solved, "rate", score=2, comment=plant("comment")))
    httpx.post(f"{stack.portal}/v1/subscriptions", json={"email": ann.email}, timeout=15).raise_for_status()
    eventually(lambda: [m for m in far_end.got("mail", to=ann.email) if "Confirm" in m["subject"]], within=60, what="her subscription")
    return Lives(ann, bob, paged, mailed, bobs, planted)


def test_nothing_is_left_of_a_person_and_everything_else_goes_on(house: House) -> None:
    with running("--without", LEFT_OUT, keep=house.data, env=house.env, auditor=True) as stack:
        lives = live(stack)
        with pytest.raises(NotNow, match="Stop the services first"):
            house.erases(lives.ann.email, patience=0)
    ann, planted = lives.ann, lives.planted
    before = house.leaks(planted)
    assert {leak.partition(" in ")[0] for leak in before} >= planted.keys() - {"file", "mail-file"}, "they were there"

    for name, why in (("primary", "on-call document"), ("admin", "last admin")):
        with pytest.raises(NotNow, match=why):
            house.erases(f"{name}@example.com")
    counted = vars(house.erases(ann.email, dry_run=True))
    assert counted["numbers"]["records"]["requests"] >= 6
    assert house.leaks(planted) == before, "a dry run changes nothing"

    def stage() -> Any:
        return house.asked(course)

    house.killed("erase", ann.email, when=lambda: any(name.startswith(STAGE) for name in house.asked(lambda kafka: kafka.topics())))
    assert stage() is not None
    house.killed("erase", ann.email, when=lambda: (at := stage()) is not None and at.copied is not None and len(at.replaced) >= 2)
    with pytest.raises(Unavailable, match="erasure is under way"):
        asyncio.run(Producer(house.kafka, f"{house.name}-", "late").send(Record("requests", "k", b"v")))
    for address, dry_run, why in ((ann.email, True, "only goes forward"), (lives.bob.email, False, "was begun and not ended")):
        with pytest.raises(NotNow, match=why):
            house.erases(address, dry_run=dry_run)
    house.killed("erase", ann.email, when=lambda: "positions" not in {name for name, _ in house.documents()})
    told = house.run("erase", ann.email)
    assert told["gone_on"]
    assert told["numbers"]["records"] == counted["numbers"]["records"]
    assert house.leaks(planted) == []
    assert not [name for name in house.asked(lambda kafka: kafka.topics()) if name.startswith(ERASING)]
    assert house.erases(ann.email).nothing
    (record,) = [json.loads(raw.split(b"\0")[1]) for topic, raw in house.records() if topic == "erasures"]
    assert (record["pseudonym"], record["records"]) == (told["pseudonym"], counted["numbers"]["records"])

    with running("--without", LEFT_OUT, keep=house.data, env=house.env, auditor=True) as stack:
        desk, far_end = Desk(stack), FarEnd(stack.sink)
        lives.bob.base = stack.portal
        assert ann.client.get(f"{stack.portal}/v1/tickets", headers={"Authorization": f"Bearer {ann.token}"}).status_code == 401
        seen = eventually(lambda: desk.agent.ticket(lives.paged), within=60, what="her ticket, as it was left")
        assert (seen["subject"], seen["requester"]) == ("[erased]", f"{told['pseudonym']}@erased.invalid")
        assert [reply["body"] for reply in seen["replies"]][-1] == "It is our fault."
        assert lives.bob.ticket(lives.bobs)["subject"] == "Deploys hang"
        for ticket in (lives.bobs, lives.paged, lives.mailed):
            became(desk.agent, desk.agent.replies(ticket, "Try it now."))
            became(desk.agent, desk.agent.acts(ticket, "solve", resolution="It works."))
        far_end.gets(lives.bobs, "mail", to=lives.bob.email, within=60)
        carl = desk.new_customer("premier")
        urgent = carl.submits("All is down", "All of it.", app=f"{carl.name}-app", priority="urgent")
        far_end.gets(urgent, "page", to="primary", within=60)
        assert not far_end.got("mail", to="erased"), "nobody is written to at a pseudonym"
        checked = house.run("verify")
        assert checked["erased"] > 5
        assert checked["differences"] == []
        rebuilt = house.run("rebuild")
        assert rebuilt["equal"]
        assert rebuilt["compared"]
    assert house.leaks(planted) == []
