"""Attachments: bytes in `blobs.py`, and beside them who uploaded what under which name, on the disk
first, then where files are kept (`shared/files`), under the attachment's id.

Secrets in text files are masked before anything is on the disk (`masking.py`), and whoever
uploaded one is told.

An attachment is its uploader's until a ticket or a reply names it; from then on whoever may see
that may fetch it (the portal asks). The same bytes under the same name of the same person are the
same attachment, so a repeated upload makes no second.

A file that our virus scanner knows is refused. Where a scanner is set but does not answer, the file
is kept and marked `unscanned`: somebody in trouble does not wait for it, nothing here ever opens a
file, and whoever fetches it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import filetype
import orjson
import structlog

from services.intake.files.blobs import Blobs
from services.intake.files.masking import TextFiles
from services.intake.http.masking import masking_notes_of_file
from services.intake.spool import disk
from shared.errors import Refused, Unavailable
from shared.files import Descriptions, FileHome
from shared.ids import derive
from shared.people.folding import fold_address
from shared.text.redact import MaskedSecret, redact

log = structlog.get_logger()

MOST_BYTES = 25 * 1024 * 1024
SLOTS = 8
"""Files that are scanned at the same time, when their bytes are all there."""
COMING_MOST, COMING_EACH = 150, 8
"""Files on their way to us at the same time, in all and of one account."""
_ID = re.compile(r"att_[a-z2-7]{26}")
# Between two looks for descriptions; the second one while some still wait.
_LOOK_EVERY_S, _PAUSE_S = 5.0, 2.0
# What text is called, and what nothing is known of.
_TEXT = "text/plain"
_UNKNOWN = "application/octet-stream"
_LONGEST_NAME = 120

Scan = Literal["clean", "unscanned", "not-scanned"]
Document = dict[str, Any]


class Scanner(Protocol):
    """The virus scanner (`virus_scanner.VirusScanner`)."""

    async def scan(self, raw: bytes, name: str) -> Scan:
        """Raises Refused `infected`."""
        ...


class OwnAttachments(NamedTuple):
    """Which of the attachments somebody named are theirs, and what to tell them of the others."""

    ids: tuple[str, ...]
    warnings: tuple[str, ...]


def file_name(given: str) -> str:
    """One that can stand in a header and on any disk: no path, no control characters, no bidi
    tricks; never empty.
    """
    # The last part of a path, of either kind of system.
    plain = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2])
    kept = "".join(
        c
        for c in plain
        # Category Cf: invisible marks, among them those that change the direction.
        if c.isprintable() and unicodedata.category(c) != "Cf" and c not in '<>:"|?*'
    )
    stem, dot, ending = kept.strip(" .").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    # The ending survives a cut: it says what opens the file.
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
        # The head may end within a letter: up to three bytes of it are missing then.
        if error.start < len(head) - 4:
            return _UNKNOWN
        text = head[: error.start].decode()
    return _TEXT if text and all(c.isprintable() or c in "\t\r\n\f\x1b" for c in text) else _UNKNOWN


class Attachments:
    """`files` None: everything stays on the disk. `scanner` None: no file is scanned."""

    def __init__(
        self,
        directory: Path,
        blobs: Blobs,
        files: FileHome | None,
        scanner: Scanner | None = None,
    ) -> None:
        self._directory, self._blobs, self._files, self._scanner = (
            directory,
            blobs,
            files,
            scanner,
        )
        self._described = Descriptions(files) if files is not None else None
        self._come = asyncio.Event()
        self._slots = asyncio.Semaphore(SLOTS)
        self._coming: Counter[str] = Counter()
        self._texts = TextFiles()
        directory.mkdir(parents=True, exist_ok=True)

    async def keep(
        self, chunks: AsyncIterator[bytes], name: str, by: str, at: datetime
    ) -> Document:
        """The attachment's document; its bytes and it are on the disk. Raises Refused: too-large,
        empty, infected, disk-full, busy, too-many-requests.

        `masked`: the kinds of secrets that were in it, which is a text, and are in nothing that is
        kept.
        """
        found: list[MaskedSecret] = []
        # Masked on the way: the bytes as they came are never on the disk.
        async with (
            self._one_more(fold_address(by)),
            contextlib.aclosing(self._texts.masked(chunks, found, MOST_BYTES)) as safe,
        ):
            kept = await self._blobs.keep(safe, MOST_BYTES)
        if not kept.size:
            raise Refused("empty", "This file is empty.")
        # A file's name can hold a secret too.
        named = file_name(redact(name).text)
        # Only now a slot is taken: a slow sender must not keep the scanner from others.
        async with self._slots:
            scan = await self._scan(kept.id)
        document: Document = {
            # From person, bytes and name: the same upload again is the same attachment.
            "_id": derive("att", fold_address(by), kept.id, named),
            "blob": kept.id,
            "name": named,
            "type": kind_of(kept.head),
            "size": kept.size,
            "by": fold_address(by),
            "at": at.isoformat(),
            "scan": scan,
            "masked": [one.kind for one in found],
        }
        await asyncio.to_thread(
            disk.write_durably, self._directory / f"{document['_id']}.json", orjson.dumps(document)
        )
        self._come.set()
        return document

    async def known(self, ids: Sequence[str], by: str) -> OwnAttachments:
        """Those of `ids` that `by` has uploaded. Raises Refused `no-such-attachment` for others'.

        Where files cannot be read and this machine does not know one, it is left out with a
        warning: a ticket does not wait for a file.
        """
        # This machine first: what was uploaded a moment ago is nowhere else yet.
        found = {
            name: document
            for name in ids
            if _ID.fullmatch(name) and (document := self._local(name)) is not None
        }
        missing = [name for name in ids if name not in found]
        unsure: list[str] = []
        # Where files are kept is asked only for what this machine does not know.
        if missing:
            try:
                if self._described is not None:
                    found |= await self._described.find(
                        name for name in missing if _ID.fullmatch(name)
                    )
            except Unavailable:
                unsure = [name for name in missing if _ID.fullmatch(name)]
        # Of somebody else or not there: the same answer for both.
        for place, name in enumerate(ids):
            if name not in unsure and (name not in found or found[name]["by"] != fold_address(by)):
                raise Refused(
                    "no-such-attachment",
                    f"There is no attachment {name} of yours. Upload it first, with POST "
                    "/v1/attachments.",
                    extra={
                        "errors": [
                            {
                                "pointer": f"#/attachments/{place}",
                                "detail": "not an attachment of yours",
                            }
                        ]
                    },
                )
        words = [
            f"Attachment {name} cannot be looked up just now and was left out. Please add it in a "
            "reply."
            for name in unsure
        ]
        kept = tuple(name for name in dict.fromkeys(ids) if name in found)
        words += [
            warning
            for name in kept
            for warning in masking_notes_of_file(
                found[name]["name"], found[name].get("masked") or ()
            )
        ]
        return OwnAttachments(kept, tuple(words))

    async def run(self) -> None:
        """Move descriptions to where files are kept, after their bytes; until cancelled."""
        while self._files is not None:
            # Cleared before the look: what comes meanwhile wakes the loop again.
            self._come.clear()
            try:
                for path in list(self._directory.glob("att_*.json")):
                    document = orjson.loads(path.read_bytes())
                    # The bytes first: a description must never stand there without them.
                    if not self._blobs.is_waiting(document["blob"]):
                        await self._files.replace(document["_id"], orjson.dumps(document))
                        path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # a neighbour moved it
            except (Unavailable, OSError) as error:
                log.warning("attachments wait on this machine's disk", error=str(error))
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            try:
                # Some still wait for their bytes: the next look comes sooner.
                async with asyncio.timeout(
                    _PAUSE_S if any(self._directory.glob("att_*.json")) else _LOOK_EVERY_S
                ):
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

    @contextlib.asynccontextmanager
    async def _one_more(self, by: str) -> AsyncIterator[None]:
        """Around the coming of a file, which takes as long as its sender takes: it holds no slot.
        Raises Refused `busy` (503), or `too-many-requests` (429) where `by` sends too many at once.
        """
        # Both bounds are for files on their way: those cost memory and sockets, not the scanner.
        if self._coming.total() >= COMING_MOST:
            raise Refused(
                "busy",
                "Too many files are on their way. Try again in a moment.",
                status=503,
                extra={"retry_after": 2},
            )
        if self._coming[by] >= COMING_EACH:
            raise Refused(
                "too-many-requests",
                f"One account may send {COMING_EACH} files at the same time.",
                status=429,
                extra={"retry_after": 2},
            )
        self._coming[by] += 1
        try:
            yield
        finally:
            self._coming[by] -= 1
            # An account with nothing on its way leaves no entry behind.
            if not self._coming[by]:
                del self._coming[by]

    async def _scan(self, blob: str) -> Scan:
        if self._scanner is None:
            return "not-scanned"
        return await self._scanner.scan(await self._blobs.get(blob) or b"", blob)
