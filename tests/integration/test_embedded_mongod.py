"""The embedded mongod wants its password: a new folder, one from before there was a password, and
one with another secret.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest
from pymongo.errors import OperationFailure, PyMongoError

from cli.up.ports import free_port
from deploy.embedded import mongo
from deploy.embedded.secret import keep_secret
from tests.support.waiting import eventually

pytestmark = pytest.mark.long

UNAUTHORIZED = 13


@contextlib.contextmanager
def running(data: Path, *, guarded: bool = True) -> Iterator[int]:
    port = free_port()
    argv = list(mongo.prepare(cache=data.parent / "cache", data=data, port=port))
    if not guarded:
        at = argv.index("--keyFile")
        del argv[at : at + 2]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            if guarded:
                key = keep_secret(mongo.secret_file(data))
                eventually(lambda: mongo._is_primary(port, key), what="mongod")
            else:
                eventually(lambda: begin_without_password(port), what="mongod")
            yield port
        finally:
            child.terminate()


def begin_without_password(port: int) -> bool:
    with pymongo.MongoClient[dict[str, object]](
        f"127.0.0.1:{port}", directConnection=True, serverSelectionTimeoutMS=1000
    ) as client:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                client["signalbox"]["rows"].insert_one({"by": "the release before"})
                return True
            mongo._configure(client, f"127.0.0.1:{port}")
        except PyMongoError:
            pass
        return False


def rows(port: int, data: Path) -> int:
    with pymongo.MongoClient[dict[str, object]](mongo.uri(port, data)) as client:
        client["signalbox"]["rows"].insert_one({"by": "this release"})
        return client["signalbox"]["rows"].count_documents({})


def test_only_who_has_the_secret_reads_and_old_folders_and_secrets_go_on(tmp_path: Path) -> None:
    data = tmp_path / "mongodb"
    with running(data, guarded=False):
        pass
    with running(data) as port:
        assert rows(port, data) == 2
        with pymongo.MongoClient[dict[str, object]](
            f"127.0.0.1:{port}", directConnection=True
        ) as stranger:
            for ask in (
                lambda: stranger["signalbox"]["rows"].find_one(),
                lambda: stranger.admin.command("createUser", "x", pwd="x", roles=["root"]),
                lambda: stranger["signalbox"]["rows"].insert_one({}),
            ):
                with pytest.raises(OperationFailure) as refused:
                    ask()
                assert refused.value.code == UNAUTHORIZED
        old = mongo.uri(port, data)
    secret = mongo.secret_file(data)
    assert secret.stat().st_mode & 0o077 == 0
    secret.unlink()
    with running(data) as port:
        assert mongo.uri(port, data).partition("@")[0] != old.partition("@")[0]
        assert rows(port, data) == 3
