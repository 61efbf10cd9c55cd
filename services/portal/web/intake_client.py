"""Writes go to intake: one keep-alive client, used by the API (as it came) and by the pages (for
the signed-in person).

Every write carries an Idempotency-Key, drawn here if the client gave none, so the one retry after a
dropped connection is safe. Intake away: `Unavailable`, a 503 with Retry-After.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response
from yarl import URL

from services.portal.web.inner_path import inner_path
from services.portal.web.passing import BodyStream, Streams, is_small
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.http.budget import peer_of
from shared.http.client_address import HEADER, vouch
from shared.people.identity import mint
from shared.telemetry.log_context import current_trace

# Headers that go on to intake. Cookies are absent: they are the portal's alone.
_PASSED_ON = (
    "content-type",
    "idempotency-key",
    "if-match",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-twilio-signature",
)
# Headers that go back to the client; those of the connection are absent.
_PASSED_BACK = (
    "content-type",
    "retry-after",
    "location",
    "www-authenticate",
    "idempotency-key",
    "etag",
    "link",
)
_LARGE = {"/v1/mail": 25 * 1024 * 1024, "/v1/alerts": 8 * 1024 * 1024 + 1}
"""Addresses whose bodies are larger than a form: a whole message, a storm of alerts."""
MOST_BYTES = 25 * 1024 * 1024
"""Of one uploaded file; intake has the last word."""

_CUT = frozenset({"/v1/alerts"})
"""Addresses whose bodies are cut where they are too long: a monitor does not repeat what was
refused, and intake takes the alerts before the cut. One byte more than intake takes tells it so.
"""
_NOT_MADE_UP = ("content-type",)
"""aiohttp would call an empty body `application/octet-stream`, and intake refuse it."""
# An intake that is away is noticed within seconds; an answer may take longer.
_TIMEOUT = aiohttp.ClientTimeout(total=12, connect=1.5)
# A large body over a slow line needs minutes.
_UPLOAD = aiohttp.ClientTimeout(total=130, connect=1.5)


@dataclass(frozen=True)
class IntakeAnswer:
    """What intake said. `json` is its document, a problem document where `status` is 400
    or more.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_accepted(self) -> bool:
        return self.status < 300


class IntakeClient:
    """The way to intake, and to the demo's far end. `close()` at the end."""

    def __init__(
        self, intake_url: str, sink_url: str, clock: Clock, secret: str | None, *, max_body: int
    ) -> None:
        self._intake, self._sink = intake_url.rstrip("/"), sink_url.rstrip("/")
        self._clock, self._secret, self._max_body = clock, secret, max_body
        # Two budgets: mail, alerts and files must not take the places of other large requests.
        self._large, self._middling = Streams(most=150, each=20), Streams(most=100, each=20)
        self._http: aiohttp.ClientSession | None = None
        self._wide: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        for session in (self._http, self._wide):
            if session is not None:
                await session.close()

    async def forward(
        self,
        actor: Actor | None,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        client: str = "",
        if_match: str = "",
    ) -> IntakeAnswer:
        """Ask intake on behalf of somebody signed in here; None where the document itself says who
        (a signed link's token).

        `path` begins with `/v1/`; `client` is the address they ask from, where intake counts by it;
        `if_match` the entity tag a change was made of. Raises Refused `not-found` (404) where a
        name in it makes it another path, and Unavailable.
        """
        headers = {"content-type": "application/json"}
        if actor is not None:
            headers["authorization"] = self._bearer(actor)
        if client:
            # Vouched for with the secret, since a header alone could be anybody's.
            headers[HEADER] = vouch(client, self._secret)
        if if_match:
            headers["if-match"] = if_match
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        return await self._send(method, path, headers, orjson.dumps(document or {}))

    async def pass_on(self, request: Request, actor: Actor | None) -> Response:
        """A client's own request as it came; `actor` is who its cookie stands for, None where it
        carries a bearer token.

        Raises Refused `too-large` (413) and Unavailable.
        """
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["authorization"] = (
            self._bearer(actor) if actor is not None else request.headers.get("authorization", "")
        )
        headers[HEADER] = vouch(_host_of(request), self._secret)
        path = _read_raw_path(request)
        # What passes here is bounded before intake reads a byte.
        most = _LARGE.get(request.scope["path"], self._max_body)
        passing = BodyStream(request, most, is_cut=request.scope["path"] in _CUT)
        length = passing.announced()
        # Small bodies are kept, so that a dropped connection can be mended by sending again.
        if is_small(request):
            body = b"".join([chunk async for chunk in passing.chunks()])
            answer = await self._send(request.method, path, headers, body)
        else:
            streams = self._large if request.scope["path"] in _LARGE else self._middling
            # One slow client must not take all the places.
            with streams.one(peer_of(_host_of(request))):
                answer = await self._stream(request.method, path, headers, passing, length)
        return self._pass_back(answer)

    async def upload(
        self,
        actor: Actor | None,
        path: str,
        chunks: AsyncIterator[bytes],
        headers: Mapping[str, str] | None = None,
    ) -> IntakeAnswer:
        """Bytes passed on as they come; `headers` may hold a client's own bearer token. Not
        repeated. Raises Refused (404) for a path that is none, and Unavailable.
        """
        sent = {"content-type": "application/octet-stream", **(headers or {})}
        if actor is not None:
            sent["authorization"] = self._bearer(actor)
        return await self._pass("POST", path, sent, chunks)

    async def _stream(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        passing: BodyStream,
        length: int | None,
    ) -> IntakeAnswer:
        """A body passed on as it comes; sent again where the connection was gone before any of it
        was read.
        """
        # Drawn once for both attempts: to intake they are one request.
        headers.setdefault("idempotency-key", secrets.token_urlsafe(18))
        if length is not None:
            headers["content-length"] = str(length)
        for _ in range(2):
            try:
                return await self._pass(method, path, headers, passing.chunks())
            except Unavailable:
                # The client's own fault, which says more than the connection that broke.
                if passing.refusal is not None:
                    raise passing.refusal from None
                # Part of the body is gone: it cannot be sent again.
                if passing.began:
                    raise
        raise Unavailable("intake", "the connection was closed twice")

    async def _pass(
        self, method: str, path: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes]
    ) -> IntakeAnswer:
        try:
            return await self._ask(
                self._get_streaming_session(),
                method,
                path,
                headers,
                chunks,
                timeout=_UPLOAD,
                expect100=True,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable("intake", repr(error)) from error

    async def pass_on_file(self, request: Request, actor: Actor | None) -> Response:
        """A client's own upload, as `pass_on` without a limit of ours: intake counts as
        it comes.
        """
        passing = BodyStream(request, MOST_BYTES, is_cut=False)
        passing.announced()
        kept = {
            name: request.headers[name]
            for name in ("content-disposition", "content-length")
            if name in request.headers
        }
        if actor is None:
            kept["authorization"] = request.headers.get("authorization", "")
        with self._large.one(peer_of(_host_of(request))):
            try:
                answer = await self.upload(actor, _read_raw_path(request), passing.chunks(), kept)
            except Unavailable:
                # Either the client broke off or intake did.
                raise passing.refusal or Unavailable("intake", "it broke off") from None
        return self._pass_back(answer)

    async def outbox(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the demo's far end received, oldest first (DESIGN section 7). Raises Unavailable."""
        try:
            params = {"kind": kind} if kind else {}
            async with self._session().get(
                f"{self._sink}/demo/outbox",
                params=params,
                headers={"Accept": "application/json"},
                timeout=_TIMEOUT,
            ) as answer:
                found = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise Unavailable("demo-sink", repr(error)) from error
        return found if isinstance(found, list) else []

    async def methods(self, path: str) -> frozenset[str]:
        """The methods intake takes at `path`, as it stands in a scope; empty where it knows no such
        address. Raises Unavailable.
        """
        try:
            answer = await self._send("OPTIONS", quote(path), {}, b"")
        except Refused:
            return frozenset()
        named = answer.headers.get("allow", "") if answer.is_accepted else ""
        return frozenset(each.strip() for each in named.split(",") if each.strip())

    async def not_set_up(self) -> list[str] | None:
        """What intake's /readyz lists as not set up; None while it is away."""
        try:
            async with self._session().get(f"{self._intake}/readyz", timeout=_TIMEOUT) as answer:
                found = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            # Away is not the same as "all is set up".
            return None
        return [str(said) for said in found.get("not_set_up", ())]

    async def openapi(self) -> dict[str, Any]:
        """Intake's own OpenAPI document, empty while it is away."""
        try:
            async with self._session().get(
                f"{self._intake}/openapi.json", timeout=_TIMEOUT
            ) as answer:
                return dict(orjson.loads(await answer.read())) if answer.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            return {}

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes],
        *,
        timeout: aiohttp.ClientTimeout,
        expect100: bool = False,
    ) -> IntakeAnswer:
        """One request to intake, the only place where its address is made. Nothing reads the path
        once more on its way: what was checked is what is sent. Raises Refused (404) for a path that
        is none, and what aiohttp raises.
        """
        way, _, query = path.partition("?")
        async with session.request(
            method,
            URL(self._intake + inner_path(way, query), encoded=True),
            data=body,
            headers={**headers, **_trace_headers()},
            timeout=timeout,
            allow_redirects=False,
            expect100=expect100,
            skip_auto_headers=_NOT_MADE_UP,
        ) as answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return IntakeAnswer(answer.status, found, await answer.read())

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> IntakeAnswer:
        # Once for both attempts.
        if method in ("POST", "PUT", "DELETE"):
            headers.setdefault("idempotency-key", secrets.token_urlsafe(18))
        for attempt in (1, 2):
            try:
                return await self._ask(
                    self._session(), method, path, headers, body, timeout=_TIMEOUT
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # Refused connections are not tried again: nobody listens there.
                if attempt == 2 or isinstance(error, aiohttp.ClientConnectorError):
                    raise Unavailable("intake", repr(error)) from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unavailable("intake", repr(error)) from error
        raise AssertionError("two attempts end in an answer or an error")

    def _pass_back(self, answer: IntakeAnswer) -> Response:
        """Intake's answer for a client. An address of intake's own becomes a path: clients cannot
        reach it, and it is not theirs to know.
        """
        kept = {
            name: answer.headers[name].replace(self._intake, "")
            for name in _PASSED_BACK
            if name in answer.headers
        }
        return Response(answer.body, answer.status, kept)

    def _bearer(self, actor: Actor) -> str:
        if self._secret is None:
            raise Refused(
                "no-secret",
                "this installation has no SIGNALBOX_SECRET, so nobody can write while signed in "
                "here",
                status=503,
            )
        return f"Bearer {mint(actor.email, Via.WEB, self._secret, self._clock.now())}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                # Shorter than the server keeps an idle connection, so that few are closed under us.
                connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=4)
            )
        return self._http

    def _get_streaming_session(self) -> aiohttp.ClientSession:
        """Connections of their own: a slow body holds none that others wait for."""
        if self._wide is None:
            self._wide = aiohttp.ClientSession(
                # Not bounded here: `Streams` counts them.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4)
            )
        return self._wide


def _host_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _read_raw_path(request: Request) -> str:
    """Path and query as the client wrote them."""
    # As it came in: a path that was decoded already cannot be checked any more.
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    query = request.scope.get("query_string", b"").decode("latin-1")
    path = raw.partition(b"?")[0].decode("latin-1")
    return f"{path}?{query}" if query else path


def _trace_headers() -> dict[str, str]:
    """The trace of the request we answer goes on in intake."""
    trace = current_trace()
    return {} if trace is None else {"traceparent": trace.traceparent}
