"""Where files are kept, as `SIGNALBOX_FILES` says it. Pure.

| address | home |
|---|---|
| empty | the database `<SIGNALBOX_MONGODB_DATABASE>-files` of MONGODB_URI |
| `/path` or `file:///path` | a folder |
| `mongodb://…/name` | a database of another MongoDB |
| `s3://bucket/prefix?endpoint=https://…&region=…` | object storage by the S3 API |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BESIDE = "-files"
"""What the name of the files' own database ends with."""
# Any other parameter is a typing mistake: left out in silence, it would change where files go.
_OF_S3 = frozenset({"endpoint", "region"})
_FORMS = (
    "it is an absolute path, file:///path, mongodb://…/database or "
    "s3://bucket/prefix?endpoint=https://…&region=…"
)


@dataclass(frozen=True)
class FolderAt:
    """A folder that every process which reads or writes files has."""

    path: Path


@dataclass(frozen=True)
class DatabaseAt:
    """A database of a MongoDB; the URI has the password."""

    uri: str = field(repr=False)
    database: str


@dataclass(frozen=True)
class ObjectsAt:
    """A bucket; `prefix` is empty or ends with a slash. Empty endpoint or region: as the AWS
    variables of the environment say, or Amazon's own.
    """

    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""


Address = FolderAt | DatabaseAt | ObjectsAt


def read_address(text: str, mongodb_uri: str, mongodb_database: str) -> Address:
    """See the table above. Raises ValueError, without any password in it."""
    own = f"{mongodb_database}{BESIDE}"
    # The forms of the table, from the plainest on. `file://host/path` is refused: no host is asked.
    if not text:
        return DatabaseAt(mongodb_uri, own)
    if text.startswith("/"):
        return FolderAt(Path(text))
    parts = urlsplit(text)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderAt(Path(unquote(parts.path)))
    if parts.scheme in ("mongodb", "mongodb+srv") and parts.netloc:
        return DatabaseAt(text, parts.path.strip("/") or own)
    if parts.scheme == "s3" and parts.netloc:
        return _objects(parts.netloc, parts.path, parts.query)
    raise ValueError(_FORMS)


def _objects(bucket: str, path: str, query: str) -> ObjectsAt:
    said = dict(parse_qsl(query))
    # Keys in the address would stand in logs and in `signalbox doctor`.
    if "@" in bucket:
        raise ValueError("give the keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if unknown := sorted(said.keys() - _OF_S3):
        raise ValueError(f"{', '.join(unknown)} is not known here: {_FORMS}")
    endpoint = said.get("endpoint", "").rstrip("/")
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise ValueError("the endpoint begins with https:// or http://")
    # With one slash at its end, so that two prefixes are never one name.
    prefix = path.strip("/")
    return ObjectsAt(bucket, f"{prefix}/" if prefix else "", endpoint, said.get("region", ""))


def in_short(address: Address) -> str:
    """For people and logs: no password is in it."""
    match address:
        case FolderAt(path):
            return f"the folder {path}"
        case DatabaseAt(database=name):
            return f"the MongoDB database {name}"
        case ObjectsAt(bucket, prefix):
            return f"s3://{bucket}/{prefix}"
