"""Bootstrap of the demo: publish its directory and the policies before anybody can ask intake to.

Topics `directory` and `policies` have one author, intake. Here an operator writes them in intake's
name while no admin account exists yet that intake could authenticate (the first admin has to come
from somewhere): the events carry the source `intake` and no actor. What stands there equal already
is left alone, so seeding twice changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

import orjson
from argon2 import PasswordHasher

from deploy.demo.directory import PASSWORD, SINK, DemoDocument, documents, policies
from shared import ids
from shared.bus import Producer, Reader, Record, record_for
from shared.events import DirectoryRecorded, PolicyPublished
from shared.people import demo_origin

AUTHOR = "intake"
_HASHER = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
"""Cheap on purpose: the demo's password is published, and eighteen careful hashes would make its
start wait.
"""


async def seed(
    bootstrap: str, prefix: str, sink_url: str = SINK, *, keep: Collection[str] = ()
) -> int:
    """Publish what is not there yet; the number of documents published. `sink_url` is where the
    demo's providers and phones are. A policy in `keep` stays as it is, once it stands.

    Raises Unavailable. The topics must exist.
    """
    reader, producer = (
        Reader(bootstrap, prefix, client_id="seed"),
        Producer(bootstrap, prefix, "seed"),
    )
    await reader.start()
    try:
        # What is there already is left alone, so that seeding may be repeated at each start.
        known, versions = await _read_present(reader)
        at = datetime.now(UTC)
        # In a thread: hashing the passwords takes its time.
        wanted = await asyncio.to_thread(
            lambda: [*documents(sink_url), *credentials(documents(sink_url))]
        )
        records = [
            _make_record(document, at)
            for document in wanted
            if known.get((document.kind, document.id)) != document.body
        ]
        for name, body in policies(sink_url).items():
            version, standing = versions.get(name, (0, None))
            # A policy that people have changed since is only kept where the caller says so.
            if standing != body and not (standing and name in keep):
                published = PolicyPublished(
                    id=ids.derive("pol", name, str(version + 1)),
                    key=name,
                    at=at,
                    version=version + 1,
                    document=body,
                    note="demo",
                )
                records.append(record_for("policies", published, AUTHOR))
        await producer.send_many(records)
        return len(records)
    finally:
        await producer.stop()
        await reader.stop()


def credentials(known: Iterable[DemoDocument]) -> list[DemoDocument]:
    """A password for every account. The salt is derived from the address, so that seeding again
    finds the same document.
    """
    accounts = [document.id for document in known if document.kind == "accounts"]
    # From the address: the same document at every start. Fine for a published password only.
    salts = {email: hashlib.sha256(email.encode()).digest()[:16] for email in accounts}
    return [
        DemoDocument(
            "credentials",
            email,
            demo_origin.mark({"password_hash": _HASHER.hash(PASSWORD, salt=salts[email])}),
        )
        for email in accounts
    ]


def _make_record(document: DemoDocument, at: datetime) -> Record:
    key = f"{document.kind}:{document.id}"
    body = orjson.dumps(document.body, option=orjson.OPT_SORT_KEYS).decode()
    event = DirectoryRecorded(
        id=ids.derive("dir", key, body, at.isoformat()),
        key=key,
        at=at,
        kind=document.kind,
        doc_id=document.id,
        document=document.body,
    )
    return record_for("directory", event, AUTHOR)


async def _read_present(
    reader: Reader,
) -> tuple[dict[tuple[str, str], object], dict[str, tuple[int, object]]]:
    """The directory's documents by (kind, id), and of every policy its newest version (first in the
    log wins) and document.
    """
    starts = {
        (topic, partition): 0
        for topic in ("directory", "policies")
        for partition in range(await reader.partitions(topic))
    }
    known: dict[tuple[str, str], object] = {}
    versions: dict[str, tuple[int, object]] = {}
    async for messages in reader.read_to_end(starts):
        for message in messages:
            # A tombstone: the document is gone.
            if not message.value:
                kind, _, doc_id = message.key.partition(":")
                known.pop((kind, doc_id), None)
            elif message.topic == "directory":
                recorded = DirectoryRecorded.read(message.value)
                known[recorded.kind, recorded.doc_id] = recorded.document
            else:
                policy = PolicyPublished.read(message.value)
                if policy.version > versions.get(policy.key, (0, None))[0]:
                    versions[policy.key] = (policy.version, policy.document)
    return known, versions
