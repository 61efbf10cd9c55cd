"""`/reports`, the same as JSON, and each table as CSV. Staff see the desk's; a provider's people
those of their own tickets, and no others'.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.listing import LIVE, begins
from services.portal.operations import provider_reports
from services.portal.operations.plots import plot_of
from services.portal.operations.provider_reports import (
    ProviderReport,
    add_stays,
    blank_for_provider,
    make_ticket_filter,
    provider_tables,
)
from services.portal.operations.reports import (
    DAYS,
    FIELDS,
    Table,
    TicketReport,
    add,
    begin_of,
    blank,
    days_until,
    tables_of,
)
from services.portal.search.pages import csv_headers, row
from services.portal.tickets import documents as shapes
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.visitors import Drawn, Parts, ReportReader, not_found
from shared.errors import Refused
from shared.events import Actor
from shared.people.folding import fold_address
from shared.storage.store import Store

USUAL = 30
"""Days of a report where none, or others than we have, are asked for."""

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/v1")


@router.get("/reports")
async def reports(
    request: Request, actor: ReportReader, portal: Parts, screens: Drawn, days: int = USUAL
) -> Response:
    # A page shows what it usually shows; the API says what is wrong.
    days = days if days in DAYS else USUAL
    tables = await _tables(portal, actor, days)
    return screens.page(
        request,
        "reports.html",
        actor=actor,
        place="ops" if actor.is_staff else "reports",
        days=days,
        choices=DAYS,
        tables=tables,
        plots={each.key: plot_of(each.title, each.bars, each.unit) for each in tables},
    )


@router.get("/reports/{key}.csv")
async def report_csv(key: str, actor: ReportReader, portal: Parts, days: int = USUAL) -> Response:
    days = days if days in DAYS else USUAL
    tables = await _tables(portal, actor, days)
    table = next((each for each in tables if each.key == key), None)
    if table is None:
        raise not_found()
    text = "".join(row(line) for line in (table.head, *table.rows))
    return Response(
        text,
        headers=csv_headers(f"{key}-{days}-days"),
    )


@api.get("/reports")
async def get_reports(actor: ReportReader, portal: Parts, days: int = USUAL) -> Response:
    """Over the last 7, 30 or 90 days. Staff: volume, backlog, first answer, resolution, promises
    kept, reopened and ratings. A provider's people: volume, first answer, resolution, take-backs
    and ratings of their own tickets.
    """
    if days not in DAYS:
        known = ", ".join(map(str, DAYS))
        raise Refused("bad-parameter", f"days is one of {known}", status=422)
    tables = await _tables(portal, actor, days)
    return Json(
        {
            "days": days,
            "reports": {
                each.key: [dict(zip(each.head, line, strict=True)) for line in each.rows]
                for each in tables
            },
        }
    )


async def _tables(portal: Portal, actor: Actor, count: int) -> list[Table]:
    """What the actor may see of it: everything for staff, else what was with their provider."""
    days = days_until(portal.clock.now().date(), count)
    if actor.is_staff:
        return tables_of(await count_desk(portal.store, days))
    # A report is never made without knowing whose it is.
    assert actor.provider is not None, "ReportReader lets nobody else in"
    accounts = portal.directory

    def is_theirs(address: str) -> bool:
        account = accounts.get("accounts", fold_address(address)) or {}
        return account.get("provider") == actor.provider

    return provider_tables(await count_provider(portal.store, actor.provider, days, is_theirs))


async def count_desk(store: Store, days: list[date]) -> TicketReport:
    """Ticket by ticket as MongoDB gives them: nothing is gathered first. What neither changed in
    these days nor is open has no part in them.
    """
    where: dict[str, Any] = {
        "$or": [
            {"updated_key": {"$gte": shapes.iso(begin_of(days))}},
            # What is live may have been untouched for months and is in the backlog all the same.
            {"status": {"$in": [str(each) for each in LIVE]}, "order_key": begins("0")},
        ],
        "opened_key": {"$gt": ""},
    }
    report = blank(days)
    async for ticket in store["tickets"].each(where, fields=FIELDS):
        add(report, ticket)
    return report


async def count_provider(
    store: Store, provider: str, days: list[date], is_theirs: Callable[[str], bool]
) -> ProviderReport:
    """Only tickets that `provider` had are looked at, led to by an index."""
    report = blank_for_provider(days)
    where = make_ticket_filter(provider, days)
    async for ticket in store["tickets"].each(where, fields=provider_reports.FIELDS):
        add_stays(report, provider, ticket, is_theirs)
    return report
