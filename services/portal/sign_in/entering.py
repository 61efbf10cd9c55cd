"""Somebody has shown who they are, by a password or a provider: what comes before they are in."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from services.portal.sign_in.cookies import forget_cookie, read_cookie, set_cookie
from services.portal.sign_in.second_step import UNDER_WAY
from services.portal.web.parts import Portal
from services.portal.web.render import see_other

COOKIE = "signalbox_under_way"
"""Of a login that waits for its second step."""
PROVIDER = "provider."
"""Begins the cookie of a login by an OpenID provider."""
_PATH = "/login"
_NEXT = {"code": "/login/code", "enrolment": "/login/second-step"}


async def enter(
    request: Request, portal: Portal, email: str, back: str, *, by_password: bool
) -> Response:
    """In, and to `back`; or first to the second step. Raises Unavailable."""
    # The second step is asked for before there is any session.
    need = portal.second_steps.need(email, by_password=by_password)
    if need == "nothing":
        return await admit(request, portal, email, back, by_password=by_password)
    response = see_other(f"{_NEXT[need]}?{urlencode({'next': back})}")
    set_cookie(
        response,
        COOKIE,
        # A provider's login must not be taken for one by password when the code is given.
        ("" if by_password else PROVIDER) + portal.second_steps.begin(email),
        secure=portal.settings.is_https,
        lasts=UNDER_WAY.total_seconds(),
        path=_PATH,
    )
    return response


async def admit(
    request: Request,
    portal: Portal,
    email: str,
    back: str,
    *,
    by_password: bool,
    second: bool = False,
) -> Response:
    """A new session, and to `back`. Raises Unavailable."""
    response = see_other(back)
    await let_in(request, portal, email, response, by_password=by_password, second=second)
    return response


async def let_in(
    request: Request,
    portal: Portal,
    email: str,
    response: Response,
    *,
    by_password: bool,
    second: bool,
) -> None:
    """The same for an answer that is made already."""
    cookies = await portal.sessions.admit(request, email, by_password=by_password, second=second)
    portal.sessions.remember(response, cookies)
    # The login is over: its token must not open a second one.
    forget_cookie(response, COOKIE, secure=portal.settings.is_https, path=_PATH)


def token_of(request: HTTPConnection, portal: Portal) -> tuple[str, bool]:
    """The token of a login under way, and whether it began with a password."""
    value = read_cookie(request, COOKIE, secure=portal.settings.is_https) or ""
    return value.removeprefix(PROVIDER), not value.startswith(PROVIDER)
