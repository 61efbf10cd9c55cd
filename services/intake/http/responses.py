"""The shapes of an answer: taken or done, with the key a retry may come under, and what could not
be stored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable

import orjson
from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response

from services.intake.domain import RequestContext
from services.intake.shell import Answer
from shared.errors import Refused, Unavailable
from shared.http import problems
from shared.telemetry import tracing
from shared.telemetry.log_context import TRACE
from shared.telemetry.tracing import Trace

TAKEN = Counter("signalbox_intake_accepted_total", "Requests that are in the log", ["kind"])
AWAY = Counter(
    "signalbox_intake_unavailable_total",
    "Requests not taken because something we need was away",
    ["what"],
)
# Close together around 10 ms, where accepting a ticket should lie.
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2, 5)
SECONDS = Histogram(
    "signalbox_intake_accept_seconds", "From the body read to the answer", buckets=_BUCKETS
)
_NOT_SURE = (
    "Your request could not be stored in time; it may or may not have been taken. Send it again "
    "with this Idempotency-Key "
    "and the same body: it can never count twice."
)


async def respond_accepted(kind: str, asked: RequestContext, asking: Awaitable[Answer]) -> Response:
    """202, or 503 with the key under which a retry cannot double."""
    return await respond(kind, asked, asking, 202)


async def respond(
    kind: str, asked: RequestContext, asking: Awaitable[Answer], status: int = 200
) -> Response:
    begun = time.perf_counter()
    headers = {"Idempotency-Key": asked.idempotency_key}
    try:
        answer = await asking
    except Unavailable as error:
        # The key goes with the 503: without it a caller who sent none could not retry safely.
        AWAY.labels(error.what).inc()
        return problems.of_unavailable(
            error, {"idempotency_key": asked.idempotency_key}, _NOT_SURE, headers
        )
    TAKEN.labels(kind).inc()
    SECONDS.observe(time.perf_counter() - begun)
    # The tag is a header of the answer, not a field of it.
    if "etag" in answer:
        headers["ETag"] = answer.pop("etag")
    return Response(orjson.dumps(answer), status, headers, "application/json")


def with_etag(response: Response, etag: str) -> Response:
    """The answer, naming what it shows, for an If-Match later."""
    response.headers["ETag"] = etag
    return response


def respond_json(status: int, answer: Answer) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")


def read_path_id(request: Request, name: str, form: re.Pattern[str]) -> str:
    """An id from the address; what cannot be one does not exist."""
    # Checked before any look-up, and answered like an id of nothing: no probing by error messages.
    found: str = request.path_params[name]
    if not form.fullmatch(found):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    return found


def trace_of(request: Request) -> str:
    """The `traceparent` of what a request leads to: the span of the request itself."""
    trace = request.scope.get(TRACE)
    if isinstance(trace, Trace):
        return trace.traceparent
    return tracing.begin(request.headers.get("traceparent")).traceparent
