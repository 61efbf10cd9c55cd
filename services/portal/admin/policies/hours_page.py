"""Opening hours and holidays by form. What it makes is a draft of the policy `default`, which goes
the way of every draft: looked at, then applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.policies.documents import text_of
from services.portal.admin.policies.hours import (
    DAY_WORDS,
    calendar_of,
    calendars_of,
    closed_days,
    values_of,
)
from services.portal.admin.policies.pages import draft, read
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, not_found
from shared.events import Actor
from shared.policy import DESK
from shared.policy.desk import Calendar

HERE = "/admin/policies/default/hours"

router = APIRouter(include_in_schema=False)


@router.get(HERE)
async def form(
    request: Request, actor: Admin, portal: Parts, screens: Drawn, calendar: str = ""
) -> Response:
    newest = await read(actor, portal, DESK)
    # Nothing to edit: the overview offers a document to begin with.
    if newest is None:
        return see_other("/admin")
    names = calendars_of(newest["document"])
    # Without a name the first calendar; an unknown one is no page.
    if calendar not in names:
        if calendar or not names:
            raise not_found()
        calendar = names[0]
    values = values_of(newest["document"]["calendars"][calendar])
    return _draw_page(request, actor, portal, screens, newest, calendar, values, {})


@router.post(HERE)
async def work_on(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """A draft of the whole document, with this calendar changed."""
    fields = await fields_of(request, portal.settings.max_body)
    # From intake and not from memory: a change is made of the newest version.
    newest = await read(actor, portal, DESK)
    name = fields.get("calendar", "")
    if newest is None or name not in calendars_of(newest["document"]):
        raise not_found()
    standing = newest["document"]["calendars"]
    calendar, errors = calendar_of(fields, standing[name])
    if not errors:
        # What only the whole calendar can show wrong, such as a country without holidays here.
        try:
            Calendar.model_validate(calendar, extra="ignore")
        except ValidationError as error:
            said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            # The message begins with the field that it is about; where it does not, the week is
            # meant.
            field = next((word for word in ("zone", "holidays") if said.startswith(word)), "mon")
            errors = {field: f"{said[:1].upper()}{said[1:]}."}
    if errors:
        return _draw_page(request, actor, portal, screens, newest, name, fields, errors, status=422)
    document = {**newest["document"], "calendars": {**standing, name: calendar}}
    return await draft(
        request,
        actor,
        portal,
        screens,
        DESK,
        text=text_of(document),
        made_of=fields.get("made_of", ""),
        note=f"hours and holidays of {name}",
        # Checked as a draft: nothing of a form is published at once.
        does="check",
    )


def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    newest: Mapping[str, Any],
    name: str,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
) -> Response:
    year = portal.clock.now().year
    calendar = Calendar.model_validate(newest["document"]["calendars"][name], extra="ignore")
    return draw(
        screens,
        request,
        "admin_hours.html",
        actor,
        "policies",
        status=status,
        name=name,
        names=calendars_of(newest["document"]),
        made_of=newest["version"],
        values=values,
        errors=errors,
        day_words=DAY_WORDS,
        # Holidays are looked up in the last days of a year for the next one.
        years={each: list(closed_days(calendar, each)) for each in (year, year + 1)},
        used_by=_find_plans_using(newest["document"], name),
    )


def _find_plans_using(document: Mapping[str, Any], name: str) -> list[str]:
    """Plans whose promises run by this calendar."""
    # The lists of the document that name a calendar.
    lists = ("targets", "next_reply", "resolution")
    found = {
        str(target["plan"])
        for each in lists
        for target in document.get(each, ())
        if target["calendar"] == name
    }
    return sorted(found)
