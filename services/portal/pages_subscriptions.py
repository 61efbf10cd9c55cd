"""Status updates by mail or webhook: asking for them, confirming, and leaving. Nobody need log in: a link's token is what counts.

Links change nothing when they are read, since mail scanners read them: each shows a button.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.fields import fields_of
from services.portal.proxy import Answer
from services.portal.screens import Screens
from services.portal.submission import problems_by_field
from services.portal.visitors import Drawn, Parts, Perhaps, not_found
from services.portal.wiring import Portal
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy import COMPONENTS, ComponentsPolicy

_SUBSCRIPTION = re.compile(r"sub_[a-z2-7]{26}")
_LEAVABLE = re.compile(r"sub_[a-z2-7]{26}|from-[a-z0-9][a-z0-9._-]{0,99}")
_FIELDS = frozenset({"email", "webhook_url", "components"})

router = APIRouter(include_in_schema=False, prefix="/status")


@router.get("/subscribe")
async def form(request: Request, actor: Perhaps, portal: Parts, screens: Drawn) -> Response:
    return await _form(request, actor, portal, screens, {"email": actor.email if actor else ""}, {}, 200)


@router.post("/subscribe")
async def subscribe(request: Request, actor: Perhaps, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    document: dict[str, Any] = {name: fields[name].strip() for name in ("email", "webhook_url") if fields.get(name, "").strip()}
    document["components"] = [name.removeprefix("component.") for name in fields if name.startswith("component.")]
    answer = await _ask(portal, "POST", "/v1/subscriptions", document)
    if answer.is_accepted:
        return _said(request, actor, screens, "asked", where=document.get("email") or document.get("webhook_url", ""))
    return await _form(request, actor, portal, screens, fields, problems_by_field(answer.json, _FIELDS), _status(answer))


@router.get("/subscribe/{key}")
async def confirm_page(key: str, request: Request, actor: Perhaps, screens: Drawn, token: str = "") -> Response:
    return _button(request, actor, screens, "confirm", key, _SUBSCRIPTION)


@router.post("/subscribe/{key}")
async def confirm(key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = "") -> Response:
    if not _SUBSCRIPTION.fullmatch(key):
        raise not_found()
    answer = await _ask(portal, "POST", f"/v1/subscriptions/{key}/confirm", {"token": token})
    return _done(request, actor, screens, "confirmed", answer)


@router.get("/unsubscribe/{key}")
async def leave_page(key: str, request: Request, actor: Perhaps, screens: Drawn, token: str = "") -> Response:
    return _button(request, actor, screens, "leave", key, _LEAVABLE)


@router.post("/unsubscribe/{key}")
async def leave(key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = "") -> Response:
    if not _LEAVABLE.fullmatch(key):
        raise not_found()
    answer = await _ask(portal, "POST", f"/v1/subscriptions/{key}/unsubscribe", {"token": token})
    return _done(request, actor, screens, "left", answer)


async def _form(
    request: Request,
    actor: Actor | None,
    portal: Portal,
    screens: Screens,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    return screens.page(
        request, "subscribe.html", actor=actor, place="status", status=status, values=values, errors=errors,
        components=await _components(portal),
    )  # fmt: skip


async def _components(portal: Portal) -> list[dict[str, str]]:
    """To choose from; with MongoDB away one can subscribe to all of them."""
    try:
        found = await portal.store["policies"].find({"name": COMPONENTS}, order=[("version", -1)], limit=1)
    except Unavailable:
        return []
    policy = ComponentsPolicy.model_validate(found[0]["document"]) if found else ComponentsPolicy()
    return [{"id": component.id, "name": component.name} for component in policy.components]


def _button(request: Request, actor: Actor | None, screens: Screens, step: str, key: str, form: re.Pattern[str]) -> Response:
    if not form.fullmatch(key):
        raise not_found()
    return _said(request, actor, screens, step, where=key.removeprefix("from-") if key.startswith("from-") else "")


def _done(request: Request, actor: Actor | None, screens: Screens, step: str, answer: Answer) -> Response:
    if answer.is_accepted:
        return _said(request, actor, screens, step, where=str(answer.json.get("provider") or ""))
    problem = str(answer.json.get("detail") or "It could not be recorded.")
    return _said(request, actor, screens, "refused", problem=problem, status=_status(answer))


def _said(
    request: Request, actor: Actor | None, screens: Screens, step: str, *, where: str = "", problem: str = "", status: int = 200
) -> Response:
    return screens.page(
        request, "subscribed.html", actor=actor, place="status", status=status, step=step, where=where, problem=problem,
        action=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
        headers={"Referrer-Policy": "no-referrer"},
    )  # fmt: skip


async def _ask(portal: Portal, method: str, path: str, document: Mapping[str, Any]) -> Answer:
    try:
        return await portal.intake.forward(None, method, path, document)
    except Unavailable:
        return Answer(503, {}, b'{"detail": "We cannot take it just now. Try again in a moment."}')


def _status(answer: Answer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
