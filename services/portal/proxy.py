"""Writes go to intake: one keep-alive client, used by the API (as it came) and by the pages (for the signed-in person).

Every write carries an Idempotency-Key, drawn here if the client gave none, so the one retry after a dropped connection is
safe. Intake away: `Unavailable`, a 503 with Retry-After.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Via
from shared.identity import mint

_PASSED_ON = (
    "content-type", "idempotency-key", "traceparent", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature",
    "x-twilio-signature",
)  # fmt: skip
_PASSED_BACK = ("content-type", "retry-after", "location", "www-authenticate", "idempotency-key", "link")
_LARGE = {"/v1/mail": 25 * 1024 * 1024}
"""Addresses whose bodies are larger than a form: a whole message."""
_NOT_MADE_UP = ("content-type",)
"""aiohttp would call an empty body `application/octet-stream`, and intake refuse it."""
_TIMEOUT = aiohttp.ClientTimeout(total=12, connect=1.5)
_UPLOAD = aiohttp.ClientTimeout(total=130, connect=1.5)


@dataclass(frozen=True)
class Answer:
    """What intake said. `json` is its document, a problem document where `status` is 400 or more."""

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


class Intake:
    """The way to intake, and to the demo's far end. `close()` at the end."""

    def __init__(self, intake_url: str, sink_url: str, clock: Clock, secret: str | None, *, max_body: int) -> None:
        self._intake, self._sink = intake_url.rstrip("/"), sink_url.rstrip("/")
        self._clock, self._secret, self._max_body = clock, secret, max_body
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def forward(
        self, actor: Actor | None, method: str, path: str, document: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> Answer:
        """Ask intake on behalf of somebody signed in here; None where the document itself says who (a signed link's token).

        `path` begins with `/v1/`. Raises Unavailable.
        """
        headers = {"content-type": "application/json"}
        if actor is not None:
            headers["authorization"] = self._bearer(actor)
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        return await self._send(method, path, headers, orjson.dumps(document or {}))

    async def pass_on(self, request: Request, actor: Actor | None) -> Response:
        """A client's own request as it came; `actor` is who its cookie stands for, None where it carries a bearer token.

        Raises Refused `too-large` (413) and Unavailable.
        """
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["authorization"] = self._bearer(actor) if actor is not None else request.headers.get("authorization", "")
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self._send(request.method, path, headers, await self._body(request))
        return Response(answer.body, answer.status, {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers})

    async def upload(
        self, actor: Actor | None, path: str, chunks: AsyncIterator[bytes], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Bytes passed on as they come; `headers` may hold a client's own bearer token. Not repeated. Raises Unavailable."""
        sent = {"content-type": "application/octet-stream", **(headers or {})}
        if actor is not None:
            sent["authorization"] = self._bearer(actor)
        try:
            async with self._session().post(
                self._intake + path, data=chunks, headers=sent, timeout=_UPLOAD, allow_redirects=False
            ) as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, found, await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable("intake", repr(error)) from error

    async def pass_on_file(self, request: Request, actor: Actor | None) -> Response:
        """A client's own upload, as `pass_on` without a limit of ours: intake counts as it comes."""
        kept = {name: request.headers[name] for name in ("content-disposition", "content-length", "traceparent") if name in request.headers}
        if actor is None:
            kept["authorization"] = request.headers.get("authorization", "")
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self.upload(actor, path, request.stream(), kept)
        return Response(answer.body, answer.status, {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers})

    async def outbox(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the demo's far end received, oldest first (DESIGN section 7). Raises Unavailable."""
        try:
            params = {"kind": kind} if kind else {}
            async with self._session().get(
                f"{self._sink}/demo/outbox", params=params, headers={"Accept": "application/json"}, timeout=_TIMEOUT
            ) as answer:
                found = orjson.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise Unavailable("demo-sink", repr(error)) from error
        return found if isinstance(found, list) else []

    async def openapi(self) -> dict[str, Any]:
        """Intake's own OpenAPI document, empty while it is away."""
        try:
            async with self._session().get(f"{self._intake}/openapi.json", timeout=_TIMEOUT) as answer:
                return dict(orjson.loads(await answer.read())) if answer.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            return {}

    async def _send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if method in ("POST", "PUT", "DELETE"):
            headers.setdefault("idempotency-key", secrets.token_urlsafe(18))
        for attempt in (1, 2):
            try:
                async with self._session().request(
                    method,
                    self._intake + path,
                    data=body,
                    headers=headers,
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                    skip_auto_headers=_NOT_MADE_UP,
                ) as answer:
                    found = {name.lower(): value for name, value in answer.headers.items()}
                    return Answer(answer.status, found, await answer.read())
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if attempt == 2 or isinstance(error, aiohttp.ClientConnectorError):
                    raise Unavailable("intake", repr(error)) from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unavailable("intake", repr(error)) from error
        raise AssertionError("two attempts end in an answer or an error")

    async def _body(self, request: Request) -> bytes:
        parts: list[bytes] = []
        size, most = 0, _LARGE.get(request.url.path, self._max_body)
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise Refused("too-large", f"a request body may have {most} bytes", status=413)
            parts.append(part)
        return b"".join(parts)

    def _bearer(self, actor: Actor) -> str:
        if self._secret is None:
            raise Refused("no-secret", "this installation has no SIGNALBOX_SECRET, so nobody can write while signed in here", status=503)
        return f"Bearer {mint(actor.email, Via.WEB, self._secret, self._clock.now())}"

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=4))
        return self._http
