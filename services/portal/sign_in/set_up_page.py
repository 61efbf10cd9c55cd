"""`/setup`: where a link leads that makes somebody an administrator. Whoever holds the link chooses
the password, and what a new installation begins with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.sign_in.entering import enter
from services.portal.status.subscriptions_page import ask_as_nobody
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts
from shared.errors import Unavailable
from shared.people.folding import fold_address

PATH = "/setup"
_FIELDS = frozenset({"email", "name", "password", "again"})
_HEADERS = {"Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
# Seconds until this process must have read the account that was just made.
_AFTER_S = 5.0
TOO_LONG = (
    "It took too long to store. Nothing is lost: give the password again and press “Set up” once "
    "more. What was stored already does not count twice."
)

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def form(request: Request, screens: Drawn, token: str = "") -> Response:
    # What most want is ticked at first.
    return _form(request, screens, token, {"shipped": "yes", "page_me": "yes"}, {}, 200)


@router.post(PATH)
async def begin(request: Request, portal: Parts, screens: Drawn) -> Response:
    """Set up, and signed in."""
    fields = await fields_of(request, portal.settings.max_body)
    token, password = fields.get("token", ""), fields.get("password", "")
    # Before intake is asked: it gets the password once.
    if password != fields.get("again"):
        errors = {"again": "The two passwords are not the same."}
        return _form(request, screens, token, fields, errors, 422)
    document = {
        "token": token,
        "email": fields.get("email", "").strip(),
        "name": fields.get("name", "").strip(),
        "password": password,
        "shipped": "shipped" in fields,
        "page_me": "page_me" in fields,
    }
    client = request.client.host if request.client else ""
    answer = await ask_as_nobody(portal, "POST", "/v1/setup", document, client=client)
    if not answer.is_accepted:
        errors = problems_by_field(answer.json, _FIELDS)
        status = answer.status if 400 <= answer.status < 600 else 502
        # Part of it may be stored: to send it again is safe, and the way to go on.
        if status == 503:
            errors = {"form": TOO_LONG}
        return _form(request, screens, token, fields, errors, status)
    return await _sign_in(request, portal, fold_address(str(answer.json["email"])))


async def _sign_in(request: Request, portal: Portal, email: str) -> Response:
    """To the page of what is to be done next; to the login where the account is not known here
    yet.
    """
    # The session hangs on the password, which must be known here first.
    with contextlib.suppress(Unavailable):
        await portal.directory.wait_until(
            lambda: portal.directory.get("credentials", email) is not None, _AFTER_S
        )
    try:
        return await enter(request, portal, email, "/admin", by_password=True)
    except Unavailable:
        # Everything is set up; to sign in by hand is all that is left.
        return see_other("/login")


def _form(
    request: Request,
    screens: PageRenderer,
    token: str,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    return screens.page(
        request,
        "setup.html",
        status=status,
        token=token,
        # A password never goes back into a page.
        values={name: value for name, value in values.items() if name not in ("password", "again")},
        errors=errors,
        headers=_HEADERS,
    )
