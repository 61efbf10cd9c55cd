"""Who is asking: a bearer token, or a session cookie that stands for a row in MongoDB which can be
revoked.

The cookie holds 256 random bits, drawn anew at every login; the row is named by their SHA-256, so a
stolen dump opens nothing. Roles are read from the directory at every request, never from the
session; a session begun with a password ends when that password is changed, and one of an earlier
account of the same address is worth nothing. Nor is one begun with a password alone where the
account must have a second step (`needs_second`).
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

from services.portal.sign_in.cookies import name_of, read_cookie, set_cookie
from services.portal.sign_in.kept_sessions import KeptSessions
from services.portal.sign_in.tries import DEVICE_COOKIE, Tries
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.http import problems
from shared.people.folding import fold_address
from shared.people.identity import Lookup, actor_of, bearer_of, is_of, recognise
from shared.people.passwords import Passwords
from shared.storage.store import Document, Store

COOKIE = "signalbox_session"
"""Its name over http; with https it has a prefix (`cookies.py`), and the plain name counts for
nothing.
"""
SEEN_EVERY = timedelta(minutes=5)
# So long a browser is known as one that has signed in before.
ONE_YEAR = timedelta(days=365)
# So late a session may end that another process has ended, while MongoDB answers.
HEAR_OF_ENDS_EVERY_S = 5.0
_OVERLAP = timedelta(seconds=30)
"""Clocks of two processes differ, and a write takes its time."""
_LOOKED_UP_WITHIN_S = 1.5
# Methods that change nothing, so they need no protection from other sites.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SessionUseRecorder(Protocol):
    """`shared.people.token_use.TokenUse`."""

    def seen(self, token: str, at: datetime) -> None: ...


class Cookies(NamedTuple):
    """What a browser is given at a login: the session's cookie, and the one by which it is known
    the next time.
    """

    session: str
    device: str | None = None


class Sessions:
    """Logs in, recognises and logs out. One per process."""

    def __init__(
        self,
        store: Store,
        directory: Lookup,
        clock: Clock,
        secret: str | None,
        *,
        lasts: timedelta,
        secure: bool,
        uses: SessionUseRecorder | None = None,
        on_end: Callable[[str], None] = lambda _: None,
        copies: int = 1,
        needs_second: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store, self._directory, self._clock, self._secret = store, directory, clock, secret
        self._lasts, self._secure, self._uses = lasts, secure, uses
        self._cookie = name_of(COOKIE, secure=secure)
        self._kept, self._on_end = KeptSessions(), on_end
        self._needs_second = needs_second
        self._unwritten: set[str] = set()  # ended here, not yet in MongoDB
        self._passwords, self._tries = Passwords(), Tries(secret, copies)

    async def run(self) -> None:
        """Hear of sessions that other processes ended, and write ends that MongoDB did not take,
        until cancelled.
        """
        since = self._clock.now()
        while True:
            await asyncio.sleep(HEAR_OF_ENDS_EVERY_S)
            now = self._clock.now()
            # Nothing is lost while MongoDB is away: `since` stays where it is.
            with contextlib.suppress(Unavailable):
                for name in list(self._unwritten):
                    await self._end(name)
                # An end is written as the time of the end, so this finds those of the last seconds.
                over = await self._store["sessions"].find(
                    {"expires_at": {"$gte": since - _OVERLAP, "$lte": now}}, fields={"_id": 1}
                )
                self._tell(self._kept.end(row["_id"] for row in over))
                since = now

    async def actor(self, request: HTTPConnection, *, confirmed: bool = False) -> Actor:
        """Who asks. `confirmed`: for what must be sure (tokens, passwords, who may what), a session
        that only this process remembers is not enough.

        Raises Refused `unauthenticated` (401), and Unavailable where a cookie cannot be looked up.
        """
        found = await self.actor_or_none(request, confirmed=confirmed)
        if found is None:
            raise Refused(
                "unauthenticated",
                "sign in at /login, or send `Authorization: Bearer <token>`",
                status=401,
            )
        return found

    async def actor_or_none(
        self, request: HTTPConnection, *, confirmed: bool = False
    ) -> Actor | None:
        """Who asks, None for a visitor. Raises Refused for a bad bearer token, and Unavailable.

        What is written here goes to intake as its account, without the limits of a token; so a
        machine's token reads here, and writes where it is passed on as it is: under /v1.
        """
        authorization = request.headers.get("authorization")
        if authorization:
            now = self._clock.now()
            caller = recognise(bearer_of(authorization), self._directory, self._secret, now)
            # A token has limits that intake looks at, and this way leads around them.
            if caller.token is not None and request.scope.get("method", "GET") not in SAFE:
                raise Refused(
                    "session-needed",
                    "This form is for whoever is signed in with a browser; with a token, use /v1.",
                    status=403,
                )
            if self._uses is not None and caller.token is not None:
                self._uses.seen(caller.token, now)
            return caller.actor
        row = await self._row(request, confirmed)
        account = self._directory.get("accounts", row["email"]) if row else None
        # The account was removed, or made anew for somebody else, since the login.
        if row is None or account is None or not is_of(row, account):
            return None
        return actor_of(account, Via.WEB)

    def asking(self, request: HTTPConnection) -> Callable[[], Awaitable[Actor | None]]:
        """Who asks, to be asked again while the answer goes on; None too once a token is refused.
        Raises Unavailable.
        """

        async def still() -> Actor | None:
            try:
                return await self.actor_or_none(request)
            except Refused:
                return None

        return still

    async def _row(self, request: HTTPConnection, confirmed: bool) -> Document | None:
        """The session of the request's cookie, while it lasts."""
        cookie = request.cookies.get(self._cookie)
        if not cookie:
            return None
        row = await self._look_up(_name_of(cookie), confirmed)
        now = self._clock.now()
        if row is None or row["until"] <= now.timestamp():
            return None
        # The password has changed since.
        if row.get("credential") and row["credential"] != self._credential(row["email"]):
            return None
        # The second step became required, or was switched on, after the login.
        if row.get("credential") and not row.get("second") and self._needs_second(row["email"]):
            return None
        # Seldom, or every request would be a write; and nobody waits for it to succeed.
        if now - row.get("seen", now) > SEEN_EVERY:
            with contextlib.suppress(Unavailable):
                await self._store["sessions"].update({"_id": row["_id"]}, {"$set": {"seen": now}})
        return row

    async def _look_up(self, name: str, confirmed: bool) -> Document | None:
        """The session's row; while MongoDB is away as it was confirmed last, unless it ended."""
        try:
            # A server that stands still is not refused by the client for ten seconds.
            async with asyncio.timeout(_LOOKED_UP_WITHIN_S):
                row = await self._store["sessions"].find_one({"_id": name})
        except (TimeoutError, Unavailable) as error:
            # What must be sure is not answered from memory.
            kept = None if confirmed else self._kept.find(name, self._clock.now())
            if kept is None:
                raise Unavailable("mongodb", "sessions cannot be looked up") from error
            return kept
        # Ended here, though MongoDB may not have taken it yet.
        if self._kept.is_ended(name):
            return None
        self._kept.confirm(name, row, self._clock.now())
        return row

    async def check_password(self, request: Request, email: str, password: str) -> str:
        """The account's address, where the password is its. Raises Refused: `wrong-login` (401),
        `too-many-tries` (429) or `busy` (503).
        """
        # No address is longer (RFC 5321 allows less).
        email = fold_address(email.strip())[:320]
        address, device = (
            _address(request),
            read_cookie(request, DEVICE_COOKIE, secure=self._secure),
        )
        # Before the password is looked at: a try counts, right or wrong.
        self._tries.take(email, address, device)
        known, account = self._credentials(email), self._directory.get("accounts", email)
        is_right = await self._passwords.fits(
            str(known["password_hash"]) if known else None, password
        )
        # One answer for both, so that nobody learns which addresses are known.
        if not is_right or account is None:
            raise Refused(
                "wrong-login", "this address and password do not fit together", status=401
            )
        self._tries.forgive(email, address, device)
        return email

    def count_code(self, request: HTTPConnection, email: str) -> None:
        """One more code of the second step is tried. Raises Refused `too-many-tries` (429)."""
        self._tries.take_code(email, read_cookie(request, DEVICE_COOKIE, secure=self._secure))

    async def admit(
        self, request: Request, email: str, *, by_password: bool, second: bool = False
    ) -> Cookies:
        """The cookies of a new session of somebody who has shown who they are, by the second step
        too where the account has one. Raises Unavailable.
        """
        # Looked up before the login changes anything about it.
        is_known = self._tries.is_known(
            email, read_cookie(request, DEVICE_COOKIE, secure=self._secure)
        )
        session = await self.begin(request, email, by_password=by_password, second=second)
        return Cookies(session, None if is_known else self._tries.device_for(email))

    async def begin(
        self, request: Request, email: str, *, by_password: bool = True, second: bool = False
    ) -> str:
        """The cookie of a new session; the one the request came with, whoever it was of, ends.
        `second`: its owner gave a code of the second step. Raises Unavailable.
        """
        # First: the browser's session may be somebody else's.
        await self.log_out(request)
        cookie, now = secrets.token_urlsafe(32), self._clock.now()
        until = now + self._lasts
        row = {
            "_id": _name_of(cookie),
            "email": email,
            # `until` is what counts here; by `expires_at` MongoDB removes the row.
            "until": until.timestamp(),
            "expires_at": until,
            "since": now,
            "seen": now,
            "address": _address(request),
            "agent": request.headers.get("user-agent", "")[:300],
            # A login by a provider does not end with a change of the password.
            "credential": self._credential(email) if by_password else None,
            "second": second,
            "account_since": (self._directory.get("accounts", email) or {}).get("since"),
        }
        await self._store["sessions"].insert(row)
        return cookie

    async def has_second(self, request: HTTPConnection) -> bool:
        """Whether the session of the request was begun with a code of the second step."""
        row = await self._row(request, confirmed=True)
        return bool(row and row.get("second"))

    async def record_second_step(self, request: HTTPConnection) -> None:
        """The owner of the request's session has just given a code of the second step."""
        if cookie := request.cookies.get(self._cookie):
            await self._store["sessions"].update(
                {"_id": _name_of(cookie)}, {"$set": {"second": True}}
            )

    async def log_out(self, request: HTTPConnection) -> None:
        """Ends the session of the request's cookie, if it has one. Raises Unavailable: it is over
        in this process all the same.
        """
        if cookie := request.cookies.get(self._cookie):
            await self._end(_name_of(cookie))

    async def of(self, request: HTTPConnection, email: str) -> list[dict[str, Any]]:
        """The sessions of an account that last, newest first: `{id, since, seen, address, agent,
        is_this}`.
        """
        here = _name_of(request.cookies.get(self._cookie, ""))
        rows = await self._store["sessions"].find(
            {"email": email, "until": {"$gt": self._clock.now().timestamp()}}, limit=200
        )
        # Only those that still open something: see `_row`.
        standing = [
            row
            for row in rows
            if is_of(row, self._directory.get("accounts", email))
            and (not row.get("credential") or row["credential"] == self._credential(email))
        ]
        shown = [
            {
                "id": row["_id"],
                "since": row.get("since"),
                "seen": row.get("seen"),
                "address": row.get("address", ""),
                "agent": row.get("agent", ""),
                "is_this": row["_id"] == here,
            }
            for row in standing
        ]
        # This one first, then the one that was used last.
        return sorted(
            shown,
            key=lambda row: (not row["is_this"], -(row["seen"].timestamp() if row["seen"] else 0)),
        )

    async def end(self, email: str, session_id: str) -> None:
        """End one session of the account."""
        found = await self._store["sessions"].find_one({"_id": session_id, "email": email})
        if found is not None:
            await self._end(session_id)

    async def end_all(self, email: str) -> None:
        """Sign out everywhere, here too."""
        # Here at once, whether or not MongoDB takes it.
        self._kept.end_all(email)
        self._tell({email})
        await self._store["sessions"].update_all({"email": email}, self._make_end())

    def remember(self, response: Response, cookies: Cookies) -> None:
        """Set the session's cookie, and the device's where it is new."""
        set_cookie(
            response,
            COOKIE,
            cookies.session,
            secure=self._secure,
            lasts=self._lasts.total_seconds(),
            path="/",
        )
        if cookies.device:
            set_cookie(
                response,
                DEVICE_COOKIE,
                cookies.device,
                secure=self._secure,
                lasts=ONE_YEAR.total_seconds(),
                path="/login",
            )

    def forget(self, response: Response) -> None:
        """Remove the session cookie."""
        response.delete_cookie(
            self._cookie, path="/", httponly=True, samesite="lax", secure=self._secure
        )

    async def _end(self, name: str) -> None:
        """Here at once; in MongoDB as soon as it takes it. Raises Unavailable."""
        self._tell(self._kept.end([name]))
        # Until it is written `run` tries again.
        self._unwritten.add(name)
        await self._store["sessions"].update({"_id": name}, self._make_end())
        self._unwritten.discard(name)

    def _tell(self, accounts: set[str]) -> None:
        for account in accounts:
            self._on_end(account)

    def _make_end(self) -> Document:
        """The change that ends a session. The row stays until MongoDB removes it (its index by
        `expires_at`), so that other processes hear of the end.
        """
        return {"$set": {"until": 0.0, "expires_at": self._clock.now()}}

    def _credentials(self, email: str) -> Mapping[str, Any] | None:
        """The password's document, where it is of the account as it is now."""
        known, account = (self._directory.get(kind, email) for kind in ("credentials", "accounts"))
        return known if known is not None and is_of(known, account) else None

    def _credential(self, email: str) -> str | None:
        """Which password the account has now, without telling which."""
        known = self._credentials(email)
        return (
            hashlib.sha256(str(known["password_hash"]).encode()).hexdigest()[:32]
            if known
            else "none"
        )


def _name_of(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client else "?"


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser sends this on behalf of another site: Fetch Metadata first, then Origin
    against Host.

    A request with neither header comes from no browser that could be misled. Bearer requests carry
    nothing ambient.
    """
    if method in SAFE or headers.get("authorization"):
        return False
    # Fetch Metadata says it plainly; "none" is an address that was typed or a bookmark.
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    # Older browsers say only where the form came from.
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc != headers.get("host")
    return False


class RefuseForeign:
    """ASGI middleware: an unsafe request of another site is answered 403 before anything looks at
    it.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Web sockets and the lifespan have no forms.
        if scope["type"] == "http" and is_foreign(scope["method"], HTTPConnection(scope).headers):
            refusal = problems.response(
                403,
                "foreign-origin",
                "this form was sent from another site; open the page here and try again",
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
