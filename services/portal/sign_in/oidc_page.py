"""To the OpenID provider and back: `/login/oidc` is the address behind the button, the callback is
where the provider sends people.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from services.portal.sign_in.cookies import forget_cookie, read_cookie, set_cookie
from services.portal.sign_in.entering import enter
from services.portal.sign_in.group_roles import keep_roles
from services.portal.sign_in.oidc import COOKIE, GOOD_FOR, SignIn
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, local
from services.portal.web.visitors import Drawn, Parts, not_found
from shared.errors import Refused, Unavailable
from shared.people.identity import is_active

PATH = "/login/oidc"

_ROLES_AWAY = (
    "What your groups allow cannot be kept just now, so you are not logged in. Try again in a "
    "moment."
)

router = APIRouter(include_in_schema=False)


def _require_sign_in(portal: Portal) -> SignIn:
    if portal.sign_in is None:
        raise not_found()
    return portal.sign_in


@router.get(PATH)
async def begin(
    request: Request, portal: Parts, screens: Drawn, back: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """Off to the provider. Beginning a sign-in changes nothing here, so a link is enough."""
    sign_in = _require_sign_in(portal)
    try:
        # Only a path of ours: the provider's answer must not lead to another site.
        going = await sign_in.begin(local(back))
    except Unavailable:
        return _again(
            request,
            portal,
            screens,
            503,
            "The sign-in provider does not answer just now. Your password works.",
        )
    response = RedirectResponse(going.location, 303, {"Cache-Control": "no-store"})
    set_cookie(
        response,
        COOKIE,
        going.cookie,
        secure=portal.settings.is_https,
        lasts=GOOD_FOR.total_seconds(),
        path=PATH,
    )
    return response


@router.get(f"{PATH}/callback")
async def finish(request: Request, portal: Parts, screens: Drawn) -> Response:
    """Back from the provider: in, if the address it has verified is registered here."""
    sign_in = _require_sign_in(portal)
    try:
        cookie = read_cookie(request, COOKIE, secure=portal.settings.is_https)
        returned = await sign_in.finish(cookie, dict(request.query_params))
    except Refused as refusal:
        return _again(request, portal, screens, refusal.status, refusal.detail)
    except Unavailable:
        return _again(
            request,
            portal,
            screens,
            503,
            "The sign-in provider does not answer just now. Your password works.",
        )
    email, back = returned.email, returned.back
    # Known to the provider is not registered here.
    if not is_active(portal.directory.get("accounts", email)):
        return _again(
            request,
            portal,
            screens,
            403,
            f"{email} is not registered here. Ask whoever runs the platform for an account.",
        )
    try:
        # Before the session: roles that were taken away must not be in it.
        await keep_roles(portal, email, returned.groups)
    except Unavailable:
        return _again(request, portal, screens, 503, _ROLES_AWAY)
    response = await enter(request, portal, email, back, by_password=False)
    # Used up: a second answer with it is refused.
    forget_cookie(response, COOKIE, secure=portal.settings.is_https, path=PATH)
    return response


def _again(
    request: Request, portal: Portal, screens: PageRenderer, status: int, said: str
) -> Response:
    """The login page with what went wrong."""
    return screens.page(
        request,
        "login.html",
        status=status,
        next="/",
        identities=[],
        errors={"form": said},
        sign_in=portal.settings.oidc_label,
    )
