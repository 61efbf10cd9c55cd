"""One suite for every home of files: a folder, a MongoDB database of its own, object storage
(moto's server speaks the S3 API), and what earlier releases left behind the views.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import boto3
import orjson
import pytest
from moto.server import ThreadedMotoServer

from cli.files import move_all
from shared.errors import Unavailable
from shared.files import FileHome, HomeWithOld, open_old
from shared.files.address import ObjectsAt
from shared.files.database import DatabaseHome
from shared.files.folder import FolderHome
from shared.files.objects import ObjectsHome
from shared.storage.store import Store

pytestmark = pytest.mark.integration

SMALL, LARGE = ("a" * 64, b"small"), ("b" * 64, bytes(range(256)) * 20_000)
DESCRIPTION = {"_id": "att_" + "a" * 26, "blob": "a" * 64, "name": "ä.txt", "by": "ann@x.example"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The endpoint of an S3 server in this process, with the bucket `desk`."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    ).create_bucket(Bucket="desk")
    yield endpoint
    server.stop()


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    """A database of the test's own, and one beside it for files."""
    made = Store(mongodb_uri, f"homes-{secrets.token_hex(4)}")
    beside = Store(mongodb_uri, f"{made.database.name}-files")
    yield made
    for each in (made, beside):
        await each.drop()
        each.close()


@pytest.fixture(params=["folder", "database", "objects"])
async def home(
    request: pytest.FixtureRequest, tmp_path: Path, mongodb_uri: str, store: Store, s3: str
) -> AsyncIterator[FileHome]:
    made: FileHome
    if request.param == "folder":
        made = FolderHome(tmp_path / "files")
    elif request.param == "database":
        made = DatabaseHome(mongodb_uri, f"{store.database.name}-files")
    else:
        at = ObjectsAt("desk", f"{secrets.token_hex(4)}/", s3, "us-east-1")
        made = ObjectsHome(at, "key", "secret")
    yield made
    await made.close()


async def names(home: FileHome) -> list[str]:
    return sorted([entry.name async for entry in home.entries()])


async def test_what_is_put_is_there_once_whole_and_until_it_is_deleted(home: FileHome) -> None:
    assert await names(home) == []
    for _ in range(2):
        await home.put_many([SMALL, LARGE])
    for name, raw in (SMALL, LARGE):
        assert await home.get(name) == raw
        pieces = await home.stream(name)
        assert pieces is not None
        assert b"".join([piece async for piece in pieces]) == raw
        assert await home.has(name)
    assert sorted([entry async for entry in home.entries()]) == [
        (name, len(raw)) for name, raw in (SMALL, LARGE)
    ]
    assert await home.delete(SMALL[0])
    assert not await home.delete(SMALL[0])
    assert await names(home) == [LARGE[0]]
    assert await home.get(SMALL[0]) is None
    assert await home.stream(SMALL[0]) is None
    assert not await home.has(SMALL[0])
    assert await home.unready() is None


async def test_a_file_is_replaced(home: FileHome) -> None:
    for raw in (b"unscanned", b"clean"):
        await home.replace("att_x", raw)
        assert await home.get("att_x") == raw
    assert await names(home) == ["att_x"]


async def test_what_earlier_releases_left_is_read_and_moved(home: FileHome, store: Store) -> None:
    old = open_old(store)
    await store.bucket("blobs").put(*SMALL)
    await store["attachments"].insert(dict(DESCRIPTION))
    both = HomeWithOld(home, old)
    assert await both.get(SMALL[0]) == SMALL[1]
    assert orjson.loads(await both.get(DESCRIPTION["_id"]) or b"") == DESCRIPTION
    await both.put_many([LARGE])
    assert await names(home) == [LARGE[0]], "what is new goes home"

    assert await move_all(old, home) == 2
    assert await move_all(old, home) == 0, "once more moves nothing"
    assert await store.collections() == []
    assert await names(home) == sorted([SMALL[0], LARGE[0], DESCRIPTION["_id"]])
    assert await both.get(SMALL[0]) == SMALL[1]
    assert orjson.loads(await both.get(DESCRIPTION["_id"]) or b"") == DESCRIPTION


async def test_object_storage_that_is_away_or_refuses_is_named(s3: str) -> None:
    for at in (ObjectsAt("desk", "", "http://127.0.0.1:9"), ObjectsAt("no-such", "", s3)):
        home = ObjectsHome(at, "key", "a-secret-key")
        with pytest.raises(Unavailable) as refused:
            await home.put_many([SMALL])
        assert at.bucket in str(refused.value)
        assert "a-secret-key" not in str(refused.value)
