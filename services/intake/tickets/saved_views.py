"""Saved views: staff keep a filter of the desk under a name, for themselves or for the team.

One's own are nobody else's business; those of the team any of our staff may rename and remove.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Request
from pydantic import Field, StringConstraints, field_validator, model_validator
from starlette.responses import Response

from services.intake.accounts.shell import record_document
from services.intake.domain import RequestContext
from services.intake.forms import ONE_LINE, Form
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond, respond_json, trace_of
from services.intake.shell import Answer, Intake
from shared import ids
from shared.errors import Refused
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.saved_views import (
    FIELDS,
    MOST_OF_ONE,
    SAVED_VIEWS,
    VIEW_ID,
    SavedView,
    ViewPlace,
    every_view,
    saved_view_in,
    views_of,
)

ViewName = Annotated[
    str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True, pattern=ONE_LINE)
]
Value = Annotated[str, StringConstraints(max_length=300, pattern=ONE_LINE)]


class ViewForm(Form):
    """POST /v1/views. `asked`: fields of the page's address, as `{"home": "mine"}`; `of`: whose."""

    name: ViewName
    place: Annotated[ViewPlace, Field(strict=False)]
    asked: Annotated[dict[str, Value], Field(max_length=10)]
    of: Literal["me", "team"] = "me"

    @field_validator("asked")
    @classmethod
    def _check_fields(cls, asked: dict[str, str]) -> dict[str, str]:
        # First against the fields of all pages: `place` may be wrong or absent still.
        if unknown := sorted(asked.keys() - {name for names in FIELDS.values() for name in names}):
            raise ValueError(f"no page has {unknown[0]}")
        return asked

    # Only now is the place known to be good.
    @model_validator(mode="after")
    def _is_of_the_page(self) -> ViewForm:
        known = FIELDS[self.place]
        if unknown := sorted(self.asked.keys() - set(known)):
            raise ValueError(f"asked: {self.place} has {', '.join(known)}, and no {unknown[0]}")
        if not any(self.asked.values()):
            raise ValueError("asked: a view keeps a filter or a search; this has none")
        return self


class RenameViewForm(Form):
    """PUT /v1/views/{key}."""

    name: ViewName


def forms() -> list[type[Form]]:
    """Every form of these addresses, for the contract."""
    return [ViewForm, RenameViewForm]


async def keep(intake: Intake, form: ViewForm, asked: RequestContext, trace: str) -> Answer:
    """POST /v1/views. Raises Refused `forbidden` (403), `too-many` (409)."""
    staff_only(asked.actor)
    # No owner means the team's.
    owner = "" if form.of == "team" else fold_address(asked.actor.email)
    # From the key, so a repeat keeps the same view and does not make a second one.
    key = ids.derive("viw", fold_address(asked.actor.email), asked.idempotency_key)
    # Counted and written under one lock, or two at once could pass the limit together.
    async with intake.reference.publishing:
        others = [view for _, view in every_view(intake.reference) if view.owner == owner]
        # A repeat of what is there already is let through.
        if len(others) >= MOST_OF_ONE and intake.reference.get(SAVED_VIEWS, key) is None:
            said = f"There are {MOST_OF_ONE} saved views. Remove one first."
            raise Refused("too-many", said, status=409)
        # Empty fields say nothing; without them the address of the view stays short.
        given = {name: value for name, value in form.asked.items() if value}
        view = SavedView(name=form.name, place=form.place, asked=given, owner=owner)
        await record_document(intake, SAVED_VIEWS, key, view.model_dump(mode="json"), asked, trace)
    return _show(key, view)


async def rename(
    intake: Intake, key: str, form: RenameViewForm, asked: RequestContext, trace: str
) -> Answer:
    """PUT /v1/views/{key}. Raises Refused 403, 404."""
    async with intake.reference.publishing:
        view = _find(intake, key, asked.actor).model_copy(update={"name": form.name})
        await record_document(intake, SAVED_VIEWS, key, view.model_dump(mode="json"), asked, trace)
    return _show(key, view)


async def remove(intake: Intake, key: str, asked: RequestContext, trace: str) -> Answer:
    """DELETE /v1/views/{key}. Raises Refused 403, 404."""
    _find(intake, key, asked.actor)
    await record_document(intake, SAVED_VIEWS, key, None, asked, trace)
    return {"id": key, "removed": True}


def list_views(intake: Intake, actor: Actor) -> Answer:
    """GET /v1/views: one's own and the team's, by name. Raises Refused 403."""
    staff_only(actor)
    return {"items": [_show(key, view) for key, view in views_of(intake.reference, actor)]}


def staff_only(actor: Actor) -> None:
    """Raises Refused `forbidden` (403)."""
    if not actor.is_staff:
        raise Refused("forbidden", "Only staff have saved views.", status=403)


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the routes on the application."""

    async def keep_view(request: Request) -> Response:
        body, asked = await door.asked(request)
        staff_only(asked.actor)  # before the form: what is wrong with it is not for others
        form = await door.fill(ViewForm, body, asked.actor.email)
        return await respond("view", asked, keep(intake, form, asked, trace_of(request)), 201)

    async def list_all(request: Request) -> Response:
        actor, _ = door.who(request, "read")
        return respond_json(200, list_views(intake, actor))

    async def rename_view(request: Request) -> Response:
        key = read_path_id(request, "key", VIEW_ID)
        body, asked = await door.asked(request)
        staff_only(asked.actor)
        form = await door.fill(RenameViewForm, body, asked.actor.email)
        return await respond("view", asked, rename(intake, key, form, asked, trace_of(request)))

    async def remove_view(request: Request) -> Response:
        key = read_path_id(request, "key", VIEW_ID)
        # No body to parse: `who` and `under_key` do what `asked` does for the others.
        actor, now = door.who(request, "write")
        staff_only(actor)
        asked = door.under_key(request, {}, actor, now)
        return await respond("view", asked, remove(intake, key, asked, trace_of(request)))

    write(app, "POST", "/v1/views", keep_view, ViewForm, name="keep-view", status=201)
    write(
        app, "PUT", "/v1/views/{key}", rename_view, RenameViewForm, name="rename-view", status=200
    )
    app.add_api_route("/v1/views", list_all, methods=["GET"], name="list-views")
    app.add_api_route("/v1/views/{key}", remove_view, methods=["DELETE"], name="remove-view")


def _find(intake: Intake, key: str, actor: Actor) -> SavedView:
    found = saved_view_in(intake.reference.get(SAVED_VIEWS, key))
    # One's own view of somebody else is answered like none: its existence is private too.
    if found is None or not found.is_for(actor):
        raise Refused("not-found", "There is no such view, or no more.", status=404)
    return found


def _show(key: str, view: SavedView) -> Answer:
    return {
        "id": key,
        "name": view.name,
        "of": "me" if view.owner else "team",
        "place": view.place.value,
        "asked": view.asked,
        "href": view.href,
    }
