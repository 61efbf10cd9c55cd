"""Rate, errors and duration of every route, and the trace of every request. ASGI middleware.

Routes are told by their template. The metrics of a route are looked up once, at its first request;
after that a request costs one look into a dictionary, one count and one observation.
"""

from __future__ import annotations

import asyncio
import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import trace_export, tracing
from shared.telemetry.log_context import TRACE, handle, template_of

REQUESTS = Counter(
    "signalbox_http_requests_total", "Requests answered", ["method", "route", "status"]
)
SECONDS = Histogram(
    "signalbox_http_request_seconds",
    "From a request's head to the beginning of its answer",
    ["method", "route"],
    # Seconds: fine where answers usually are, coarse up to the time-outs.
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Other words are counted as "other": labels must not grow with what strangers send.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GONE = 499
"""As nginx calls it: nobody waited for the answer."""

_TRACE_HEADER = tracing.HEADER.lower().encode()


class RouteMeters:
    """Around an application. It gives each request a `Trace` in its scope, says the trace id in the
    answer's header, and counts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._requests: dict[tuple[str, str, int], Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        trace = scope[TRACE] = tracing.begin(_traceparent_in(scope))
        # The scope itself is kept: its ticket and route are known only later.
        handle(scope)
        told = (_TRACE_HEADER, trace.trace_id.encode())
        is_answered = False

        async def with_trace(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                self._count(scope, message["status"], time.perf_counter() - begun)
                message = {**message, "headers": [*message.get("headers", ()), told]}
            await send(message)

        try:
            await self._app(scope, receive, with_trace)
        except asyncio.CancelledError:  # the caller has gone
            if not is_answered:
                self._count(scope, _GONE, time.perf_counter() - begun)
            raise
        # Counted and passed on: the handler of bugs answers outside of this.
        except Exception:
            if not is_answered:
                self._count(scope, 500, time.perf_counter() - begun)
            raise

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = template_of(scope)
        # Looking up a labelled metric costs more than all the rest here.
        observed = self._seconds.get((method, route))
        if observed is None:
            observed = self._seconds[method, route] = SECONDS.labels(method, route)
        counted = self._requests.get((method, route, status))
        if counted is None:
            counted = REQUESTS.labels(method, route, str(status))
            self._requests[method, route, status] = counted
        observed.observe(seconds)
        counted.inc()
        if trace_export.is_on():
            trace_export.tell(
                f"{method} {route}",
                scope[TRACE],
                seconds,
                kind="server",
                attributes={
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                },
                failed=f"answered {status}" if status >= 500 else None,
            )


def _traceparent_in(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return bytes(value)
    return None
