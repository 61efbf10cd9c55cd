"""Many documents of the directory at once, from a file: what would change is shown before anything
does, and nothing changes where there is a mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer
from services.portal.web.visitors import Admin, Drawn, Parts
from shared.errors import Refused
from shared.events import Actor
from shared.people.directory_text import (
    Checks,
    DirectoryEntry,
    DirectoryText,
    batches,
    plain,
    read,
    read_table,
)
from shared.people.folding import fold_address
from shared.policy.writing.written import Mistake

# Bytes of a file: more are for the command, which sends them in turns.
MOST_BYTES = 2 * 1024 * 1024
MOST_DOCUMENTS = 5_000
TOGETHER, BYTES = 100, 180_000
"""Documents and bytes that intake takes at once."""
# Changes that a page lists; the number of the rest is said.
LISTED = 200
_BY_ADDRESS = frozenset({"accounts", "credentials"})

router = APIRouter(include_in_schema=False)


@router.get("/admin/upload")
async def form(request: Request, actor: Admin, screens: Drawn) -> Response:
    return _draw_page(request, actor, screens)


@router.post("/admin/upload")
async def upload(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """Looked at; applied where the button says so and there is no mistake."""
    fields = await _fields(request)
    text = fields.get("text", "")
    if not text.strip():
        return _draw_page(request, actor, screens, problem="Choose a file, or paste its text.")
    # Mistakes of the text are found here, mistakes of its documents by intake.
    found = parse_directory(text, is_table=fields.get("shape") == "csv")
    if len(found.entries) > MOST_DOCUMENTS:
        problem = (
            f"{len(found.entries)} documents are too many for this page. "
            "`signalbox directory load` takes them."
        )
        return _draw_page(request, actor, screens, problem=problem, fields=fields)
    mistakes = list(found.mistakes)
    # A dry run over everything first: it changes nothing where one document is wrong.
    items: list[dict[str, Any]] = []
    if not mistakes:
        items, mistakes = await _ask(actor, portal, found, "?dry_run=true")
    if mistakes or fields.get("does") != "apply":
        return _draw_page(
            request, actor, screens, fields=fields, told=_describe_plan(found, items, mistakes)
        )
    # What stands like this already is not sent again.
    changing = {(one["kind"], one["id"]) for one in items if one["change"] != "unchanged"}
    entries = tuple(entry for entry in found.entries if (entry.kind, entry.id) in changing)
    done, mistakes = await _ask(actor, portal, found, "", entries)
    told = _describe_plan(found, done, mistakes)
    return _draw_page(
        request, actor, screens, fields=fields if mistakes else {}, told=told, done=True
    )


def parse_directory(text: str, *, is_table: bool) -> DirectoryText:
    """The entries of a file. Whether a document is good is for intake to say."""
    checks = Checks(_id_of, lambda *_: None)
    return read_table(text, checks) if is_table else read(text, checks)


def _id_of(kind: str, given: str) -> str:
    return fold_address(given) if kind in _BY_ADDRESS else given


async def _ask(
    actor: Actor,
    portal: Portal,
    found: DirectoryText,
    query: str,
    entries: tuple[DirectoryEntry, ...] | None = None,
) -> tuple[list[dict[str, Any]], list[Mistake]]:
    """What intake says of each entry, and what is wrong, with its line. It ends at the first batch
    with a mistake.
    """
    items: list[dict[str, Any]] = []
    for batch in batches(found.entries if entries is None else entries, TOGETHER, BYTES):
        answer = await portal.intake.forward(
            actor,
            "POST",
            f"/v1/directory{query}",
            {"documents": [entry.sent for entry in batch]},
        )
        if not answer.is_accepted:
            return items, _mistakes(answer.json, found, batch)
        items += answer.json["items"]
    return items, []


def _mistakes(
    refusal: Mapping[str, Any], found: DirectoryText, batch: list[DirectoryEntry]
) -> list[Mistake]:
    made = []
    for error in refusal.get("errors") or ():
        pointer = str(error["pointer"])
        # `documents/NUMBER/…`: the number is that within the batch.
        parts = pointer.lstrip("#/").split("/")
        if len(parts) < 3 or not parts[1].isdecimal() or int(parts[1]) >= len(batch):
            continue
        entry, inner = batch[int(parts[1])], "/".join(parts[3:])
        line = found.line_of(entry.kind, entry.id, f"#/{inner}")
        path = f"{entry.kind}/{entry.id}/{inner}".rstrip("/")
        made.append(Mistake(line, path, plain(inner, str(error["detail"]))))
    said = str(refusal.get("detail") or "It was not accepted.")
    # A refusal as a whole stands at the beginning.
    return made or [Mistake(1, "", said)]


def _describe_plan(
    found: DirectoryText, items: list[dict[str, Any]], mistakes: list[Mistake]
) -> dict[str, Any]:
    # What another document of the same file brings is not missing.
    coming = {f"{entry.kind}:{entry.id}" for entry in found.entries if entry.document is not None}
    changes = [item for item in items if item["change"] != "unchanged"]
    warnings = [
        Mistake(
            found.line_of(item["kind"], item["id"], warning["pointer"]),
            f"{item['kind']}/{item['id']}{warning['pointer'][1:]}",
            warning["detail"],
        )
        for item in items
        for warning in item["warnings"]
        if warning["refers"] not in coming
    ]
    return {
        "counts": Counter(item["change"] for item in items),
        "changes": changes[:LISTED],
        "more": max(0, len(changes) - LISTED),
        "warnings": warnings[:LISTED],
        "mistakes": mistakes[:LISTED],
        "removes": sum(item["change"] == "removed" for item in items),
    }


def _draw_page(
    request: Request,
    actor: Actor,
    screens: PageRenderer,
    *,
    problem: str = "",
    fields: Mapping[str, str] | None = None,
    told: Mapping[str, Any] | None = None,
    done: bool = False,
) -> Response:
    is_wrong = bool(problem or (told and told["mistakes"]))
    return draw(
        screens,
        request,
        "admin_upload.html",
        actor,
        "upload",
        status=422 if is_wrong else 200,
        problem=problem,
        values=fields or {},
        told=told,
        done=done,
    )


async def _fields(request: Request) -> dict[str, str]:
    """The form, an uploaded file as the text of `text`. Raises Refused (400, 413)."""
    parser = MultiPartParser(
        request.headers,
        _limit_body(request),
        max_files=1,
        max_fields=10,
        max_part_size=MOST_BYTES,
    )
    try:
        sent = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise Refused("bad-request", "this form does not parse", status=400) from error
    try:
        fields = {name: value for name, value in sent.multi_items() if isinstance(value, str)}
        file = sent.get("file")
        if isinstance(file, UploadFile) and file.filename:
            fields["text"] = (await file.read()).decode("utf-8", "replace")
            # By the name of the file, since browsers do not agree on a type.
            is_table = file.filename.lower().endswith(".csv")
            fields["shape"] = "csv" if is_table else fields.get("shape", "yaml")
    finally:
        await sent.close()
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


async def _limit_body(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        # Twice: a text that is pasted may come with its escapes.
        if size > 2 * MOST_BYTES:
            raise Refused("too-large", f"a file may have {MOST_BYTES} bytes", status=413)
        yield chunk
