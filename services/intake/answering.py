"""The shapes of an answer: taken or done, with the key a retry may come under, and what could not be stored."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable

import orjson
from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import Response

from services.intake.api import Answer
from services.intake.domain import Asked
from shared import problems, telemetry
from shared.errors import Refused, Unavailable

TAKEN = Counter("signalbox_intake_accepted_total", "Requests that are in the log", ["kind"])
AWAY = Counter("signalbox_intake_unavailable_total", "Requests not taken because something we need was away", ["what"])
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2, 5)
SECONDS = Histogram("signalbox_intake_accept_seconds", "From the body read to the answer", buckets=_BUCKETS)
_NOT_SURE = (
    "Your request could not be stored in time; it may or may not have been taken. Send it again with this Idempotency-Key "
    "and the same body: it can never count twice."
)


async def taken(kind: str, asked: Asked, asking: Awaitable[Answer]) -> Response:
    """202, or 503 with the key under which a retry cannot double."""
    return await done(kind, asked, asking, 202)


async def done(kind: str, asked: Asked, asking: Awaitable[Answer], status: int = 200) -> Response:
    begun = time.perf_counter()
    headers = {"Idempotency-Key": asked.idempotency_key}
    try:
        answer = await asking
    except Unavailable as error:
        AWAY.labels(error.what).inc()
        return problems.of_unavailable(error, {"idempotency_key": asked.idempotency_key}, _NOT_SURE, headers)
    TAKEN.labels(kind).inc()
    SECONDS.observe(time.perf_counter() - begun)
    return Response(orjson.dumps(answer), status, headers, "application/json")


def answered(status: int, answer: Answer) -> Response:
    return Response(orjson.dumps(answer), status, media_type="application/json")


def named(request: Request, name: str, form: re.Pattern[str]) -> str:
    """An id from the address; what cannot be one does not exist."""
    found: str = request.path_params[name]
    if not form.fullmatch(found):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    return found


def trace_of(request: Request) -> str:
    return telemetry.child_traceparent(request.headers.get("traceparent"))
