"""`/views`: the saved views of the desk, one's own and the team's: keep, rename, remove."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.saved_views import tabs_of_views
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from shared.events import Actor
from shared.people.saved_views import FIELDS, VIEW_ID, ViewPlace

router = APIRouter(include_in_schema=False)


@router.get("/views")
async def views(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    return await _views(request, actor, portal, screens)


@router.post("/views")
async def keep(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """The filter that the form was drawn over, under a name. Then one is at the view itself."""
    fields = await fields_of(request, portal.settings.max_body)
    place = fields.get("place", "")
    # What the place does not know is no part of its filter.
    known = FIELDS[ViewPlace(place)] if place in list(ViewPlace) else ()
    document = {
        "name": fields.get("name", "").strip(),
        "place": place,
        "of": "team" if fields.get("of") == "team" else "me",
        "asked": {name: fields[f"asked.{name}"] for name in known if fields.get(f"asked.{name}")},
    }
    # The list that the form stands on uses the same key for its actions.
    key = fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(12)
    answer = await portal.intake.forward(
        actor, "POST", "/v1/views", document, idempotency_key=f"{key}-view"
    )
    if answer.is_accepted:
        return see_other(str(answer.json["href"]))
    return await _views(
        request, actor, portal, screens, status=answer.status, said=_mistakes_in(answer.json)
    )


@router.post("/views/{key}/{action}")
async def change(
    key: str, action: str, request: Request, actor: Staff, portal: Parts, screens: Drawn
) -> Response:
    # Checked here, since both become part of intake's address.
    if not VIEW_ID.fullmatch(key) or action not in ("rename", "remove"):
        raise not_found()
    fields = await fields_of(request, portal.settings.max_body)
    if action == "remove":
        answer = await portal.intake.forward(actor, "DELETE", f"/v1/views/{key}")
    else:
        name = {"name": fields.get("name", "").strip()}
        answer = await portal.intake.forward(actor, "PUT", f"/v1/views/{key}", name)
    if answer.is_accepted:
        return see_other("/views")
    # Removed meanwhile, or a colleague's own.
    if answer.status == 404:
        raise not_found()
    return await _views(
        request, actor, portal, screens, status=answer.status, said=_mistakes_in(answer.json)
    )


def _mistakes_in(document: Mapping[str, Any]) -> str:
    return " ".join(problems_by_field(document, frozenset()).values())


async def _views(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    said: str = "",
) -> Response:
    kept = await tabs_of_views(portal.store, portal.directory, actor, ViewPlace.QUEUE, {})
    return screens.page(
        request,
        "views.html",
        actor=actor,
        place="queue",
        status=status,
        kept=kept,
        said=said,
    )
