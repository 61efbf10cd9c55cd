"""`/search` for everybody over what they may see, the same as JSON, and a result as CSV."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from services.portal.desk.saved_views import tabs_of_views
from services.portal.search.query import LONGEST, OPERATORS, read_query
from services.portal.search.reads import EXPORTED, export, search
from services.portal.web.filters import short_id
from services.portal.web.json_answers import Json
from services.portal.web.visitors import Drawn, Parts, Who
from shared.errors import Refused
from shared.people.saved_views import ViewPlace

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/v1")

COLUMNS = (
    "id",
    "subject",
    "status",
    "priority",
    "queue",
    "requester",
    "app",
    "plan",
    "replies",
    "opened_at",
    "updated_at",
)
# A part of the answer for each row would be slow, and all at once too large.
_ROWS_AT_ONCE = 100


@api.get("/search")
async def search_tickets(
    actor: Who,
    portal: Parts,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    order: str = "relevance",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 25,
) -> Response:
    """Tickets of any status by what was said on them, with the place that was found. `q` may have
    operators: from: app: provider: priority: status: before: after: tag: has:attachment.
    """
    if wrong := read_query(q).wrong:
        # A program is told what is wrong; the page shows the rest all the same.
        raise Refused("bad-parameter", " ".join(wrong), status=422)
    return Json(await search(portal.queries, actor, q, order=order, cursor=cursor, limit=limit))


@router.get("/search")
async def search_page(
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    q: str = "",
    order: str = "relevance",
    cursor: str = "",
) -> Response:
    q = q[:LONGEST].strip()
    found = await search(portal.queries, actor, q, order=order, cursor=cursor or None)
    # Whoever types an id means the ticket: the page leads straight to it.
    if len(found["items"]) == 1 and found["items"][0]["id"].startswith(f"tkt_{q.lower()}"):
        found["is_id"] = True
    asked = {"q": q, "order": order}
    saved = (
        await tabs_of_views(portal.store, portal.directory, actor, ViewPlace.SEARCH, {"q": q})
        if actor.is_staff
        else []
    )
    return screens.page(
        request,
        "search.html",
        saved=saved,
        save_place=ViewPlace.SEARCH,
        save_asked={"q": q},
        actor=actor,
        place="search",
        q=q,
        order=order,
        found=found,
        # Tags are for staff: others would search in vain.
        operators={
            name: what for name, what in OPERATORS.items() if actor.is_staff or name != "tag"
        },
        colleagues=portal.colleagues.list_others(actor) if actor.is_staff else [],
        idempotency_key=secrets.token_urlsafe(12),
        side="staff" if actor.is_staff else "provider" if actor.provider else "customer",
        exported=EXPORTED,
        csv_href=f"/search.csv?{urlencode({'q': q})}",
        more_href=f"/search?{urlencode({**asked, 'cursor': found['next'] or ''})}",
    )


@router.get("/search.csv")
async def search_csv(actor: Who, portal: Parts, q: str = "") -> Response:
    """The result as a table, row by row as MongoDB gives it: nothing is gathered first."""
    found = export(portal.queries, actor, q[:LONGEST])
    return StreamingResponse(
        _table(found),
        headers=csv_headers("tickets"),
    )


def csv_headers(name: str) -> dict[str, str]:
    """Of a table that a browser keeps as `name`.csv."""
    return {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


async def _table(found: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    # The short id stands first, as people say it; the full one follows.
    yield row(("short_id", *COLUMNS))
    rows: list[str] = []
    async for item in found:
        rows.append(row((short_id(item["id"]), *(item.get(name) for name in COLUMNS))))
        if len(rows) >= _ROWS_AT_ONCE:
            yield "".join(rows)
            rows = []
    # The rows of the last, smaller part.
    yield "".join(rows)


def row(values: tuple[Any, ...]) -> str:
    """One line. A text that a spreadsheet would take for a formula begins with an apostrophe
    (OWASP, CSV injection).
    """
    out = io.StringIO()
    csv.writer(out).writerow([_cell(value) for value in values])
    return out.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    # Also numbers with a sign: a spreadsheet decides by the first character.
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
