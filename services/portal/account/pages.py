"""`/account`: who one is here, the password, where one is signed in, and API tokens. A token is
shown once, right after it is made.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.sign_in.devices import device_words
from services.portal.sign_in.session import Cookies
from services.portal.tickets.forms import problems_by_field
from services.portal.web.dates import STYLES, Dates, dates_of
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, WhoForSure
from shared.access import is_admin
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.time_zones import time_zones

# Seconds until this process must have read what intake has just recorded.
APPLIED_S = 3.0
_TOKEN = re.compile(r"[0-9a-f]{64}")
# Fields of each form: a problem with anything else is said above that form.
_PASSWORD_FIELDS = frozenset({"current_password", "new_password"})
_DATE_FIELDS = frozenset({"time_zone", "date_style"})
_TOKEN_FIELDS = frozenset({"name", "scopes", "expires_in_days"})
_SCOPES = ("read", "write", "mail", "admin")
_DONE = {
    "password": "Your password is changed. Everywhere else you are signed out.",
    "second-step-off": "The second step is off. Your password alone lets you in.",
    "dates": "Times are shown like that from now on.",
    "session": "That session is over.",
    "revoked": "The token is revoked. Whatever used it is refused from now on.",
}

router = APIRouter(include_in_schema=False)


@router.get("/account")
async def account(
    request: Request, actor: Who, portal: Parts, screens: Drawn, done: str = ""
) -> Response:
    return await _account(
        request,
        actor,
        portal,
        screens,
        flash={"tone": "good", "text": _DONE[done]} if done in _DONE else None,
    )


@router.post("/account/password")
async def change_password(
    request: Request, actor: WhoForSure, portal: Parts, screens: Drawn
) -> Response:
    """Whoever knows the current password sets a new one; every session of the account ends, and a
    new one begins here.
    """
    fields = await fields_of(request, portal.settings.max_body)
    # Before intake is asked: it gets the new password once.
    if fields.get("new_password") != fields.get("again"):
        return await _account(
            request, actor, portal, screens, status=422, errors={"again": "The two do not match."}
        )
    # What stood before, to see below when the new one is known here.
    known = portal.directory.get("credentials", actor.email)
    # Asked before the sessions end: the new session must not lose its second step.
    second = await portal.sessions.has_second(request)
    document = {
        "current_password": fields.get("current_password", ""),
        "new_password": fields.get("new_password", ""),
    }
    answer = await portal.intake.forward(actor, "POST", "/v1/account/password", document)
    if not answer.is_accepted:
        problems = problems_by_field(answer.json, _PASSWORD_FIELDS)
        return await _account(
            request,
            actor,
            portal,
            screens,
            status=_status(answer.status),
            errors=_for_form(problems, "password"),
        )
    # Sessions are bound to the password: a new one that begins earlier would end at once.
    await portal.directory.wait_until(
        lambda: portal.directory.get("credentials", actor.email) != known, APPLIED_S
    )
    # Those of other browsers, and of whoever may have learned the old password.
    await portal.sessions.end_all(actor.email)
    response = see_other("/account?done=password")
    session = await portal.sessions.begin(request, actor.email, second=second)
    portal.sessions.remember(response, Cookies(session))
    return response


@router.post("/account/dates")
async def set_dates(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    """Time zone and style of dates, for every page this person looks at."""
    fields = await fields_of(request, portal.settings.max_body)
    # Nothing chosen means the browser's own.
    document = {name: fields.get(name) or None for name in _DATE_FIELDS}
    answer = await portal.intake.forward(actor, "PUT", "/v1/account/preferences", document)
    if not answer.is_accepted:
        return await _account(
            request,
            actor,
            portal,
            screens,
            status=_status(answer.status),
            errors=_for_form(problems_by_field(answer.json, _DATE_FIELDS), "dates"),
            values=fields,
        )
    wanted = Dates(*(document[name] or "" for name in ("time_zone", "date_style")))
    await portal.directory.wait_until(
        lambda: dates_of(portal.directory.get("accounts", actor.email)) == wanted, APPLIED_S
    )
    return see_other("/account?done=dates")


@router.post("/account/sessions")
async def end_sessions(request: Request, actor: WhoForSure, portal: Parts) -> Response:
    """End one session, or all of them, this one too."""
    fields = await fields_of(request, portal.settings.max_body)
    # Without a session named: all of them, this one too.
    if fields.get("session"):
        await portal.sessions.end(actor.email, fields["session"])
        return see_other("/account?done=session")
    await portal.sessions.end_all(actor.email)
    response = see_other("/login")
    portal.sessions.forget(response)
    return response


@router.post("/account/tokens")
async def create_token(
    request: Request, actor: WhoForSure, portal: Parts, screens: Drawn
) -> Response:
    """Shows the token. Sent again by a reload, the same form shows the same token: its key makes no
    second one.
    """
    fields = await fields_of(request, portal.settings.max_body)
    document: dict[str, Any] = {
        "name": fields.get("name", ""),
        "scopes": [scope for scope in _SCOPES if fields.get(f"scope.{scope}")],
    }
    # Anything else is "no end", which intake may refuse.
    if (days := fields.get("expires_in_days", "")).isdecimal() and len(days) < 6:
        document["expires_in_days"] = int(days)
    answer = await portal.intake.forward(
        actor, "POST", "/v1/tokens", document, idempotency_key=fields.get("key") or None
    )
    if not answer.is_accepted:
        errors = _for_form(problems_by_field(answer.json, _TOKEN_FIELDS), "tokens")
        return await _account(
            request,
            actor,
            portal,
            screens,
            status=_status(answer.status),
            errors=errors,
            values=fields,
        )
    return await _account(request, actor, portal, screens, made=answer.json)


@router.post("/account/tokens/{token_id}/revoke")
async def revoke_token(token_id: str, actor: WhoForSure, portal: Parts) -> Response:
    """What is gone already is as good as revoked."""
    # What cannot be a token's id was never one.
    if _TOKEN.fullmatch(token_id):
        answer = await portal.intake.forward(actor, "DELETE", f"/v1/tokens/{token_id}")
        if answer.status >= 500:
            raise Unavailable("intake", f"revoking was answered {answer.status}")
    return see_other("/account?done=revoked")


async def _account(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    made: Mapping[str, Any] | None = None,
    **context: Any,
) -> Response:
    # At once: sessions are here, tokens at intake.
    sessions, tokens = await asyncio.gather(
        portal.sessions.of(request, actor.email), _tokens(portal, actor)
    )
    shown = [{**session, "device": device_words(session["agent"])} for session in sessions]
    return screens.page(
        request,
        "account.html",
        actor=actor,
        place="account",
        status=status,
        sessions=shown,
        tokens=tokens,
        made=made,
        # Offered only to those who may give it.
        scopes=[scope for scope in _SCOPES if scope != "admin" or is_admin(actor)],
        key=secrets.token_urlsafe(18),
        is_on_call=await portal.rota.person_of(actor.email) is not None,
        has_password=portal.directory.get("credentials", actor.email) is not None,
        zones=time_zones(),
        styles=STYLES,
        second_step={
            "is_on": portal.second_steps.is_on(actor.email),
            "left": portal.second_steps.count_codes_left(actor.email),
            "is_recommended": actor.is_staff and portal.second_steps.is_recommended(actor.email),
        },
        **context,
    )


async def _tokens(portal: Portal, actor: Actor) -> list[dict[str, Any]] | None:
    """None: intake does not say just now."""
    try:
        answer = await portal.intake.forward(actor, "GET", "/v1/tokens")
    except Unavailable:
        return None
    return list(answer.json.get("items", [])) if answer.status == 200 else None


def _for_form(problems: dict[str, str], form: str) -> dict[str, str]:
    """What belongs to no field stands over the form it came from."""
    return {form if field == "form" else field: said for field, said in problems.items()}


def _status(status: int) -> int:
    """A problem with what somebody typed is the page's 422; others keep their number."""
    return 422 if status in (403, 404, 409) else status
