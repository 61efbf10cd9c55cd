"""To the OpenID provider and back: `/login/oidc` is the address behind the button, the callback is where the provider sends people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from services.portal.oidc import COOKIE, GOOD_FOR, SignIn
from services.portal.screens import Screens, local, see_other
from services.portal.session import Cookies
from services.portal.visitors import Drawn, Parts, not_found
from services.portal.wiring import Portal
from shared.errors import Refused, Unavailable

PATH = "/login/oidc"

router = APIRouter(include_in_schema=False)


def _configured(portal: Portal) -> SignIn:
    if portal.sign_in is None:
        raise not_found()
    return portal.sign_in


@router.get(PATH)
async def begin(request: Request, portal: Parts, screens: Drawn, back: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Off to the provider. Beginning a sign-in changes nothing here, so a link is enough."""
    sign_in = _configured(portal)
    try:
        going = await sign_in.begin(local(back))
    except Unavailable:
        return _again(request, portal, screens, 503, "The sign-in provider does not answer just now. Your password works.")
    response = RedirectResponse(going.location, 303, {"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        going.cookie,
        max_age=int(GOOD_FOR.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=portal.settings.is_https,
        path=PATH,
    )
    return response


@router.get(f"{PATH}/callback")
async def finish(request: Request, portal: Parts, screens: Drawn) -> Response:
    """Back from the provider: in, if the address it has verified is registered here."""
    sign_in = _configured(portal)
    try:
        email, back = await sign_in.finish(request.cookies.get(COOKIE), dict(request.query_params))
    except Refused as refusal:
        return _again(request, portal, screens, refusal.status, refusal.detail)
    except Unavailable:
        return _again(request, portal, screens, 503, "The sign-in provider does not answer just now. Your password works.")
    if portal.directory.get("accounts", email) is None:
        return _again(request, portal, screens, 403, f"{email} is not registered here. Ask whoever runs the platform for an account.")
    response = see_other(back)
    portal.sessions.remember(response, Cookies(await portal.sessions.begin(request, email, by_password=False)))
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax", secure=portal.settings.is_https)
    return response


def _again(request: Request, portal: Portal, screens: Screens, status: int, said: str) -> Response:
    """The login page with what went wrong."""
    return screens.page(
        request, "login.html", status=status, next="/", identities=[], errors={"form": said}, sign_in=portal.settings.oidc_label
    )
