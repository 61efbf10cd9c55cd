"""`/account`: who one is here, the password, where one is signed in, and API tokens. A token is shown once, right after it is made."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.devices import device_words
from services.portal.fields import fields_of
from services.portal.screens import Screens, see_other
from services.portal.session import Cookies
from services.portal.submission import problems_by_field
from services.portal.visitors import Drawn, Parts, Who
from services.portal.wiring import Portal
from shared.access import is_admin
from shared.errors import Unavailable
from shared.events import Actor

APPLIED_S = 3.0
_TOKEN = re.compile(r"[0-9a-f]{64}")
_PASSWORD_FIELDS = frozenset({"current_password", "new_password"})
_TOKEN_FIELDS = frozenset({"name", "scopes", "expires_in_days"})
_SCOPES = ("read", "write", "mail", "admin")
_DONE = {
    "password": "Your password is changed. Everywhere else you are signed out.",
    "session": "That session is over.",
    "revoked": "The token is revoked. Whatever used it is refused from now on.",
}

router = APIRouter(include_in_schema=False)


@router.get("/account")
async def account(request: Request, actor: Who, portal: Parts, screens: Drawn, done: str = "") -> Response:
    return await _account(request, actor, portal, screens, flash={"tone": "good", "text": _DONE[done]} if done in _DONE else None)


@router.post("/account/password")
async def change_password(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Whoever knows the current password sets a new one; every session of the account ends, and a new one begins here."""
    fields = await fields_of(request, portal.settings.max_body)
    if fields.get("new_password") != fields.get("again"):
        return await _account(request, actor, portal, screens, status=422, errors={"again": "The two do not match."})
    known = portal.directory.get("credentials", actor.email)
    document = {"current_password": fields.get("current_password", ""), "new_password": fields.get("new_password", "")}
    answer = await portal.intake.forward(actor, "POST", "/v1/account/password", document)
    if not answer.is_accepted:
        problems = problems_by_field(answer.json, _PASSWORD_FIELDS)
        return await _account(request, actor, portal, screens, status=_status(answer.status), errors=_for_form(problems, "password"))
    await portal.directory.wait_until(lambda: portal.directory.get("credentials", actor.email) != known, APPLIED_S)
    await portal.sessions.end_all(actor.email)
    response = see_other("/account?done=password")
    portal.sessions.remember(response, Cookies(await portal.sessions.begin(request, actor.email)))
    return response


@router.post("/account/sessions")
async def end_sessions(request: Request, actor: Who, portal: Parts) -> Response:
    """End one session, or all of them, this one too."""
    fields = await fields_of(request, portal.settings.max_body)
    if fields.get("session"):
        await portal.sessions.end(actor.email, fields["session"])
        return see_other("/account?done=session")
    await portal.sessions.end_all(actor.email)
    response = see_other("/login")
    portal.sessions.forget(response)
    return response


@router.post("/account/tokens")
async def create_token(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Shows the token. Sent again by a reload, the same form shows the same token: its key makes no second one."""
    fields = await fields_of(request, portal.settings.max_body)
    document: dict[str, Any] = {
        "name": fields.get("name", ""), "scopes": [scope for scope in _SCOPES if fields.get(f"scope.{scope}")],
    }  # fmt: skip
    if (days := fields.get("expires_in_days", "")).isdecimal() and len(days) < 6:
        document["expires_in_days"] = int(days)
    answer = await portal.intake.forward(actor, "POST", "/v1/tokens", document, idempotency_key=fields.get("key") or None)
    if not answer.is_accepted:
        errors = _for_form(problems_by_field(answer.json, _TOKEN_FIELDS), "tokens")
        return await _account(request, actor, portal, screens, status=_status(answer.status), errors=errors, values=fields)
    return await _account(request, actor, portal, screens, made=answer.json)


@router.post("/account/tokens/{token_id}/revoke")
async def revoke_token(token_id: str, actor: Who, portal: Parts) -> Response:
    """What is gone already is as good as revoked."""
    if _TOKEN.fullmatch(token_id):
        answer = await portal.intake.forward(actor, "DELETE", f"/v1/tokens/{token_id}")
        if answer.status >= 500:
            raise Unavailable("intake", f"revoking was answered {answer.status}")
    return see_other("/account?done=revoked")


async def _account(
    request: Request, actor: Actor, portal: Portal, screens: Screens, *, status: int = 200, made: Mapping[str, Any] | None = None,
    **context: Any,
) -> Response:  # fmt: skip
    sessions, tokens = await asyncio.gather(portal.sessions.of(request, actor.email), _tokens(portal, actor))
    shown = [{**session, "device": device_words(session["agent"])} for session in sessions]
    return screens.page(
        request, "account.html", actor=actor, place="account", status=status, sessions=shown, tokens=tokens, made=made,
        scopes=[scope for scope in _SCOPES if scope != "admin" or is_admin(actor)], key=secrets.token_urlsafe(18),
        is_on_call=await portal.rota.person_of(actor.email) is not None,
        has_password=portal.directory.get("credentials", actor.email) is not None, **context,
    )  # fmt: skip


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
