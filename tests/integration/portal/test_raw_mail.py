"""A mail as it came: what exists is never 404, also while its bytes are somewhere else still."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.portal.mail.reads import MailReads
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role, Via
from shared.files import open_old
from shared.storage.store import Store

pytestmark = pytest.mark.integration

AGENT = Actor(email="agent@example.com", name="A", roles=(Role.AGENT,), via=Via.WEB)
CUSTOMER = Actor(email="premier@example.com", name="P", roles=(Role.REQUESTER,), via=Via.WEB)
DIGEST, BLOB = "a" * 64, "b" * 64
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"test-raw-{secrets.token_hex(4)}")
    try:
        yield made
    finally:
        await made.drop()
        made.close()


async def receipt(store: Store, **fields: object) -> None:
    document = {"_id": DIGEST, "blob": BLOB, "order_key": "1", "received_at": NOW.isoformat()}
    await store["mail"].insert({**document, **fields})


async def test_the_bytes_once_they_are_there(store: Store) -> None:
    await receipt(store)
    await store.bucket("blobs").put(BLOB, b"Subject: Hi\r\n\r\nHi")
    assert (
        await MailReads(store, open_old(store)).raw(AGENT, DIGEST, NOW) == b"Subject: Hi\r\n\r\nHi"
    )
    assert await MailReads(store, open_old(store)).raw(CUSTOMER, DIGEST, NOW) is None


@pytest.mark.parametrize("blob", [BLOB, ""])
async def test_bytes_on_intakes_disk_are_not_said_to_be_missing(store: Store, blob: str) -> None:
    await receipt(store, blob=blob)
    with pytest.raises(Unavailable, match="still on intake's disk"):
        await MailReads(store, open_old(store)).raw(AGENT, DIGEST, NOW + timedelta(minutes=5))


async def test_a_receipt_that_is_not_read_yet_is_not_said_to_be_missing(store: Store) -> None:
    """The view may read what became of a message before its receipt."""
    await receipt(store, order_key="")
    with pytest.raises(Unavailable, match="receipt"):
        await MailReads(store, open_old(store)).raw(AGENT, DIGEST, NOW)
    with pytest.raises(Unavailable, match="receipt"):
        await MailReads(store, open_old(store)).message(AGENT, DIGEST)


async def test_bytes_that_were_erased_are_gone(store: Store) -> None:
    await receipt(store)
    with pytest.raises(Refused) as refusal:
        await MailReads(store, open_old(store)).raw(AGENT, DIGEST, NOW + timedelta(days=2))
    assert refusal.value.status == 410


@pytest.mark.parametrize("digest", ["c" * 64, "x", "", "../etc"])
async def test_what_nobody_wrote_of_is_not_there(store: Store, digest: str) -> None:
    assert await MailReads(store, open_old(store)).raw(AGENT, digest, NOW) is None
    assert await MailReads(store, open_old(store)).message(AGENT, digest) is None
