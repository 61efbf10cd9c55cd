"""A forgotten password: where somebody asks for a link, and where the link in the mail leads.

Whoever asks sees the same page whether or not the address is registered. Setting the password
signs nobody in: they log in with it, with their second step where they have one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.status.subscriptions_page import ask_as_nobody
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts
from shared.errors import Unavailable
from shared.people.folding import fold_address
from shared.signed.links import read_claimed_person

_HEADERS = {"Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
_ASK_FIELDS, _SET_FIELDS = frozenset({"email"}), frozenset({"password", "again"})
# Whether or not there is such an account.
_ANSWERED_ALIKE = 202

router = APIRouter(include_in_schema=False, prefix="/login")


@router.get("/forgotten")
async def ask_page(request: Request, screens: Drawn) -> Response:
    return screens.page(request, "forgotten.html", asked=False)


@router.post("/forgotten")
async def ask(request: Request, portal: Parts, screens: Drawn) -> Response:
    """Intake writes down that somebody asked; the courier sees whether there is an account."""
    fields = await fields_of(request, portal.settings.max_body)
    email = fields.get("email", "").strip()
    host = request.client.host if request.client else ""
    answer = await ask_as_nobody(
        portal, "POST", "/v1/password-resets", {"email": email}, client=host
    )
    problems = {} if answer.is_accepted else problems_by_field(answer.json, _ASK_FIELDS)
    return screens.page(
        request,
        "forgotten.html",
        status=_ANSWERED_ALIKE if answer.is_accepted else _status(answer.status),
        asked=answer.is_accepted,
        values={"email": email},
        errors=problems,
    )


@router.get("/password")
async def set_page(request: Request, screens: Drawn, token: str = "") -> Response:
    return _form(request, screens, token, {}, 200)


@router.post("/password")
async def set_password(request: Request, portal: Parts, screens: Drawn) -> Response:
    """The new password, twice. Every session of the account ends."""
    fields = await fields_of(request, portal.settings.max_body)
    token, password = fields.get("token", ""), fields.get("password", "")
    # Before intake is asked: it gets the password once.
    if password != fields.get("again"):
        errors = {"again": "The two passwords are not the same."}
        return _form(request, screens, token, errors, 422)
    host = request.client.host if request.client else ""
    document = {"token": token, "password": password}
    answer = await ask_as_nobody(portal, "POST", "/v1/passwords", document, client=host)
    if not answer.is_accepted:
        errors = problems_by_field(answer.json, _SET_FIELDS)
        return _form(request, screens, token, errors, _status(answer.status))
    # Those begun with the old password are worth nothing already; these are the others.
    with contextlib.suppress(Unavailable):
        await portal.sessions.end_all(fold_address(str(answer.json["email"])))
    return see_other("/login?done=password")


def _form(
    request: Request, screens: PageRenderer, token: str, errors: Mapping[str, str], status: int
) -> Response:
    return screens.page(
        request,
        "new_password.html",
        status=status,
        token=token,
        email=read_claimed_person(token),
        # 403 is a link that was used or has expired.
        is_over=status == 403,
        errors=errors,
        headers=_HEADERS,
    )


def _status(status: int) -> int:
    return status if 400 <= status < 600 else 502
