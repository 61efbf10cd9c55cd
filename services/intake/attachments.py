"""Attachments: bytes in `blobs.py`, and beside them who uploaded what under which name, on the disk first, then in MongoDB.

Secrets in text files are masked before anything is on the disk (`file_secrets.py`), and whoever uploaded one is told.

An attachment is its uploader's until a ticket or a reply names it; from then on whoever may see that may fetch it (the portal
asks). The same bytes under the same name of the same person are the same attachment, so a repeated upload makes no second.

A file that our virus scanner knows is refused. Where a scanner is set but does not answer, the file is kept and marked
`unscanned`: somebody in trouble does not wait for it, nothing here ever opens a file, and whoever fetches it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import filetype
import orjson
import structlog
from aioclamd import ClamdAsyncClient, ClamdError

from services.intake import disk
from services.intake.blobs import Blobs
from services.intake.file_secrets import TextFiles
from services.intake.masking import said_of_file
from shared.errors import Refused, Unavailable
from shared.ids import derive
from shared.store import Document
from shared.text.redact import Masked, redact

log = structlog.get_logger()

MOST_BYTES = 25 * 1024 * 1024
COLLECTION = "attachments"
_ID = re.compile(r"att_[a-z2-7]{26}")
_LOOK_EVERY_S, _PAUSE_S, _SCAN_WITHIN_S = 5.0, 2.0, 10.0
_TEXT = "text/plain"
_UNKNOWN = "application/octet-stream"
_LONGEST_NAME = 120

Scan = Literal["clean", "unscanned", "not-scanned"]


class Documents(Protocol):
    """The collection (`shared.store.Collection`)."""

    async def find(self, where: Document) -> list[Document]: ...

    async def replace(self, where: Document, document: Document) -> None: ...


class Known(NamedTuple):
    """Which of the attachments somebody named are theirs, and what to tell them of the others."""

    ids: tuple[str, ...]
    warnings: tuple[str, ...]


def file_name(given: str) -> str:
    """One that can stand in a header and on any disk: no path, no control characters, no bidi tricks; never empty."""
    plain = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2])
    kept = "".join(c for c in plain if c.isprintable() and unicodedata.category(c) != "Cf" and c not in '<>:"|?*')
    stem, dot, ending = kept.strip(" .").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    short = stem[: _LONGEST_NAME - len(ending[:20])]
    return (f"{short}.{ending[:20]}" if ending else short) or "attachment"


def kind_of(head: bytes) -> str:
    """The media type its first bytes say, whatever its sender says; text where it reads as text."""
    found = filetype.guess(head)
    if found is not None:
        return str(found.mime)
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return _UNKNOWN
        text = head[: error.start].decode()
    return _TEXT if text and all(c.isprintable() or c in "\t\r\n\f\x1b" for c in text) else _UNKNOWN


class Attachments:
    """`documents` None: everything stays on the disk. `scanner`: host:port of clamd."""

    def __init__(self, directory: Path, blobs: Blobs, documents: Documents | None, scanner: str = "") -> None:
        self._directory, self._blobs, self._documents, self._scanner = directory, blobs, documents, scanner
        self._come = asyncio.Event()
        self._slots = asyncio.Semaphore(8)
        self._texts = TextFiles()
        directory.mkdir(parents=True, exist_ok=True)

    async def keep(self, chunks: AsyncIterator[bytes], name: str, by: str, at: datetime) -> Document:
        """The attachment's document; its bytes and it are on the disk. Raises Refused: too-large, empty, infected, disk-full.

        `masked`: the kinds of secrets that were in it, which is a text, and are in nothing that is kept.
        """
        found: list[Masked] = []
        async with self._slots, contextlib.aclosing(self._texts.masked(chunks, found, MOST_BYTES)) as safe:
            kept = await self._blobs.keep_stream(safe, {}, MOST_BYTES)
        if not kept.size:
            raise Refused("empty", "This file is empty.")
        named = file_name(redact(name).text)
        document: Document = {
            "_id": derive("att", by.lower(), kept.id, named), "blob": kept.id, "name": named, "type": kind_of(kept.head),
            "size": kept.size, "by": by.lower(), "at": at.isoformat(), "scan": await self._scan(kept.id),
            "masked": [one.kind for one in found],
        }  # fmt: skip
        await asyncio.to_thread(disk.write_durably, self._directory / f"{document['_id']}.json", orjson.dumps(document))
        self._come.set()
        return document

    async def known(self, ids: Sequence[str], by: str) -> Known:
        """Those of `ids` that `by` has uploaded. Raises Refused `no-such-attachment` for others'.

        Where MongoDB is away and this machine does not know one, it is left out with a warning: a ticket does not wait for a file.
        """
        found = {name: document for name in ids if _ID.fullmatch(name) and (document := self._local(name)) is not None}
        missing = [name for name in ids if name not in found]
        unsure: list[str] = []
        if missing:
            try:
                stored = await self._documents.find({"_id": {"$in": missing}}) if self._documents is not None else []
                found |= {document["_id"]: document for document in stored}
            except Unavailable:
                unsure = [name for name in missing if _ID.fullmatch(name)]
        for place, name in enumerate(ids):
            if name not in unsure and (name not in found or found[name]["by"] != by.lower()):
                raise Refused(
                    "no-such-attachment", f"There is no attachment {name} of yours. Upload it first, with POST /v1/attachments.",
                    extra={"errors": [{"pointer": f"#/attachments/{place}", "detail": "not an attachment of yours"}]},
                )  # fmt: skip
        words = [f"Attachment {name} cannot be looked up just now and was left out. Please add it in a reply." for name in unsure]
        kept = tuple(name for name in dict.fromkeys(ids) if name in found)
        words += [warning for name in kept for warning in said_of_file(found[name]["name"], found[name].get("masked") or ())]
        return Known(kept, tuple(words))

    async def run(self) -> None:
        """Move documents to MongoDB, after their bytes; until cancelled."""
        while self._documents is not None:
            self._come.clear()
            try:
                for path in list(self._directory.glob("att_*.json")):
                    document = orjson.loads(path.read_bytes())
                    if not self._blobs.is_waiting(document["blob"]):
                        await self._documents.replace({"_id": document["_id"]}, document)
                        path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # a neighbour moved it
            except (Unavailable, OSError) as error:
                log.warning("attachments wait on this machine's disk", error=str(error))
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            try:
                async with asyncio.timeout(_PAUSE_S if any(self._directory.glob("att_*.json")) else _LOOK_EVERY_S):
                    await self._come.wait()
                await asyncio.sleep(0.2)  # its bytes go first
            except TimeoutError:
                continue

    def _local(self, name: str) -> Document | None:
        try:
            found: Document = orjson.loads((self._directory / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    async def _scan(self, blob: str) -> Scan:
        if not self._scanner:
            return "not-scanned"
        host, _, port = self._scanner.rpartition(":")
        raw = await self._blobs.get(blob) or b""
        try:
            said = await ClamdAsyncClient(host, int(port), timeout=_SCAN_WITHIN_S).instream(io.BytesIO(raw))
        except (ClamdError, OSError, TimeoutError) as error:
            log.warning("the virus scanner does not answer", error=repr(error))
            return "unscanned"
        for verdict, signature in (said or {}).values():
            if verdict == "FOUND":
                log.warning("an infected file is refused", blob=blob, signature=signature)
                raise Refused("infected", "Our virus scanner knows this file as harmful, so it was not taken.")
        return "clean"
