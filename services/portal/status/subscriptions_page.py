"""Status updates by mail or webhook: asking for them, confirming, and leaving. Nobody need log in:
a link's token is what counts.

Links change nothing when they are read, since mail scanners read them: each shows a button.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.operations.endpoints import Shape, find_disabled
from services.portal.tickets.forms import in_words, problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer
from services.portal.web.visitors import Drawn, Parts, Perhaps, not_found
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.subscriptions import KIND, subscription_in
from shared.policy import COMPONENTS, ComponentsPolicy
from shared.signed import links

_SUBSCRIPTION = re.compile(r"sub_[a-z2-7]{26}")
# A subscription, or the announcements of one provider.
_LEAVABLE = re.compile(r"sub_[a-z2-7]{26}|from-[a-z0-9][a-z0-9._-]{0,99}")
_FIELDS = frozenset({"email", "webhook_url", "components"})

router = APIRouter(include_in_schema=False, prefix="/status")
# Without a prefix: their addresses are those of intake.
from_mail = APIRouter(include_in_schema=False)
"""Addresses of intake's that a browser may be sent to."""


@router.get("/subscribe")
async def form(request: Request, actor: Perhaps, portal: Parts, screens: Drawn) -> Response:
    return await _form(
        request, actor, portal, screens, {"email": actor.email if actor else ""}, {}, 200
    )


@router.post("/subscribe")
async def subscribe(request: Request, actor: Perhaps, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    document: dict[str, Any] = {
        name: fields[name].strip()
        for name in ("email", "webhook_url")
        if fields.get(name, "").strip()
    }
    document["components"] = [
        name.removeprefix("component.") for name in fields if name.startswith("component.")
    ]
    # Intake counts by address who asks, since nobody has to sign in.
    host = request.client.host if request.client else ""
    answer = await ask_as_nobody(portal, "POST", "/v1/subscriptions", document, client=host)
    if answer.is_accepted:
        return _draw_step(
            request,
            actor,
            screens,
            "asked",
            # The same words whether or not the address is known: a mail says the rest.
            where=document.get("email") or document.get("webhook_url", ""),
        )
    return await _form(
        request,
        actor,
        portal,
        screens,
        fields,
        problems_by_field(answer.json, _FIELDS),
        _status(answer),
    )


@router.get("/subscribe/{key}")
async def confirm_page(
    key: str, request: Request, actor: Perhaps, screens: Drawn, token: str = ""
) -> Response:
    return _button(request, actor, screens, "confirm", key, _SUBSCRIPTION)


@router.post("/subscribe/{key}")
async def confirm(
    key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    if not _SUBSCRIPTION.fullmatch(key):
        raise not_found()
    answer = await ask_as_nobody(
        portal, "POST", f"/v1/subscriptions/{key}/confirm", {"token": token}
    )
    return _draw_answer(request, actor, screens, "confirmed", answer)


@router.get("/unsubscribe/{key}")
@from_mail.get("/v1/subscriptions/{key}/unsubscribe")
async def leave_page(
    key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """A page with a button. Also for the address in `List-Unsubscribe`, which mail programs post to
    (RFC 8058): some open it in a browser instead.
    """
    # The button posts to an address of the portal, wherever the page was opened from.
    action = f"/status/unsubscribe/{key}?{urlencode({'token': token})}"
    hook = _find_disabled_hook(portal, key, token)
    return _button(request, actor, screens, "leave", key, _LEAVABLE, action=action, hook=hook)


@router.post("/resume/{key}")
async def resume(
    key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """A webhook that answered 410 Gone is told again."""
    if not _SUBSCRIPTION.fullmatch(key):
        raise not_found()
    answer = await ask_as_nobody(
        portal, "POST", f"/v1/subscriptions/{key}/resume", {"token": token}
    )
    return _draw_answer(request, actor, screens, "resumed", answer)


@router.post("/unsubscribe/{key}")
async def leave(
    key: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    if not _LEAVABLE.fullmatch(key):
        raise not_found()
    answer = await ask_as_nobody(
        portal, "POST", f"/v1/subscriptions/{key}/unsubscribe", {"token": token}
    )
    return _draw_answer(request, actor, screens, "left", answer)


async def _form(
    request: Request,
    actor: Actor | None,
    portal: Portal,
    screens: PageRenderer,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    return screens.page(
        request,
        "subscribe.html",
        actor=actor,
        place="status",
        status=status,
        values=values,
        errors=errors,
        components=await _components(portal),
    )


async def _components(portal: Portal) -> list[dict[str, str]]:
    """To choose from; with MongoDB away one can subscribe to all of them."""
    try:
        found = await portal.store["policies"].find(
            {"name": COMPONENTS}, order=[("version", -1)], limit=1
        )
    except Unavailable:
        # Subscribing matters more than choosing.
        return []
    policy = (
        ComponentsPolicy.model_validate(found[0]["document"], extra="ignore")
        if found
        else ComponentsPolicy()
    )
    return [{"id": component.id, "name": component.name} for component in policy.components]


def _button(
    request: Request,
    actor: Actor | None,
    screens: PageRenderer,
    step: str,
    key: str,
    form: re.Pattern[str],
    **more: Any,
) -> Response:
    # Looked at before anything is shown with it.
    if not form.fullmatch(key):
        raise not_found()
    return _draw_step(
        request,
        actor,
        screens,
        step,
        where=key.removeprefix("from-") if key.startswith("from-") else "",
        **more,
    )


def _find_disabled_hook(portal: Portal, key: str, token: str) -> Shape | None:
    """The webhook of a subscription, where it is disabled; only for whoever has its link."""
    secret, found = portal.settings.secret, subscription_in(portal.directory.get(KIND, key))
    # Only webhooks are disabled; mail has stops of its own (`mail_stopped`).
    if secret is None or found is None or found.kind != "webhook":
        return None
    raw, now = secret.get_secret_value().encode(), portal.clock.now()
    # How a webhook answers concerns only its owner.
    if links.verify(raw, token, links.UNSUBSCRIBE, key, now) is None:
        return None
    hook = find_disabled(portal.directory, f"subscriber:{key}", found.target)
    if hook is None:
        return None
    return {**hook, "action": f"/status/resume/{key}?{urlencode({'token': token})}"}


def _draw_answer(
    request: Request, actor: Actor | None, screens: PageRenderer, step: str, answer: IntakeAnswer
) -> Response:
    if answer.is_accepted:
        return _draw_step(
            request, actor, screens, step, where=str(answer.json.get("provider") or "")
        )
    problem = in_words(answer.json, "It could not be recorded.")
    return _draw_step(request, actor, screens, "refused", problem=problem, status=_status(answer))


def _draw_step(
    request: Request,
    actor: Actor | None,
    screens: PageRenderer,
    step: str,
    *,
    where: str = "",
    problem: str = "",
    status: int = 200,
    action: str = "",
    hook: Shape | None = None,
) -> Response:
    here = str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    return screens.page(
        request,
        "subscribed.html",
        actor=actor,
        place="status",
        status=status,
        step=step,
        where=where,
        problem=problem,
        action=action or here,
        hook=hook,
        # Not `no-referrer`: a browser then sends `Origin: null` with the form, which is refused.
        headers={"Referrer-Policy": "same-origin"},
    )


async def ask_as_nobody(
    portal: Portal, method: str, path: str, document: Mapping[str, Any], *, client: str = ""
) -> IntakeAnswer:
    """Intake's answer to somebody who need not be signed in; 503 where it is away."""
    try:
        return await portal.intake.forward(None, method, path, document, client=client)
    except Unavailable:
        return IntakeAnswer(
            503, {}, b'{"detail": "We cannot take it just now. Try again in a moment."}'
        )


def _status(answer: IntakeAnswer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
