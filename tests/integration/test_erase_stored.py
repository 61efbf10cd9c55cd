"""MongoDB without a person: what was theirs goes, what was owed to them is given up and says so,
the views are dropped.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from cli.erase.person import PersonToErase
from cli.erase.stored import GIVEN_UP, blobs_of, drop_views, sweep
from services.notifier.courier.ledger import OwedNotice, document_of
from services.notifier.courier.recorder import to_keep
from shared.files import FileHome, HomeWithOld, open_old
from shared.files.folder import FolderHome
from shared.storage.store import Store

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 3, 15, tzinfo=UTC)
ANN = PersonToErase(
    address="ann@shop.example",
    pseudonym="erased-0123456789",
    names=frozenset({"Ann Archer"}),
    tickets=frozenset({"tkt_ann"}),
    blobs=frozenset({"mail", "shared"}),
    attachments=frozenset({"att_1"}),
)


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"erase-{secrets.token_hex(4)}", timeout_ms=10_000)
    yield made
    await made.drop()
    made.close()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[FileHome]:
    made = FolderHome(tmp_path / "files")
    yield made
    await made.close()


def notice(name: str, to: str, ticket: str) -> dict[str, object]:
    owed = OwedNotice(
        name,
        "fct_1",
        ticket,
        "mail",
        to,
        "ticket-received",
        "mail",
        {"subject": "Her words", "to_name": "Ann Archer"},
        "",
        NOW,
    )
    document, facts = document_of(owed)
    return {**document, "owner": "courier-0#1", "unsaid": to_keep(facts, None)}


async def filled(store: Store, home: FileHome) -> None:
    for email in (ANN.address, "bob@shop.example"):
        await store["sessions"].insert({"_id": f"s-{email}", "email": email})
    for document in (
        notice("ntc_to", "Ann@shop.example", "tkt_bob"),
        notice("ntc_about", "bob@shop.example", "tkt_ann"),
    ):
        await store["outbox"].insert(document)
    await store["outbox"].insert(notice("ntc_other", "bob@shop.example", "tkt_bob"))
    for name, by, blob in (
        ("att_1", ANN.address, "hers"),
        ("att_2", ANN.address, "both"),
        ("att_3", "bob@shop.example", "both"),
    ):
        about = {"_id": name, "by": by, "blob": blob, "name": "Ann Archer.txt"}
        if name == "att_2":
            await home.replace(name, orjson.dumps(about))
        else:
            await store["attachments"].insert(about)  # as earlier releases kept it
    await home.put_many([(name, name.encode()) for name in ("hers", "both")])
    for name in ("mail", "hers", "bobs"):
        await store.bucket("blobs").put(name, name.encode())
    await store["fanouts"].insert(
        {"_id": "fct_2", "fact": orjson.dumps({"by": ANN.address}), "note": "for Ann Archer"}
    )
    for view in ("tickets", "positions", "mail_counts", "rebuilt.tickets"):
        await store[view].insert({"_id": "x", "by": ANN.address})


async def test_what_is_theirs_goes_and_what_is_others_stays(store: Store, home: FileHome) -> None:
    await filled(store, home)
    places = (home, open_old(store))
    person = ANN.model_copy(update={"blobs": ANN.blobs | await blobs_of(places, ANN)})
    counted = await sweep(store, places, person, NOW, dry_run=True)
    assert await store["sessions"].count({}) == 2, "a dry run changes nothing"
    found = await sweep(store, places, person, NOW)
    assert (
        found == counted == {"sessions": 1, "outbox": 3, "attachments": 3, "blobs": 2, "fanouts": 1}
    )
    assert [one["email"] for one in await store["sessions"].find({})] == ["bob@shop.example"]
    (bobs,) = await store["attachments"].find({})
    assert (bobs["_id"], bobs["name"]) == ("att_3", "erased-0123456789.txt"), "her name is not"
    assert [entry.name async for entry in home.entries()] == ["both"]
    files = HomeWithOld(*places)
    kept = await asyncio.gather(*(files.get(name) for name in ("mail", "hers", "both", "bobs")))
    assert kept == [None, None, b"both", b"bobs"], "the same bytes are Bob's too"
    (fan_out,) = await store["fanouts"].find({})
    assert (orjson.loads(fan_out["fact"])["by"], fan_out["note"]) == (
        ANN.stand_in,
        "for erased-0123456789",
    )

    assert await drop_views(store) == 4
    assert not {"tickets", "positions", "mail_counts", "rebuilt.tickets"} & set(
        await store.collections()
    )
    assert not await sweep(store, places, person, NOW), "once more changes nothing"


async def test_a_notice_that_was_owed_is_given_up_and_says_why(
    store: Store, home: FileHome
) -> None:
    await filled(store, home)
    await sweep(store, (home, open_old(store)), ANN, NOW)
    for name in ("ntc_to", "ntc_about"):
        left = await store["outbox"].find_one({"_id": name})
        assert left is not None
        assert "open" not in left
        assert "body" not in left
        assert (left["phase"], left["reason"]) == ("failed", GIVEN_UP)
        said = [orjson.loads(one["value"]) for one in left["unsaid"]]
        assert [fact["type"] for fact in said] == ["NoticeOwed", "NoticeAttempted", "NoticeFailed"]
        assert (said[-1]["reason"], said[-1]["retry_at"]) == (GIVEN_UP, None)
        assert "Ann" not in repr(left)
    other = await store["outbox"].find_one({"_id": "ntc_other"})
    assert other is not None
    assert other["open"]
    assert other["body"] == {"subject": "Her words", "to_name": "erased-0123456789"}, (
        "not hers: what others wrote loses her name alone"
    )
