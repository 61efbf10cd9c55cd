"""`/account/notifications`: everything one is told by mail, why, how to stop it, and how to have it again."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.answers import Json
from services.portal.fields import fields_of
from services.portal.incident_forms import components_in
from services.portal.notifications import LEAVABLE, Shape, notifications_of
from services.portal.proxy import Answer
from services.portal.screens import Screens, see_other
from services.portal.visitors import Drawn, Parts, Who, not_found
from services.portal.wiring import Portal
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy import COMPONENTS, ComponentsPolicy
from shared.subscriptions import KIND, opt_out_id, stop_id, subscription_id, subscription_in

AFTER_S = 2.0
HOME = "/account/notifications"
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_DONE = {
    "updates": "Status updates are sent to you from now on.",
    "no-updates": "No more status updates are sent to you.",
    "stopped": "Of this provider you get only what you must know.",
    "resumed": "Announcements of this provider are sent to you again.",
    "mail": "Mail is sent to you again. If it comes back, it is stopped again.",
}

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/v1")


@api.get("/account/notifications")
async def get_notifications(actor: Who, portal: Parts) -> Response:
    """What the account is told by mail, why, and what of it can be stopped: see `services/portal/notifications.py`."""
    return Json(await _found(portal, actor))


@router.get(HOME)
async def notifications(request: Request, actor: Who, portal: Parts, screens: Drawn, done: str = "") -> Response:
    return await _page(request, actor, portal, screens, flash={"tone": "good", "text": _DONE[done]} if done in _DONE else None)


@router.post(HOME + "/status-updates")
async def status_updates(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Have them, about what is ticked, or have none."""
    fields, key = await fields_of(request, portal.settings.max_body), subscription_id(actor.email.lower())
    if fields.get("want") == "no":
        return await _ask(request, actor, portal, screens, "DELETE", "/v1/account/status-updates", "no-updates", _is_gone(portal, key))
    wanted = components_in(fields)

    def is_so() -> bool:
        found = subscription_in(portal.directory.get(KIND, key))
        return found is not None and found.confirmed_at is not None and set(found.components) == set(wanted)

    return await _ask(
        request, actor, portal, screens, "PUT", "/v1/account/status-updates", "updates", is_so, {"components": wanted}
    )  # fmt: skip


@router.post(HOME + "/announcements/{provider}")
async def announcements(provider: str, request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    if not _SLUG.fullmatch(provider):
        raise not_found()
    fields, gone = await fields_of(request, portal.settings.max_body), _is_gone(portal, opt_out_id(provider, actor.email))
    path = f"/v1/account/opt-outs/{provider}"
    if fields.get("want") == "yes":
        return await _ask(request, actor, portal, screens, "DELETE", path, "resumed", gone)
    return await _ask(request, actor, portal, screens, "PUT", path, "stopped", lambda: not gone())


@router.post(HOME + "/mail")
async def mail_again(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    gone = _is_gone(portal, stop_id(actor.email))
    return await _ask(request, actor, portal, screens, "DELETE", "/v1/account/mail-stop", "mail", gone)


def _is_gone(portal: Portal, key: str) -> Callable[[], bool]:
    return lambda: portal.directory.get(KIND, key) is None


async def _found(portal: Portal, actor: Actor) -> Shape:
    published = await portal.store["policies"].find({"name": COMPONENTS}, order=[("version", -1)], limit=1)
    policy = ComponentsPolicy.model_validate(published[0]["document"]) if published else ComponentsPolicy()
    named = {component.id: component.name for component in policy.components}
    return await notifications_of(portal.store, portal.directory, actor, named)


async def _page(request: Request, actor: Actor, portal: Portal, screens: Screens, *, status: int = 200, **context: Any) -> Response:
    found, person = await asyncio.gather(_found(portal, actor), portal.rota.person_of(actor.email))
    return screens.page(
        request, "account_notifications.html", actor=actor, place="account", status=status, found=found, home=HOME, leavable=LEAVABLE,
        is_on_call=person is not None, **context,
    )  # fmt: skip


async def _ask(
    request: Request, actor: Actor, portal: Portal, screens: Screens, method: str, path: str, done: str, is_so: Callable[[], bool],
    document: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Ask intake, and show the page when it says so: the one of a moment ago would look as if nothing was done."""
    try:
        answer = await portal.intake.forward(actor, method, path, document)
    except Unavailable:
        answer = Answer(503, {}, b'{"detail": "We cannot take it just now. Try again in a moment."}')
    if answer.is_accepted:
        with contextlib.suppress(Unavailable):
            await portal.directory.wait_until(is_so, AFTER_S)
        return see_other(f"{HOME}?done={done}")
    said = str(answer.json.get("detail") or "It was not recorded.")
    status = answer.status if 400 <= answer.status < 600 else 502
    return await _page(request, actor, portal, screens, status=status, flash={"tone": "bad", "text": said})
