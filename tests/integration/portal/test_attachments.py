"""Who may fetch an attachment: who may see what names it, and before that its uploader alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from services.portal.tickets.attachments import attachment, describe_attachments, download
from shared.errors import Unavailable
from shared.events import Actor, Role, Via
from shared.files import Descriptions, open_old
from shared.storage.store import Store

pytestmark = pytest.mark.integration

OPENED, REPLIED, NOTED, UNUSED = (f"att_{letter * 26}" for letter in "abcd")
CUSTOMER = Actor(email="premier@example.com", name="P", roles=(Role.REQUESTER,), via=Via.WEB)
STRANGER = Actor(email="stranger@example.com", name="S", roles=(Role.REQUESTER,), via=Via.WEB)
AGENT = Actor(email="agent@example.com", name="A", roles=(Role.AGENT,), via=Via.WEB)
PROVIDER = Actor(
    email="redisco@example.com", name="R", roles=(Role.PROVIDER,), provider="redisco", via=Via.WEB
)


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    """A ticket of the customer's, with the provider redisco; a file in it, in a reply for staff and
    provider, in a note, and one unused.
    """
    made = Store(mongodb_uri, f"test-att-{secrets.token_hex(4)}")
    for name, by in ((OPENED, CUSTOMER), (REPLIED, AGENT), (NOTED, AGENT), (UNUSED, CUSTOMER)):
        document = {
            "_id": name,
            "blob": "f" * 64,
            "name": "ä log.svg",
            "type": "image/svg+xml",
            "size": 5,
            "by": by.email,
            "scan": "clean",
        }
        await made["attachments"].insert(document)  # as earlier releases kept it
    ticket = {
        "_id": "tkt_1",
        "opened_key": "1",
        "requester": CUSTOMER.email,
        "participants": [CUSTOMER.email],
        "provider": "redisco",
    }
    await made["tickets"].insert(ticket)
    said = (
        ("TicketOpened", None, OPENED),
        ("ReplyAdded", "provider", REPLIED),
        ("NoteAdded", None, NOTED),
    )
    for place, (kind, audience, name) in enumerate(said):
        fact = {
            "_id": str(place),
            "ticket": "tkt_1",
            "type": kind,
            "audience": audience,
            "data": {"attachments": [name]},
        }
        await made["timeline"].insert(fact)
    try:
        yield made
    finally:
        await made.drop()
        made.close()


def described_in(store: Store) -> Descriptions:
    return Descriptions(open_old(store))


async def seen(store: Store, actor: Actor) -> list[str]:
    return [
        name
        for name in (OPENED, REPLIED, NOTED, UNUSED)
        if await attachment(store, described_in(store), actor, name) is not None
    ]


async def test_as_the_ticket_allows(store: Store) -> None:
    assert await seen(store, CUSTOMER) == [OPENED, UNUSED]
    assert await seen(store, PROVIDER) == [OPENED, REPLIED]
    assert await seen(store, AGENT) == [OPENED, REPLIED, NOTED]
    assert await seen(store, STRANGER) == []
    assert await attachment(store, described_in(store), AGENT, "../x") is None


async def test_a_provider_whose_ticket_was_taken_away_sees_nothing_at_once(store: Store) -> None:
    await store["tickets"].update({"_id": "tkt_1"}, {"$set": {"provider": None}})
    assert await seen(store, PROVIDER) == []


async def test_it_is_a_download_and_nothing_else(store: Store) -> None:
    found = await attachment(store, described_in(store), CUSTOMER, OPENED)
    assert found is not None
    with pytest.raises(Unavailable):
        await download(open_old(store), found)
    await store.bucket("blobs").put("f" * 64, b"<svg>")
    answer = await download(open_old(store), found)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"]
        == "attachment; filename=\"__log.svg\"; filename*=UTF-8''%C3%A4%20log.svg"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    pieces = [piece async for piece in answer.body_iterator]  # type: ignore[attr-defined]
    assert b"".join(pieces) == b"<svg>"


async def test_what_is_not_stored_yet_is_listed_without_a_name(store: Store) -> None:
    known = await describe_attachments(
        described_in(store), [{"data": {"attachments": [OPENED, "att_" + "z" * 26]}}, {"data": {}}]
    )
    assert known[OPENED]["name"] == "ä log.svg"
    assert known["att_" + "z" * 26] == {
        "id": "att_" + "z" * 26,
        "name": None,
        "type": None,
        "size": None,
        "scan": None,
        "has_preview": False,
    }


async def test_what_a_ticket_names_and_is_not_stored_yet_is_not_said_to_be_missing(
    store: Store,
) -> None:
    """Intake answers before MongoDB has the file: who may have it is told to come again."""
    await store["attachments"].delete({"_id": OPENED})
    with pytest.raises(Unavailable, match="still on intake's disk"):
        await attachment(store, described_in(store), CUSTOMER, OPENED)
    assert await attachment(store, described_in(store), STRANGER, OPENED) is None, (
        "and nobody else learns of it"
    )
