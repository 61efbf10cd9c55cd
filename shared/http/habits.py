"""HTTP habits that every service of ours keeps, whatever its routes are. ASGI middleware.

* HEAD is answered wherever GET is, with the same headers and no body (RFC 9110, section 9.3.2).
* `Allow` names all methods of an address, on 405 and on OPTIONS (RFC 9110, section 10.2.1).
* A page's address with a slash too many is 308 to the same origin; the Location is a path alone, so
  no address behind a proxy is told. Below `/v1` and `/api` such an address is 404.
* A method that no route takes is 405 where the address exists, 404 where it does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Unavailable
from shared.http import problems

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
READS = frozenset({"GET", "HEAD"})
OF_MACHINES = ("/v1/", "/api/")
"""Addresses that programs use: a slash too many is a mistake there."""

_ROUTED = ("route", "endpoint", "path_params", "root_path", "fastapi")
"""What a router writes into a scope: those around us want to know it of a HEAD too."""

MethodsAt = Callable[[str], Awaitable[frozenset[str]]]
"""Path → the methods that somebody answers there, HEAD among them where GET is; empty: nothing is
there. May raise Unavailable.
"""


def find_methods(routes: Iterable[BaseRoute], path: str) -> frozenset[str]:
    """The methods for which one of `routes` matches `path`, with HEAD where GET is."""
    found = set()
    # A mount is asked once, as GET: it passes every method on.
    for route in routes:
        for method in ("GET",) if isinstance(route, Mount) else METHODS:
            asked = {
                "type": "http",
                "method": method,
                "path": path,
                "root_path": "",
                "query_string": b"",
                "headers": [],
            }
            # FULL alone: starlette says PARTIAL where the path fits and the method does not.
            if method not in found and route.matches(asked)[0] is Match.FULL:
                found.add(method)
    return frozenset(found | {"HEAD"} if "GET" in found else found)


def of_routes(app: Any) -> MethodsAt:
    """`MethodsAt` of an application's own routes, read when it is asked."""

    async def methods_at(path: str) -> frozenset[str]:
        return find_methods(app.router.routes, path)

    return methods_at


class HttpHabits:
    """Around an application whose router redirects no slashes."""

    def __init__(self, app: ASGIApp, methods_at: MethodsAt) -> None:
        self._app, self._methods_at = app, methods_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        # `methods_at` may ask intake; this stands outside the handlers that `problems.install`
        # adds.
        except Unavailable as error:
            await problems.of_unavailable(error)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        # In this order: OPTIONS never reaches the application, a slash too many is mended before
        # HEAD is turned into GET.
        if method == "OPTIONS":
            await (await self._options(path))(scope, receive, send)
        elif (
            method in READS and path.endswith("/") and (found := await self._redirect_slash(scope))
        ):
            await found(scope, receive, send)
        elif method == "HEAD":
            head = _Head(receive, send)
            # Before ASGI 2.4 a stream looks for a disconnect, which is how `_Head` ends it.
            asgi = {**scope.get("asgi", {}), "spec_version": "2.3"}
            asked = {**scope, "method": "GET", "asgi": asgi}

            async def tell_route_and_send(message: Message) -> None:
                scope.update({name: asked[name] for name in _ROUTED if name in asked})
                await head.send(message)

            mending = self._mend_send(asked, head.receive, tell_route_and_send)
            await self._app(asked, head.receive, mending)
        else:
            await self._app(scope, receive, self._mend_send(scope, receive, send))

    async def _options(self, path: str) -> Response:
        methods = await self._methods_at(path)
        # `OPTIONS *` asks about the server and not about an address (RFC 9110, section 9.3.7).
        if not methods and path != "*":
            return problems.of_status(404)
        return Response(status_code=204, headers={"Allow": allow(methods)})

    async def _redirect_slash(self, scope: Scope) -> Response | None:
        """The answer to a page's address that ends with a slash and should not; None: go on."""
        path: str = scope["path"]
        bare = path.rstrip("/")
        # `//host` would be a Location of another origin, and some browsers read `\` as `/`.
        if not bare or path.startswith(("//", *OF_MACHINES)) or "\\" in path:
            return None
        if "GET" not in await self._methods_at(bare):
            return None
        # The path as it was sent, still escaped: the Location must not unescape anything.
        raw: bytes = scope.get("raw_path") or path.encode()
        target = raw.partition(b"?")[0].rstrip(b"/").decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        return Response(
            status_code=308, headers={"Location": f"{target}?{query}" if query else target}
        )

    def _mend_send(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """`send`, which corrects a 404 or 405 of the router by what there is at this address."""
        replaced = False

        async def mend(message: Message) -> None:
            nonlocal replaced
            status = message.get("status")
            if message["type"] == "http.response.start" and status in (404, 405):
                problem = await self._other_problem(scope, status)
                # The rest of the router's own answer is dropped, see `replaced`.
                if problem is not None:
                    replaced = True
                    await problem(scope, receive, send)
                elif status == HTTPStatus.METHOD_NOT_ALLOWED:
                    methods = await self._methods_at(scope["path"])
                    kept = [pair for pair in message["headers"] if pair[0].lower() != b"allow"]
                    allowed = (b"allow", allow(methods).encode())
                    message = {**message, "headers": [*kept, allowed]}
            if not replaced:
                await send(message)

        return mend

    async def _other_problem(self, scope: Scope, status: int) -> Response | None:
        """404 instead of a 405 where there is nothing, 405 instead of a 404 where there is
        something for another method; None: the answer is right.
        """
        # A 404 of a page that was read is the application's own word ("no such ticket").
        if status == HTTPStatus.NOT_FOUND and scope["method"] in READS:
            return None
        methods = await self._methods_at(scope["path"])
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            return None if methods else problems.of_status(404)
        if not methods or scope["method"] in methods:
            return None
        return problems.of_status(405, {"Allow": allow(methods)})


def allow(methods: Iterable[str]) -> str:
    """The value of the header Allow; OPTIONS is always answered."""
    return ", ".join(sorted({*methods, "OPTIONS"}))


class _Head:
    """The two ends of a GET whose headers alone are wanted: after them the caller is gone, so that
    a stream ends too.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._begun = asyncio.Event()
        self._read = False

    async def receive(self) -> Message:
        if not self._read:
            self._read = True
            return await self._receive()
        await self._begun.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            self._begun.set()
        elif self._begun.is_set():
            # Lets the task that waits in `receive` run.
            await asyncio.sleep(0)  # or a stream that never waits is never told of the end
