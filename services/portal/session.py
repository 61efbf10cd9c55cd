"""Who is asking: a bearer token, or a session cookie that stands for a row in MongoDB which can be revoked.

The cookie holds 256 random bits; the row is named by their SHA-256, so a stolen dump opens nothing. Roles are read from the
directory at every request, never from the session.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from shared import problems
from shared.clock import Clock
from shared.errors import Refused
from shared.events import Actor, Via
from shared.identity import Lookup, actor_of, authenticate, bearer_of
from shared.store import Store

COOKIE = "signalbox_session"
TRIES_PER_ACCOUNT = RateLimitItemPerMinute(8)
TRIES_PER_ADDRESS = RateLimitItemPerMinute(120)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Logs in, recognises and logs out. One per process."""

    def __init__(self, store: Store, directory: Lookup, clock: Clock, secret: str | None, *, lasts: timedelta, secure: bool) -> None:
        self._store, self._directory, self._clock, self._secret = store, directory, clock, secret
        self._lasts, self._secure = lasts, secure
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def actor(self, request: HTTPConnection) -> Actor:
        """Who asks. Raises Refused `unauthenticated` (401), and Unavailable where a cookie cannot be looked up."""
        found = await self.actor_or_none(request)
        if found is None:
            raise Refused("unauthenticated", "sign in at /login, or send `Authorization: Bearer <token>`", status=401)
        return found

    async def actor_or_none(self, request: HTTPConnection) -> Actor | None:
        """Who asks, None for a visitor. Raises Refused for a bad bearer token, and Unavailable."""
        authorization = request.headers.get("authorization")
        if authorization:
            return authenticate(bearer_of(authorization), self._directory, self._secret, self._clock.now())
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        row = await self._store["sessions"].find_one({"_id": _name_of(cookie)})
        if row is None or row["until"] <= self._clock.now().timestamp():
            return None
        account = self._directory.get("accounts", row["email"])
        return None if account is None else actor_of(account, Via.WEB)

    async def log_in(self, request: Request, email: str, password: str) -> str:
        """The cookie's value for a new session. Raises Refused: `wrong-login` (401) or `too-many-tries` (429).

        Tries are counted by account *and* address: guessing from elsewhere locks nobody out of their own account.
        """
        email = email.strip().lower()[:320]
        address = request.client.host if request.client else "?"
        by_account, by_address = (email, address), (address,)
        if not (self._limiter.hit(TRIES_PER_ACCOUNT, *by_account) and self._limiter.hit(TRIES_PER_ADDRESS, *by_address)):
            raise Refused("too-many-tries", "too many tries; wait a minute", status=429, extra={"retry_after": 60})
        known = self._directory.get("credentials", email)
        is_right = await asyncio.to_thread(self._verify, known, password[:1024])
        if not is_right or self._directory.get("accounts", email) is None:
            raise Refused("wrong-login", "this address and password do not fit together", status=401)
        self._limiter.clear(TRIES_PER_ACCOUNT, *by_account)
        cookie = secrets.token_urlsafe(32)
        until = self._clock.now() + self._lasts
        row = {"_id": _name_of(cookie), "email": email, "until": until.timestamp(), "expires_at": until}
        await self._store["sessions"].insert(row)
        return cookie

    async def log_out(self, request: HTTPConnection) -> None:
        """Ends the session of the request's cookie, if it has one."""
        if cookie := request.cookies.get(COOKIE):
            await self._store["sessions"].delete({"_id": _name_of(cookie)})

    def remember(self, response: Response, cookie: str) -> None:
        """Set the session cookie."""
        response.set_cookie(
            COOKIE, cookie, max_age=int(self._lasts.total_seconds()), httponly=True, samesite="lax", secure=self._secure, path="/"
        )

    def forget(self, response: Response) -> None:
        """Remove the session cookie."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _verify(self, known: Mapping[str, Any] | None, password: str) -> bool:
        """Runs in a thread. An unknown account costs as much time as a wrong password."""
        try:
            return self._hasher.verify(str(known["password_hash"]) if known else self._nobody, password) and known is not None
        except (VerificationError, InvalidHashError):
            return False


def _name_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser sends this on behalf of another site: Fetch Metadata first, then Origin against Host.

    A request with neither header comes from no browser that could be misled. Bearer requests carry nothing ambient.
    """
    if method in SAFE or headers.get("authorization"):
        return False
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc != headers.get("host")
    return False


class RefuseForeign:
    """ASGI middleware: an unsafe request of another site is answered 403 before anything looks at it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and is_foreign(scope["method"], HTTPConnection(scope).headers):
            refusal = problems.response(403, "foreign-origin", "this form was sent from another site; open the page here and try again")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
