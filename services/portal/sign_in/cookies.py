"""The names of our cookies, and what of them counts.

With https a cookie's name has the prefix `__Host-`: a browser takes such a cookie from this very
host alone, over https, for every path (RFC 6265bis, section 4.1.3.2). No neighbour under the same
domain can plant one.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

HOST_PREFIX = "__Host-"
BOUND = "host."
"""Begins the value of a cookie that counts under its prefixed name alone."""


def name_of(plain: str, *, secure: bool) -> str:
    """The name that a cookie called `plain` over http is given under now."""
    return HOST_PREFIX + plain if secure else plain


def read_cookie(request: HTTPConnection, plain: str, *, secure: bool) -> str | None:
    """Its value. One that a release before the prefix gave out counts until it ends by itself."""
    if secure and (value := request.cookies.get(HOST_PREFIX + plain)) is not None:
        return value
    value = request.cookies.get(plain)
    # Such a value was given out under the prefix: under the plain name somebody planted it.
    return None if secure and value is not None and value.startswith(BOUND) else value


def set_cookie(
    response: Response, plain: str, value: str, *, secure: bool, lasts: float, path: str
) -> None:
    """Give it out for `lasts` seconds; no script reads it. `path`: of one without the prefix."""
    response.set_cookie(
        name_of(plain, secure=secure),
        value,
        max_age=int(lasts),
        httponly=True,
        samesite="lax",
        secure=secure,
        # The prefix demands it; without it the narrower path is better.
        path="/" if secure else path,
    )


def forget_cookie(response: Response, plain: str, *, secure: bool, path: str) -> None:
    """Remove it, under the name of an earlier release as well."""
    # One of the two may be absent: to remove it again does no harm.
    for name, where in {
        name_of(plain, secure=secure): "/" if secure else path,
        plain: path,
    }.items():
        response.delete_cookie(name, path=where, httponly=True, samesite="lax", secure=secure)
