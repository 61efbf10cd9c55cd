"""A browser's form with files: the fields as ever, each file passed on to intake, and the ids it
got.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from services.portal.web.form_body import MOST_FIELDS, fields_of
from services.portal.web.intake_client import MOST_BYTES, IntakeClient
from services.portal.web.passing import length_of
from shared.errors import Refused, Unavailable
from shared.events import Actor

MOST_FILES = 5
KEPT = "attachments"
"""The hidden field in which ids of files that are there already come back, when a form is shown
again.
"""

# Bytes that are in memory for each upload at a time.
_CHUNK = 256 * 1024


@dataclass
class SubmittedForm:
    """What a form said: fields, ids of its files (in `fields` too, under `attachments`), and what
    was wrong with a file.
    """

    fields: dict[str, str]
    ids: list[str] = field(default_factory=list)
    wrong: str = ""

    def with_files(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document for intake, with the attachments."""
        return document | ({"attachments": self.ids} if self.ids else {})


async def form_of(request: Request, intake: IntakeClient, actor: Actor, most: int) -> SubmittedForm:
    """The form, its files uploaded for `actor`. Raises Refused for a form that is too large or does
    not parse.
    """
    # A form without files comes as it always did.
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        fields = await fields_of(request, most)
        return SubmittedForm(fields, fields.get(KEPT, "").split())
    parser = MultiPartParser(
        request.headers,
        _limit_body(request, most + MOST_FILES * MOST_BYTES),
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
        max_part_size=most,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(
            "bad-request", "this form does not parse, or has too many files", status=400
        ) from error
    try:
        fields = {
            name: value.replace("\r\n", "\n")
            for name, value in form.multi_items()
            if isinstance(value, str)
        }
        sent = SubmittedForm(fields, fields.get(KEPT, "").split())
        for _, file in form.multi_items():
            # After a file that was refused the rest is not sent: the form is shown again anyway.
            if isinstance(file, UploadFile) and file.filename and not sent.wrong:
                await _pass_on(file, intake, actor, sent)
    finally:
        await form.close()  # its temporary files
    # A form that is shown again keeps the files that are at intake already.
    sent.fields[KEPT] = " ".join(sent.ids)
    return sent


async def _pass_on(
    file: UploadFile, intake: IntakeClient, actor: Actor, sent: SubmittedForm
) -> None:
    try:
        answer = await intake.upload(
            actor, f"/v1/attachments?name={quote(file.filename or '', safe='')}", _read(file)
        )
    except Unavailable:
        sent.wrong = (
            f"{file.filename} could not be taken just now. Send the form without it, or try again "
            "in a moment."
        )
        return
    if answer.is_accepted:
        sent.ids.append(str(answer.json["id"]))
    else:
        sent.wrong = f"{file.filename}: {answer.json.get('detail') or 'it was not taken.'}"


async def _limit_body(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    too_large = Refused(
        "too-large", f"a form may have {MOST_FILES} files of {MOST_BYTES} bytes", status=413
    )
    # What announces too much is refused before it is read.
    if (length_of(request) or 0) > most:
        raise too_large
    # A length need not be announced, or be true.
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise too_large
        yield chunk


async def _read(file: UploadFile) -> AsyncGenerator[bytes, None]:
    while chunk := await file.read(_CHUNK):
        yield chunk
