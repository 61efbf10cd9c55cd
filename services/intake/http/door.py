"""The door: who asks, how often, under which key, with what body. In this order, so that a
stranger's body is never read.
"""

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
from typing import Any, NamedTuple, Protocol, TypeVar

from limits import parse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from services.intake.domain import RequestContext
from services.intake.forms import Form, fill
from services.intake.http.answers import Answers, Remembered
from services.intake.turns import Turns
from services.intake.world.reference import Reference
from shared.clock import Clock
from shared.errors import Refused
from shared.events import Actor
from shared.http.in_flight import InFlight
from shared.http.strict_json import MAX_BYTES, canonical, too_large
from shared.http.strict_json import parse as parse_json
from shared.ids import derive
from shared.people.identity import Caller, Need, bearer_of, recognise
from shared.process.workers import size_of

F = TypeVar("F", bound=Form)

# Visible ASCII: what every proxy passes on unchanged in a header.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# A caller who sends slower than this holds a connection for nothing.
_BODY_WITHIN_S = 10.0
LARGE_BODIES_MOST = 128 * 1024 * 1024
"""Bytes in memory of all messages and alerts together."""
# One shared object for all empty bodies. Nobody may change it.
_NOTHING: dict[str, Any] = {}
# No account can have this name: accounts are addresses. All strangers share one rate.
_STRANGERS = "strangers"
COST_S = 0.01
"""Processor time of a text that counts as one request more."""
_COSTLY = (
    "The long texts of this account took so much work that its rate is used up. "
    "Only urgent tickets that page are still taken from it."
)
RESERVE = "60/minute"
"""Urgent tickets of one account that has used up its rate."""
OPENS_TICKETS = "/v1/tickets"
_BY_DERIVED_IDS = ("/v1/tickets", "/v1/pages/", "/v1/mail")
"""Writes whose ids come from their key: taken twice, they have one effect without being
remembered.
"""


class AllowanceLeft(NamedTuple):
    """What is left of an allowance: so many requests until the window ends in so many seconds.
    `over`: this one was too many.
    """

    left: int
    resets_in: float
    over: bool


class Allowance:
    """So many requests of one account in a fixed window (`600/minute`, as `limits` writes it).
    Each of `copies` processes gives its share of them, rounded up.

    `limits` reads the rate; its memory storage takes a lock and starts a thread now and then, here
    a count is enough.
    """

    def __init__(self, rate: str, copies: int = 1) -> None:
        self.rate = parse(rate)
        # Rounded up: the copies together may give a little more than the rate, never less.
        self.rate.amount = math.ceil(self.rate.amount / copies)
        self._ends_at = 0.0
        self._taken: Counter[str] = Counter()

    def take(self, account: str, now: float) -> float:
        """0, or the seconds until the next window; `now` is seconds of a clock that never goes
        back.
        """
        share = self.draw(account, now)
        return share.resets_in if share.over else 0.0

    def draw(self, account: str, now: float) -> AllowanceLeft:
        """One more of `account`, and what is left."""
        # A new window forgets everybody, so the counter stays as small as the accounts of one
        # window.
        if now >= self._ends_at:
            self._ends_at = now + self.rate.get_expiry()
            self._taken.clear()
        self._taken[account] += 1
        left = self.rate.amount - self._taken[account]
        return AllowanceLeft(max(0, left), self._ends_at - now, left < 0)

    def charge(self, account: str, seconds: float) -> None:
        """Count what a request of `account` cost: as one more for each 10 ms of processor time.
        So within 600/minute nobody uses more than a tenth of a processor.
        """
        self._taken[account] += int(seconds / COST_S)

    def seconds_to_wait(self, account: str, now: float) -> float:
        """0, or the seconds until an account that has used up its rate may go on; counts
        nothing.
        """
        if now < self._ends_at and self._taken[account] > self.rate.amount:
            return self._ends_at - now
        return 0.0


class TokenUseRecorder(Protocol):
    """`shared.people.token_use.TokenUse`: remembers that a token was used."""

    def seen(self, token: str, at: datetime) -> None: ...


@dataclass(frozen=True)
class RequestGate:
    """Everything before a request means anything.

    `allowance` is an account's, `in_all` everybody's together. An account that has used up its own
    may still open tickets that page, as many as `reserve` says: whoever floods us with replies or a
    looping script can have an emergency too. Beyond that even urgents are refused; grouping keeps
    the on-call engineer's phone from ringing for each of them long before.
    """

    reference: Reference
    clock: Clock
    secret: str | None
    allowance: Allowance
    uses: TokenUseRecorder | None = None
    in_all: Allowance = field(default_factory=lambda: Allowance("5000/second"))
    reserve: Allowance = field(default_factory=lambda: Allowance(RESERVE))
    answers: Answers = field(default_factory=lambda: Answers(None))
    in_flight: InFlight = field(default_factory=lambda: InFlight(LARGE_BODIES_MOST))
    turns: Turns = field(default_factory=Turns)
    """Threads for the texts of large writes, whose time is counted against `allowance`."""
    copies: int = 1
    """How many processes share what one person may do; each gives its share."""

    def __post_init__(self) -> None:
        # `Turns` measures the time, the rate of the account pays for it.
        self.turns.charge = self.allowance.charge

    def who(self, request: Request, need: Need) -> tuple[Actor, datetime]:
        """The caller, and the time it is. Raises Refused 401, 403 or 429."""
        caller, now = self.caller(request, need)
        return caller.actor, now

    def caller(self, request: Request, need: Need) -> tuple[Caller, datetime]:
        """The same, with what the bearer is besides an account."""
        caller, now = self.recognise(request, need)
        self.count(caller.actor.email, request)
        return caller, now

    def recognise(self, request: Request, need: Need) -> tuple[Caller, datetime]:
        """The same without a rate, for what pages. Raises Refused 401 or 403."""
        now = self.clock.now()
        caller = recognise(
            bearer_of(request.headers.get("authorization")),
            self.reference,
            self.secret,
            now,
            need=need,
        )
        if self.uses is not None and caller.token is not None:
            self.uses.seen(caller.token, now)
        return caller, now

    def count(self, account: str, request: Request | None = None) -> None:
        """One more request of this account. Raises Refused `too-many-requests` with the seconds to
        wait.

        The share that is left goes into `request.state.share`, and `over` (the seconds) where only
        the reserve lets it through.
        """
        now = time.monotonic()
        # The rate of all first: it protects this process, whoever asks.
        together, share = self.in_all.draw("", now), self.allowance.draw(account, now)
        if together.over:
            raise too_many("All of us together ask too much just now.", together.resets_in)
        # Told to every caller, in the rate limit headers of the answer.
        if request is not None:
            request.state.share = share
        if share.over:
            # Only a new ticket may page, so only that passes a used-up rate, and from a reserve of
            # its own.
            opens = (
                request is not None
                and request.method == "POST"
                and request.scope["path"] == OPENS_TICKETS
            )
            if not opens or self.reserve.take(account, now):
                raise too_many(
                    f"One account may ask {self.allowance.rate}. Slow down.", share.resets_in
                )
            assert request is not None
            # The ticket's body is not read yet. `will_page` refuses it later where it does not
            # page.
            request.state.over = share.resets_in

    @contextlib.contextmanager
    def count_attempts(self, account: str) -> Iterator[None]:
        """Around the check of a signature. Who fails it counts among all who fail, who passes it on
        `account`: so a stranger who tries uses up nothing of whoever holds the link. Raises Refused
        `too-many-requests`, or what the check raised.
        """
        try:
            yield
        except Refused:
            self.count(_STRANGERS)
            raise
        self.count(account)

    async def asked(
        self, request: Request, need: Need = "write"
    ) -> tuple[dict[str, Any], RequestContext]:
        """The body and who asks for it under which key."""
        actor, _ = self.who(request, need)
        return await self.body_of(request, actor)

    async def body_of(
        self, request: Request, actor: Actor
    ) -> tuple[dict[str, Any], RequestContext]:
        """The same for a caller who is known already."""
        now = self.clock.now()
        # The body comes after the caller and the rate: a stranger's bytes are never read.
        raw = await read_raw(request)
        # What is urgent is not known before: parsing waits for no other work.
        body = await self.turns.run(
            lambda: parse_json(raw) if raw else _NOTHING,
            size=len(raw),
            account=actor.email,
            pages=True,
        )
        return body, self.under_key(request, body, actor, now)

    async def fill(
        self,
        form: type[F],
        body: dict[str, Any],
        account: str = _STRANGERS,
        *,
        pages: bool = False,
        size: int | None = None,
    ) -> F:
        """`forms.fill`, in a thread where the body is large: its texts are searched for secrets.
        Raises as that, and Refused `too-many-requests` where the account used up its rate while
        the body waited; what `pages` waits for nobody else and is never refused by that. `size`:
        the body's `size_of`, where it is known.
        """

        def may_begin() -> None:
            # Asked when the turn comes and not before: the account may have used up its rate while
            # it waited.
            seconds = 0.0 if pages else self.allowance.seconds_to_wait(account, time.monotonic())
            if seconds:
                raise too_many(_COSTLY, seconds)

        return await self.turns.run(
            lambda: fill(form, body),
            size=size_of(body) if size is None else size,
            account=account,
            pages=pages,
            may_begin=may_begin,
        )

    def under_key(
        self, request: Request, body: dict[str, Any], actor: Actor, now: datetime
    ) -> RequestContext:
        """What a caller who is known asks, under their Idempotency-Key or one drawn here. Raises
        AnsweredBefore; Refused 409 or 422 for a key that is in use, or was used for another body.
        """
        key = request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise Refused(
                "invalid-idempotency-key",
                "An Idempotency-Key has 1 to 255 visible ASCII characters.",
            )
        # Set by `count`, where the request passed on the reserve alone.
        over = getattr(request.state, "over", 0.0)
        digest = digest_of(body, self.secret)
        path: str = request.scope["path"]
        # Where ids come from the key a repeat makes the same ticket, so nothing has to be
        # remembered.
        if key is not None and not path.startswith(_BY_DERIVED_IDS):
            where = f"{request.method} {path}"
            claim = derive("ans", actor.email, where, key)
            # With the query: the same body at another address is another request.
            whole = derive("dig", digest, request.url.query)
            self.answers.begin(claim, whole, key)
            request.state.claim = (claim, whole, now)
        # Without a key one is drawn, and the answer names it for a retry.
        return RequestContext(
            actor, now, key or secrets.token_urlsafe(18), digest, key is None, over
        )

    def answered(self, request: Request, response: Response | None) -> None:
        """A request is over; what was done is remembered under its key. None: it was refused."""
        claim = getattr(request.state, "claim", None)
        if claim is None:
            return
        request_id, digest, now = claim
        found: Remembered | None = None
        # Only success is remembered: after a refusal the same key may come with a better body.
        if response is not None and 200 <= response.status_code < 300:
            # An answer with a secret in it (no-store) must not lie in a file.
            is_secret = "no-store" in response.headers.get("cache-control", "")
            body = None if is_secret else bytes(response.body)
            found = Remembered(response.status_code, body, response.headers.get("etag"))
        self.answers.end(request_id, digest, found, now)


def digest_of(body: dict[str, Any], secret: str | None) -> str:
    """What a body is known again by. It is of the body as it came, secrets included, and goes into
    the log: so it is an HMAC, and nobody who reads the log can find out by trying what was masked.
    """
    return hmac.digest(
        (secret or "").encode(), b"signalbox.digest\0" + canonical(body), "sha256"
    ).hex()


def too_many(why: str, seconds: float) -> Refused:
    """429, with the seconds to wait."""
    return Refused(
        "too-many-requests", why, status=429, extra={"retry_after": max(1, math.ceil(seconds))}
    )


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body; no body counts as an empty one. Raises Refused 400, 408, 413,
    415.
    """
    raw = await read_raw(request)
    return parse_json(raw) if raw else _NOTHING


async def read_raw(request: Request) -> bytes:
    """The bytes of a JSON body, for who must check a signature over them. Raises as
    `read_object`.
    """
    # No Content-Type is taken as JSON: small scripts often leave it out.
    kind = request.headers.get("content-type")
    if (
        kind
        and kind != "application/json"
        and not re.match(r"(?i)application/([\w.-]+\+)?json\s*(;|$)", kind)
    ):
        raise Refused("unsupported-media-type", "Send the body as application/json.", status=415)
    # An early refusal; `_read` counts what really comes.
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise too_large()
    return await _read(request)


async def read_form(request: Request) -> str:
    """The text of a form as gateways send it. Raises as `read_object`."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise Refused(
            "unsupported-media-type",
            "Send the form as application/x-www-form-urlencoded.",
            status=415,
        )
    try:
        return (await _read(request)).decode()
    except UnicodeDecodeError as error:
        raise Refused("bad-request", "The form is not UTF-8.", status=400) from error


async def _read(request: Request) -> bytes:
    """The body, counted as it comes: the length announced may be a lie. A small one is one piece,
    whose time `shared/http/edge.py` limits.
    """
    message = await request.receive()
    # Nearly every body is one piece: no timer and no copy for it.
    if not message.get("more_body", False):
        return _piece_of(message)
    chunks = [_piece_of(message)]
    size = len(chunks[0])
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            # One limit for all pieces together, or a drip of bytes would never end.
            while message.get("more_body", False):
                message = await request.receive()
                chunks.append(_piece_of(message))
                size += len(chunks[-1])
                if size > MAX_BYTES:
                    raise too_large()
    except TimeoutError as error:
        raise Refused(
            "request-timeout",
            f"The body did not come within {_BODY_WITHIN_S:g} seconds.",
            status=408,
        ) from error
    return b"".join(chunks)


def _piece_of(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Refused("bad-request", "The body broke off.", status=400)
    piece: bytes = message.get("body", b"")
    if len(piece) > MAX_BYTES:
        raise too_large()
    return piece
