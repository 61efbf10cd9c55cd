"""`/account/notifications`: everything one is told by mail, why, how to stop it, and how to have it
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.account.notifications import LEAVABLE, Shape, notifications_of
from services.portal.incidents.forms import components_in
from services.portal.operations.endpoints import find_disabled
from services.portal.tickets.forms import in_words
from services.portal.web.form_body import fields_of
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.subscriptions import (
    KIND,
    endpoint_id,
    opt_out_id,
    stop_id,
    subscription_id,
    subscription_in,
)
from shared.policy import COMPONENTS, ComponentsPolicy

# As long as a read waits for a write: then the page is drawn with what is known.
AFTER_S = 2.0
HOME = "/account/notifications"
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_DONE = {
    "updates": "Status updates are sent to you from now on.",
    "no-updates": "No more status updates are sent to you.",
    "stopped": "Of this provider you get only what you must know.",
    "resumed": "Announcements of this provider are sent to you again.",
    "webhook": "Your webhook is told again.",
    "mail": "Mail is sent to you again. If it comes back, it is stopped again.",
}

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/v1")


@api.get("/account/notifications")
async def get_notifications(actor: Who, portal: Parts) -> Response:
    """What the account is told by mail, why, and what of it can be stopped."""
    return Json(await _load_notifications(portal, actor))


@router.get(HOME)
async def notifications(
    request: Request, actor: Who, portal: Parts, screens: Drawn, done: str = ""
) -> Response:
    return await _page(
        request,
        actor,
        portal,
        screens,
        flash={"tone": "good", "text": _DONE[done]} if done in _DONE else None,
    )


@router.post(HOME + "/status-updates")
async def status_updates(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Have them, about what is ticked, or have none."""
    # One subscription for each account, so its id follows from the address.
    fields, key = (
        await fields_of(request, portal.settings.max_body),
        subscription_id(fold_address(actor.email)),
    )
    if fields.get("want") == "no":
        # What stands there in the end is what the page waits for, and not the answer alone.
        return await _ask(
            request,
            actor,
            portal,
            screens,
            "DELETE",
            "/v1/account/status-updates",
            "no-updates",
            _is_gone(portal, key),
        )
    wanted = components_in(fields)

    def is_applied() -> bool:
        found = subscription_in(portal.directory.get(KIND, key))
        return (
            found is not None
            and found.confirmed_at is not None
            # In any order: the form and the document need not agree in it.
            and set(found.components) == set(wanted)
        )

    return await _ask(
        request,
        actor,
        portal,
        screens,
        "PUT",
        "/v1/account/status-updates",
        "updates",
        is_applied,
        {"components": wanted},
    )


@router.post(HOME + "/announcements/{provider}")
async def announcements(
    provider: str, request: Request, actor: Who, portal: Parts, screens: Drawn
) -> Response:
    if not _SLUG.fullmatch(provider):
        raise not_found()
    # The document says that somebody left, so "wanted" means that it is gone.
    fields, gone = (
        await fields_of(request, portal.settings.max_body),
        _is_gone(portal, opt_out_id(provider, actor.email)),
    )
    path = f"/v1/account/opt-outs/{provider}"
    if fields.get("want") == "yes":
        return await _ask(request, actor, portal, screens, "DELETE", path, "resumed", gone)
    return await _ask(request, actor, portal, screens, "PUT", path, "stopped", lambda: not gone())


@router.post(HOME + "/mail")
async def mail_again(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    gone = _is_gone(portal, stop_id(actor.email))
    return await _ask(
        request, actor, portal, screens, "DELETE", "/v1/account/mail-stop", "mail", gone
    )


@router.post(HOME + "/webhook")
async def webhook_again(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """A provider's own webhook, which had answered 410 Gone."""
    # Only the provider's own: the address is taken from the directory and not from the form.
    own = portal.directory.get("providers", actor.provider) if actor.provider else None
    if own is None or not own.get("webhook_url"):
        raise not_found()
    receiver, url = f"provider:{actor.provider}", str(own["webhook_url"])
    path = f"/v1/endpoints/{endpoint_id(receiver, url)}/enable"

    def is_enabled() -> bool:
        return find_disabled(portal.directory, receiver, url) is None

    return await _ask(request, actor, portal, screens, "POST", path, "webhook", is_enabled)


def _is_gone(portal: Portal, key: str) -> Callable[[], bool]:
    return lambda: portal.directory.get(KIND, key) is None


async def _load_notifications(portal: Portal, actor: Actor) -> Shape:
    published = await portal.store["policies"].find(
        {"name": COMPONENTS}, order=[("version", -1)], limit=1
    )
    policy = (
        ComponentsPolicy.model_validate(published[0]["document"], extra="ignore")
        if published
        else ComponentsPolicy()
    )
    named = {component.id: component.name for component in policy.components}
    return await notifications_of(portal.store, portal.directory, actor, named)


async def _page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    # At once: neither needs the other.
    found, person = await asyncio.gather(
        _load_notifications(portal, actor), portal.rota.person_of(actor.email)
    )
    return screens.page(
        request,
        "account_notifications.html",
        actor=actor,
        place="account",
        status=status,
        found=found,
        home=HOME,
        leavable=LEAVABLE,
        is_on_call=person is not None,
        **context,
    )


async def _ask(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    method: str,
    path: str,
    done: str,
    is_so: Callable[[], bool],
    document: dict[str, Any] | None = None,
) -> Response:
    """Ask intake, and show the page when it says so: the one of a moment ago would look as if
    nothing was done.
    """
    try:
        answer = await portal.intake.forward(actor, method, path, document)
    except Unavailable:
        # An answer like any other, so that it stands on the page.
        answer = IntakeAnswer(
            503, {}, b'{"detail": "We cannot take it just now. Try again in a moment."}'
        )
    if answer.is_accepted:
        # Not known here yet: the page may show what was, and the message says what was done.
        with contextlib.suppress(Unavailable):
            await portal.directory.wait_until(is_so, AFTER_S)
        return see_other(f"{HOME}?done={done}")
    said = in_words(answer.json, "It was not recorded.")
    status = answer.status if 400 <= answer.status < 600 else 502
    return await _page(
        request, actor, portal, screens, status=status, flash={"tone": "bad", "text": said}
    )
