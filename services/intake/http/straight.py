"""A request whose address is a whole path goes straight to its endpoint: no search through the
routes, and none of the layers that catch errors on the way. ASGI middleware, inside of all others.

Nine of ten requests are `POST /v1/tickets`. What is answered is what the router would answer: the
first route that matches (`tests/unit/intake/test_straight.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unavailable
from shared.http import problems

Answer = Callable[[Request], Awaitable[Response]]
Straights = dict[tuple[str, str], tuple[Route, Answer]]
"""Method and path → the route, and what answers for it."""


class DirectRoutes:
    """`routes` is asked at the first request, when all are there; `answer_of` says what answers for
    a route, None for one that the router must serve.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Callable[[], Iterable[BaseRoute]],
        answer_of: Callable[[BaseRoute], Answer | None],
    ) -> None:
        self._app, self._routes, self._answer_of = app, routes, answer_of
        self._straights: Straights | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._straights is None:
            self._straights = straights_of(self._routes(), self._answer_of)
        found = self._straights.get((scope["method"], scope["path"]))
        if found is None:
            await self._app(scope, receive, send)
            return
        route, answer = found
        # What the router would have set: telemetry and the endpoints read it.
        scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, {}
        try:
            # Only these two are turned into answers here; all else is a bug and goes up to the
            # outer layers.
            response = await answer(Request(scope, receive, send))
        except Unavailable as error:
            response = problems.of_unavailable(error)
        except HTTPException as error:
            response = problems.of_http(error)
        await response(scope, receive, send)


def straights_of(
    routes: Iterable[BaseRoute], answer_of: Callable[[BaseRoute], Answer | None]
) -> Straights:
    """Those that can be found by their path alone: it has no parameters, and no route before takes
    it.
    """
    found: Straights = {}
    before: list[BaseRoute] = []
    for route in routes:
        answer = answer_of(route)
        if answer is not None and isinstance(route, Route) and "{" not in route.path:
            for method in route.methods or ():
                # Ask the earlier routes as the router would: one with parameters may take this path
                # first.
                asked = {"type": "http", "method": method, "path": route.path, "root_path": ""}
                if not any(other.matches(asked)[0] is Match.FULL for other in before):
                    found[method, route.path] = (route, answer)
        before.append(route)
    return found
