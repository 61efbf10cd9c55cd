"""The door: who asks, how often, under which key, with what body. In this order, so that a stranger's body is never read."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from limits import parse
from starlette.requests import ClientDisconnect, Request

from services.intake.domain import Asked
from services.intake.reference import Reference
from shared.clock import Clock
from shared.errors import Refused
from shared.events import Actor
from shared.identity import Caller, Need, bearer_of, recognise
from shared.strict_json import MAX_BYTES, canonical, too_large
from shared.strict_json import parse as parse_json

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BODY_WITHIN_S = 10.0
_NOTHING: dict[str, Any] = {}
_STRANGERS = "strangers"
OPENS_TICKETS = "/v1/tickets"


class Share(NamedTuple):
    """What is left of an allowance: so many requests until the window ends in so many seconds. `over`: this one was too many."""

    left: int
    resets_in: float
    over: bool


class Allowance:
    """So many requests of one account in a fixed window (`600/minute`, as `limits` writes it).

    `limits` reads the rate; its memory storage takes a lock and starts a thread now and then, here a count is enough.
    """

    def __init__(self, rate: str) -> None:
        self.rate = parse(rate)
        self._ends_at = 0.0
        self._taken: Counter[str] = Counter()

    def take(self, account: str, now: float) -> float:
        """0, or the seconds until the next window; `now` is seconds of a clock that never goes back."""
        share = self.draw(account, now)
        return share.resets_in if share.over else 0.0

    def draw(self, account: str, now: float) -> Share:
        """One more of `account`, and what is left."""
        if now >= self._ends_at:
            self._ends_at = now + self.rate.get_expiry()
            self._taken.clear()
        self._taken[account] += 1
        left = self.rate.amount - self._taken[account]
        return Share(max(0, left), self._ends_at - now, left < 0)


class Uses(Protocol):
    """`shared.token_use.TokenUse`: remembers that a token was used."""

    def seen(self, token: str, at: datetime) -> None: ...


@dataclass(frozen=True)
class Door:
    """Everything before a request means anything.

    `allowance` is an account's, `in_all` everybody's together. An account that has used up its own may still open tickets that
    page, as many as `reserve` says: whoever floods us with replies or a looping script can have an emergency too. Beyond that
    even urgents are refused; grouping keeps the on-call engineer's phone from ringing for each of them long before.
    """

    reference: Reference
    clock: Clock
    secret: str | None
    allowance: Allowance
    uses: Uses | None = None
    in_all: Allowance = field(default_factory=lambda: Allowance("5000/second"))
    reserve: Allowance = field(default_factory=lambda: Allowance("60/minute"))

    def who(self, request: Request, need: Need) -> tuple[Actor, datetime]:
        """The caller, and the time it is. Raises Refused 401, 403 or 429."""
        caller, now = self.caller(request, need)
        return caller.actor, now

    def caller(self, request: Request, need: Need) -> tuple[Caller, datetime]:
        """The same, with what the bearer is besides an account."""
        now = self.clock.now()
        caller = recognise(bearer_of(request.headers.get("authorization")), self.reference, self.secret, now, need=need)
        self.count(caller.actor.email, request)
        if self.uses is not None and caller.token is not None:
            self.uses.seen(caller.token, now)
        return caller, now

    def count(self, account: str, request: Request | None = None) -> None:
        """One more request of this account. Raises Refused `too-many-requests` with the seconds to wait.

        The share that is left goes into `request.state.share`, and `over` (the seconds) where only the reserve lets it through.
        """
        now = time.monotonic()
        together, share = self.in_all.draw("", now), self.allowance.draw(account, now)
        if together.over:
            raise too_many("All of us together ask too much just now.", together.resets_in)
        if request is not None:
            request.state.share = share
        if share.over:
            opens = request is not None and request.method == "POST" and request.url.path == OPENS_TICKETS
            if not opens or self.reserve.take(account, now):
                raise too_many(f"One account may ask {self.allowance.rate}. Slow down.", share.resets_in)
            assert request is not None
            request.state.over = share.resets_in

    @contextlib.contextmanager
    def proving(self, account: str) -> Iterator[None]:
        """Around the check of a signature. Who fails it counts among all who fail, who passes it on `account`: so a stranger who tries
        uses up nothing of whoever holds the link. Raises Refused `too-many-requests`, or what the check raised.
        """
        try:
            yield
        except Refused:
            self.count(_STRANGERS)
            raise
        self.count(account)

    async def asked(self, request: Request, need: Need = "write") -> tuple[dict[str, Any], Asked]:
        """The body and who asks for it under which key."""
        actor, _ = self.who(request, need)
        return await self.body_of(request, actor)

    async def body_of(self, request: Request, actor: Actor) -> tuple[dict[str, Any], Asked]:
        """The same for a caller who is known already."""
        now = self.clock.now()
        body = await read_object(request)
        return body, self.under_key(request, body, actor, now)

    def under_key(self, request: Request, body: dict[str, Any], actor: Actor, now: datetime) -> Asked:
        """What a caller who is known asks, under their Idempotency-Key or one drawn here."""
        key = request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise Refused("invalid-idempotency-key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
        over = getattr(request.state, "over", 0.0)
        return Asked(actor, now, key or secrets.token_urlsafe(18), digest_of(body, self.secret), key is None, over)


def digest_of(body: dict[str, Any], secret: str | None) -> str:
    """What a body is known again by. It is of the body as it came, secrets included, and goes into the log: so it is an HMAC, and
    nobody who reads the log can find out by trying what was masked.
    """
    return hmac.digest((secret or "").encode(), b"signalbox.digest\0" + canonical(body), "sha256").hex()


def too_many(why: str, seconds: float) -> Refused:
    """429, with the seconds to wait."""
    return Refused("too-many-requests", why, status=429, extra={"retry_after": max(1, math.ceil(seconds))})


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body; no body counts as an empty one. Raises Refused 400, 408, 413, 415."""
    raw = await read_raw(request)
    return parse_json(raw) if raw else _NOTHING


async def read_raw(request: Request) -> bytes:
    """The bytes of a JSON body, for who must check a signature over them. Raises as `read_object`."""
    kind = request.headers.get("content-type")
    if kind and kind != "application/json" and not re.match(r"(?i)application/([\w.-]+\+)?json\s*(;|$)", kind):
        raise Refused("unsupported-media-type", "Send the body as application/json.", status=415)
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise too_large()
    return await _read(request)


async def read_form(request: Request) -> str:
    """The text of a form as gateways send it. Raises as `read_object`."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refused("unsupported-media-type", "Send the form as application/x-www-form-urlencoded.", status=415)
    try:
        return (await _read(request)).decode()
    except UnicodeDecodeError as error:
        raise Refused("bad-request", "The form is not UTF-8.", status=400) from error


async def _read(request: Request) -> bytes:
    """The body, counted as it comes: the length announced may be a lie."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BYTES:
                    raise too_large()
                chunks.append(chunk)
    except TimeoutError as error:
        raise Refused("request-timeout", f"The body did not come within {_BODY_WITHIN_S:g} seconds.", status=408) from error
    except ClientDisconnect as error:
        raise Refused("bad-request", "The body broke off.", status=400) from error
    return b"".join(chunks)
