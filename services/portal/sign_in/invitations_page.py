"""Invitations: `/admin/invitations` for administrators, and `/invitation`, where the link in the
mail leads: whoever is invited sets name and password there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.status.subscriptions_page import ask_as_nobody
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, WhoForSure, not_found
from shared.access import is_admin
from shared.errors import Unavailable
from shared.events import Actor, Plan, Role
from shared.signed.links import read_claimed_person

PATH = "/admin/invitations"
STAFF_ROLES = {
    Role.AGENT: ("Support agent", "Answers tickets."),
    Role.REVIEWER: ("Reviewer", "Decides appeals against a priority."),
    Role.CSA: ("Solutions architect", "Answers questions of architecture."),
    Role.OPS: ("Operations", "Runs incidents and the status page."),
    Role.ON_CALL: ("On call", "Is woken for what is urgent."),
    Role.ADMIN: ("Administrator", "Changes accounts, policies and settings."),
}
# Problems with other fields are said above the form.
_FIELDS = frozenset({"email", "name", "provider", "plan", "roles"})
_ACCEPT_FIELDS = frozenset({"name", "password", "again"})
_INVITATION = re.compile(r"inv_[a-z2-7]{26}")
_HEADERS = {"Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
_DONE = {
    "invited": "The invitation is on its way. Its link is good for seven days.",
    "renewed": "A new mail is on its way. The link of the one before no longer works.",
    "withdrawn": "The invitation is withdrawn. Its link no longer works.",
}

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def overview(
    request: Request, actor: Who, portal: Parts, screens: Drawn, done: str = ""
) -> Response:
    _admins_only(actor)
    flash = {"tone": "good", "text": _DONE[done]} if done in _DONE else None
    values = {"kind": "customer", "plan": Plan.FREE.value}
    return await _overview(request, actor, portal, screens, values=values, flash=flash)


@router.post(PATH)
async def invite(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    _admins_only(actor)
    fields = await fields_of(request, portal.settings.max_body)
    document = invitation_of(fields)
    # Said here: for intake an account without roles is a customer.
    is_without_role = fields.get("kind") == "staff" and not document["roles"]
    errors = {"roles": "Choose at least one role."} if is_without_role else {}
    status = 422
    if not errors:
        answer = await portal.intake.forward(
            actor,
            "POST",
            "/v1/invitations",
            document,
            # Sent twice it is one invitation, with one mail.
            idempotency_key=fields.get("key") or None,
        )
        if answer.is_accepted:
            return see_other(f"{PATH}?done=invited")
        errors = problems_by_field(answer.json, _FIELDS)
        # 409: the address is taken or too many invitations are open, a mistake in the form to
        # whoever invites.
        status = 422 if answer.status == 409 else answer.status
    return await _overview(
        request, actor, portal, screens, values=fields, errors=errors, status=status
    )


@router.post(PATH + "/{key}/renew")
async def renew(key: str, actor: WhoForSure, portal: Parts) -> Response:
    return await _do(actor, portal, "POST", f"{_path(key)}/renew", "renewed")


@router.post(PATH + "/{key}/withdraw")
async def withdraw(key: str, actor: WhoForSure, portal: Parts) -> Response:
    return await _do(actor, portal, "DELETE", _path(key), "withdrawn")


@router.get("/invitation")
async def accept_page(request: Request, screens: Drawn, token: str = "") -> Response:
    return _accept(request, screens, token, {}, {}, 200)


@router.post("/invitation")
async def accept(request: Request, portal: Parts, screens: Drawn) -> Response:
    """The account is made, and its owner logs in with it."""
    fields = await fields_of(request, portal.settings.max_body)
    token, password = fields.get("token", ""), fields.get("password", "")
    # Before intake is asked: it gets the password once.
    if password != fields.get("again"):
        errors = {"again": "The two passwords are not the same."}
        return _accept(request, screens, token, fields, errors, 422)
    document = {"token": token, "name": fields.get("name", "").strip(), "password": password}
    # Intake counts tries by address, and sees only the portal's otherwise.
    host = request.client.host if request.client else ""
    answer = await ask_as_nobody(portal, "POST", "/v1/invitations/accept", document, client=host)
    if not answer.is_accepted:
        errors = problems_by_field(answer.json, _ACCEPT_FIELDS)
        status = answer.status if 400 <= answer.status < 600 else 502
        return _accept(request, screens, token, fields, errors, status)
    return see_other("/login?done=invited")


def invitation_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the form asks intake for. Fields of another kind of person do not count. Pure."""
    # What was filled in for another kind before the choice changed is left out.
    kind = fields.get("kind")
    roles = [role.value for role in STAFF_ROLES if fields.get(f"role.{role.value}")]
    found: dict[str, Any] = {
        "email": fields.get("email", "").strip(),
        "name": fields.get("name", "").strip(),
        "roles": roles if kind == "staff" else [Role.PROVIDER.value] if kind == "provider" else [],
    }
    if kind == "provider":
        found["provider"] = fields.get("provider", "")
    elif kind == "customer":
        found["plan"] = fields.get("plan", Plan.FREE.value)
    return found


async def _overview(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    values: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    flash: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    providers = [
        {"slug": slug, "name": str(found.get("name") or slug)}
        for slug, found in sorted(portal.directory.all("providers").items())
    ]
    return draw(
        screens,
        request,
        "admin_invitations.html",
        actor,
        "invitations",
        status=status,
        items=await _items(actor, portal),
        roles=STAFF_ROLES,
        plans=list(Plan),
        providers=providers,
        values=values,
        errors=errors or {},
        flash=flash,
        key=secrets.token_urlsafe(18),
    )


async def _items(actor: Actor, portal: Portal) -> list[dict[str, Any]] | None:
    """None: intake does not say just now."""
    try:
        answer = await portal.intake.forward(actor, "GET", "/v1/invitations")
    except Unavailable:
        # The form to invite works without the list.
        return None
    return list(answer.json.get("items", [])) if answer.status == 200 else None


async def _do(actor: Actor, portal: Portal, method: str, path: str, done: str) -> Response:
    """What is gone already is as good as withdrawn."""
    _admins_only(actor)
    answer = await portal.intake.forward(actor, method, path)
    # Any other answer is shown by the list itself.
    if answer.status >= 500:
        raise Unavailable("intake", f"an invitation was answered {answer.status}")
    return see_other(f"{PATH}?done={done}" if answer.is_accepted else PATH)


def _path(key: str) -> str:
    if not _INVITATION.fullmatch(key):
        raise not_found()
    return f"/v1/invitations/{key}"


def _admins_only(actor: Actor) -> None:
    if not is_admin(actor):
        raise not_found()


def _accept(
    request: Request,
    screens: PageRenderer,
    token: str,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    return screens.page(
        request,
        "invitation.html",
        status=status,
        token=token,
        email=read_claimed_person(token),
        # 403 is a link that was used, withdrawn or has expired.
        is_over=status == 403,
        values={"name": values.get("name", "")},
        errors=errors,
        headers=_HEADERS,
    )
