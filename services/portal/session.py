"""Who is asking: a bearer token, or a session cookie that stands for a row in MongoDB which can be revoked.

The cookie holds 256 random bits, drawn anew at every login; the row is named by their SHA-256, so a stolen dump opens nothing.
Roles are read from the directory at every request, never from the session; a session begun with a password ends when that
password is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from services.portal.tries import DEVICE_COOKIE, Tries
from shared import problems
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.identity import Lookup, actor_of, bearer_of, recognise
from shared.passwords import Passwords
from shared.store import Document, Store

COOKIE = "signalbox_session"
SEEN_EVERY = timedelta(minutes=5)
ONE_YEAR = timedelta(days=365)
_MOST_SEEN = 5_000
_LOOKED_UP_WITHIN_S = 1.5
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Uses(Protocol):
    """`shared.token_use.TokenUse`."""

    def seen(self, token: str, at: datetime) -> None: ...


class Cookies(NamedTuple):
    """What a browser is given at a login: the session's cookie, and the one by which it is known the next time."""

    session: str
    device: str | None = None


class Sessions:
    """Logs in, recognises and logs out. One per process."""

    def __init__(
        self, store: Store, directory: Lookup, clock: Clock, secret: str | None, *, lasts: timedelta, secure: bool,
        uses: Uses | None = None,
    ) -> None:  # fmt: skip
        self._store, self._directory, self._clock, self._secret = store, directory, clock, secret
        self._lasts, self._secure, self._uses = lasts, secure, uses
        self._seen: dict[str, Document] = {}
        self._passwords, self._tries = Passwords(), Tries(secret)

    async def actor(self, request: HTTPConnection) -> Actor:
        """Who asks. Raises Refused `unauthenticated` (401), and Unavailable where a cookie cannot be looked up."""
        found = await self.actor_or_none(request)
        if found is None:
            raise Refused("unauthenticated", "sign in at /login, or send `Authorization: Bearer <token>`", status=401)
        return found

    async def actor_or_none(self, request: HTTPConnection) -> Actor | None:
        """Who asks, None for a visitor. Raises Refused for a bad bearer token, and Unavailable.

        What is written here goes to intake as its account, without the limits of a token; so a machine's token reads here, and
        writes where it is passed on as it is: under /v1.
        """
        authorization = request.headers.get("authorization")
        if authorization:
            now = self._clock.now()
            caller = recognise(bearer_of(authorization), self._directory, self._secret, now)
            if caller.token is not None and request.scope.get("method", "GET") not in SAFE:
                raise Refused("session-needed", "This form is for whoever is signed in with a browser; with a token, use /v1.", status=403)
            if self._uses is not None and caller.token is not None:
                self._uses.seen(caller.token, now)
            return caller.actor
        row = await self._row(request)
        account = self._directory.get("accounts", row["email"]) if row else None
        return None if account is None else actor_of(account, Via.WEB)

    def asking(self, request: HTTPConnection) -> Callable[[], Awaitable[Actor | None]]:
        """Who asks, to be asked again while the answer goes on; None too once a token is refused. Raises Unavailable."""

        async def still() -> Actor | None:
            try:
                return await self.actor_or_none(request)
            except Refused:
                return None

        return still

    async def _row(self, request: HTTPConnection) -> Document | None:
        """The session of the request's cookie, while it lasts."""
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        row = await self._looked_up(_name_of(cookie))
        now = self._clock.now()
        if row is None or row["until"] <= now.timestamp():
            return None
        if row.get("credential") and row["credential"] != self._credential(row["email"]):
            return None
        if now - row.get("seen", now) > SEEN_EVERY:
            with contextlib.suppress(Unavailable):
                await self._store["sessions"].update({"_id": row["_id"]}, {"$set": {"seen": now}})
        return row

    async def _looked_up(self, name: str) -> Document | None:
        """The session's row; while MongoDB is away as it was when last seen here, since nobody can end one meanwhile either."""
        try:
            async with asyncio.timeout(_LOOKED_UP_WITHIN_S):  # a server that stands still is not refused by the client for ten seconds
                row = await self._store["sessions"].find_one({"_id": name})
        except TimeoutError as error:
            if (kept := self._seen.get(name)) is None:
                raise Unavailable("mongodb", "sessions cannot be looked up") from error
            return kept
        except Unavailable:
            if (kept := self._seen.get(name)) is None:
                raise
            return kept
        self._seen.pop(name, None)
        if row is not None:
            self._seen[name] = row
            if len(self._seen) > _MOST_SEEN:
                del self._seen[next(iter(self._seen))]
        return row

    async def log_in(self, request: Request, email: str, password: str) -> Cookies:
        """The cookies of a new session. Raises Refused: `wrong-login` (401), `too-many-tries` (429) or `busy` (503)."""
        email = email.strip().lower()[:320]
        address, device = _address(request), request.cookies.get(DEVICE_COOKIE)
        self._tries.take(email, address, device)
        known = self._directory.get("credentials", email)
        is_right = await self._passwords.fits(str(known["password_hash"]) if known else None, password)
        if not is_right or self._directory.get("accounts", email) is None:
            raise Refused("wrong-login", "this address and password do not fit together", status=401)
        self._tries.forgive(email, address, device)
        is_known = self._tries.is_known(email, device)
        return Cookies(await self.begin(request, email), None if is_known else self._tries.device_for(email))

    async def begin(self, request: Request, email: str, *, by_password: bool = True) -> str:
        """The cookie of a new session; the one the request came with, whoever it was of, ends. Raises Unavailable."""
        await self.log_out(request)
        cookie, now = secrets.token_urlsafe(32), self._clock.now()
        until = now + self._lasts
        row = {
            "_id": _name_of(cookie), "email": email, "until": until.timestamp(), "expires_at": until, "since": now, "seen": now,
            "address": _address(request), "agent": request.headers.get("user-agent", "")[:300],
            "credential": self._credential(email) if by_password else None,
        }  # fmt: skip
        await self._store["sessions"].insert(row)
        return cookie

    async def log_out(self, request: HTTPConnection) -> None:
        """Ends the session of the request's cookie, if it has one."""
        if cookie := request.cookies.get(COOKIE):
            await self._store["sessions"].delete({"_id": _name_of(cookie)})

    async def of(self, request: HTTPConnection, email: str) -> list[dict[str, Any]]:
        """The sessions of an account that last, newest first: `{id, since, seen, address, agent, is_this}`."""
        here = _name_of(request.cookies.get(COOKIE, ""))
        rows = await self._store["sessions"].find({"email": email, "until": {"$gt": self._clock.now().timestamp()}}, limit=200)
        standing = [row for row in rows if not row.get("credential") or row["credential"] == self._credential(email)]
        shown = [
            {
                "id": row["_id"], "since": row.get("since"), "seen": row.get("seen"), "address": row.get("address", ""),
                "agent": row.get("agent", ""), "is_this": row["_id"] == here,
            }
            for row in standing
        ]  # fmt: skip
        return sorted(shown, key=lambda row: (not row["is_this"], -(row["seen"].timestamp() if row["seen"] else 0)))

    async def end(self, email: str, session_id: str) -> None:
        """End one session of the account."""
        await self._store["sessions"].delete({"_id": session_id, "email": email})

    async def end_all(self, email: str) -> None:
        """Sign out everywhere, here too."""
        over = {"until": 0.0, "expires_at": self._clock.now()}
        await self._store["sessions"].update_all({"email": email}, {"$set": over})

    def remember(self, response: Response, cookies: Cookies) -> None:
        """Set the session's cookie, and the device's where it is new."""
        lasts = int(self._lasts.total_seconds())
        response.set_cookie(COOKIE, cookies.session, max_age=lasts, httponly=True, samesite="lax", secure=self._secure, path="/")
        if cookies.device:
            year = int(ONE_YEAR.total_seconds())
            response.set_cookie(
                DEVICE_COOKIE, cookies.device, max_age=year, httponly=True, samesite="lax", secure=self._secure, path="/login"
            )

    def forget(self, response: Response) -> None:
        """Remove the session cookie."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=self._secure)

    def _credential(self, email: str) -> str | None:
        """Which password the account has now, without telling which."""
        known = self._directory.get("credentials", email)
        return hashlib.sha256(str(known["password_hash"]).encode()).hexdigest()[:32] if known else "none"


def _name_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client else "?"


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
