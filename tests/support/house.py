"""A customer's life in a whole running system, on topics, a database and a folder of the test's
own: for tests of what becomes of all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from cli.erase.command import ErasureOrder, ErasureSummary, run
from cli.erase.person import pseudonym_of
from cli.settings import CommandSettings
from shared.bus import Admin
from shared.bus.rewriting import Rewriting
from tests.support.desk import Desk, FarEnd, Person
from tests.support.mails import attached
from tests.support.posting import MailDesk, Post, written
from tests.support.stack import Stack
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
FIELDS = (
    "users_affected",
    "business_impact",
    "steps_to_reproduce",
    "seen_in_staging",
    "staging_differences",
    "began_at",
    "logs",
    "configuration",
)


@dataclass
class House:
    """Topics, a database and a data directory of the test's own, on the engines that are there.
    `files_at`: where files are kept; empty: in a database of their own.
    """

    kafka: str
    mongodb: str
    data: Path
    name: str = field(default_factory=lambda: f"house{secrets.token_hex(4)}")
    files_at: str = ""

    @property
    def env(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "MONGODB_URI": self.mongodb,
            "SIGNALBOX_TOPIC_PREFIX": f"{self.name}-",
            "SIGNALBOX_MONGODB_DATABASE": self.name,
            "SIGNALBOX_DATA_DIR": str(self.data),
            "SIGNALBOX_TOPIC_PARTITIONS": "2",
            "SIGNALBOX_FILES": self.files_at,
        }

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")
        }
        command = [sys.executable, "-m", "cli.main", *arguments, "--json"]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**clean, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        """The JSON that the command prints."""
        process = self.begun(*arguments)
        out, err = process.communicate(timeout=180)
        assert process.returncode == expect, (
            f"{arguments}: {process.returncode} {out[-3000:]} {err[-3000:]}"
        )
        return dict(json.loads(out))

    @property
    def settings(self) -> CommandSettings:
        """What the command reads from that environment."""
        return CommandSettings(
            kafka_bootstrap_servers=self.kafka,
            mongodb_uri=self.mongodb,
            mongodb_database=self.name,
            topic_prefix=f"{self.name}-",
            data_dir=self.data,
            files=self.files_at,
        )

    def erases(
        self, address: str, *, dry_run: bool = False, patience: float = 20
    ) -> ErasureSummary:
        """The command's work, in this process. Raises what it refuses with."""
        secret = (self.data / "secret").read_text().strip()
        return asyncio.run(
            run(
                self.settings,
                ErasureOrder(address, pseudonym_of(address, secret), "the test", dry_run, patience),
            )
        )

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
                    found += [
                        (
                            topic,
                            b"\0".join(
                                (raw.key or b"", raw.value or b"", repr(raw.headers).encode())
                            ),
                        )
                        for raw in raws
                    ]
            return found

        return list(self.asked(read))

    def documents(self) -> list[tuple[str, bytes]]:
        with MongoClient[dict[str, Any]](self.mongodb, serverSelectionTimeoutMS=5000) as client:
            found = []
            for database in (client[self.name], client[f"{self.name}-files"]):
                for name in database.list_collection_names():
                    for document in database[name].find():
                        raw = [value for value in document.values() if isinstance(value, bytes)]
                        found.append((name, b"\0".join((repr(document).encode(), *raw))))
            return found

    def files(self) -> list[tuple[str, bytes]]:
        return [(str(path), path.read_bytes()) for path in self.data.rglob("*") if path.is_file()]

    def leaks(self, planted: dict[str, str]) -> list[str]:
        places = [*self.records(), *self.documents(), *self.files()]
        return sorted(
            {
                f"{what} in {where}"
                for where, raw in places
                for what, text in planted.items()
                if text.lower().encode() in raw.lower()
            }
        )

    def clear(self) -> None:
        async def gone() -> None:
            async with Admin(self.kafka, f"{self.name}-") as admin:
                await admin.delete_all()

        asyncio.run(gone())
        with MongoClient[dict[str, Any]](self.mongodb, serverSelectionTimeoutMS=5000) as client:
            for name in (self.name, f"{self.name}-files"):
                client.drop_database(name)


@dataclass
class Lives:
    """What happened before: whose ticket is whose, and every string that must not be found
    afterwards.
    """

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
    """One customer does everything a customer can; another has a ticket of his own that she takes
    part in.
    """
    desk, far_end, post = Desk(stack), FarEnd(stack.sink), Post(stack)
    ann, bob = desk.new_customer("premier"), desk.new_customer("premium")
    planted = {"address": ann.email, "name": f"Zerlina Quidnunc{secrets.token_hex(3)}"}

    def plant(place: str) -> str:
        return planted.setdefault(place, f"plant{secrets.token_hex(6)}")

    account = {
        "email": ann.email,
        "name": planted["name"],
        "plan": "premier",
        "roles": ["requester"],
    }
    desk._put(f"accounts/{ann.email}", account)
    desk._put(
        f"apps/{ann.name}-app",
        {
            "name": f"{ann.name}-app",
            "owner": ann.email,
            "collaborators": [],
            "stage": "production",
            "addons": ["redisco"],
        },
    )
    uploaded = ann.call(
        "POST",
        "/v1/attachments",
        params={"name": f"{plant('file-name')}.txt"},
        content=plant("file").encode(),
    )
    assert uploaded.status_code in (200, 201), uploaded.text
    paged = ann.submits(
        f"Redis is down {plant('subject')}",
        f"It says {plant('body')}, says {planted['name']}. H12 in the logs.",
        app=f"{ann.name}-app",
        addon="redisco",
        priority="urgent",
        attachments=[uploaded.json()["id"]],
        urgent={
            **{each: plant(each) for each in FIELDS},
            "third_party_services": [plant("service")],
        },
    )
    far_end.gets(paged, "page", to="primary", within=60)
    became(ann, ann.replies(paged, f"More: {plant('reply')}"))
    became(
        desk.agent,
        desk.agent.replies(
            paged, f"Dear {planted['name']} <{ann.email.upper()}>, we look into it."
        ),
    )
    became(desk.agent, desk.agent.replies(paged, "It is our fault."))

    subject = f"Locked out {plant('mail-subject')}"
    raw = written(
        f"{planted['name']} <{ann.email}>",
        subject,
        "",
        headers={
            "MIME-Version": "1.0",
            "Content-Type": "multipart/mixed; boundary=frontier",
        },
    )
    text = f"Content-Type: text/plain\r\n\r\nApp: {ann.name}-app\r\n\r\n{plant('mail-body')}\r\n".encode()
    part = attached(plant("mail-file").encode(), f"{plant('mail-file-name')}.txt", "text/plain")
    post.sends(
        raw
        + b"".join(b"--frontier\r\n%s\r\n" % each for each in (text, part))
        + b"--frontier--\r\n",
        ann.email,
    )
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
    httpx.post(
        f"{stack.portal}/v1/subscriptions", json={"email": ann.email}, timeout=15
    ).raise_for_status()
    eventually(
        lambda: [m for m in far_end.got("mail", to=ann.email) if "Confirm" in m["subject"]],
        within=60,
        what="her subscription",
    )
    return Lives(ann, bob, paged, mailed, bobs, planted)
