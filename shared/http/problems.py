"""RFC 9457 problem documents, the same from every HTTP service.

`type` is `/problems/<code>` and never changes once published; `detail` is a sentence that says what
to do. A bug's answer tells nothing about the bug: its text goes to the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.errors import Refused, Unavailable
from shared.http.answer_headers import ON_EVERY_ANSWER
from shared.http.mistakes import pointer, sentence
from shared.telemetry import tracing
from shared.telemetry.log_context import TRACE

# Workers use the documents without a web framework: FastAPI is 4 MB that they do not load.
if TYPE_CHECKING:
    from fastapi import FastAPI

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

# Codes for what has no code of its own: refusals of the router and of starlette.
_CODES = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
    500: "internal",
}
_DETAILS = {
    404: "There is nothing here, or nothing you may see.",
    405: "This address does not take this method; see the Allow header.",
    500: (
        "Something went wrong on our side. It has been recorded; trying again with the same "
        "Idempotency-Key is safe."
    ),
}


def document(
    status: int, code: str, detail: str, extra: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The members of a problem document; `extra` never overwrites a standard one."""
    return {
        **(extra or {}),
        "type": f"/problems/{code}",
        "title": title_of(code),
        "status": status,
        "detail": detail,
    }


def title_of(code: str) -> str:
    """The code in words: stable, as RFC 9457 asks."""
    return code.replace("-", " ").capitalize()


def response(
    status: int,
    code: str,
    detail: str,
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The document as an HTTP answer; a 401 names the scheme to use."""
    sent = {**ON_EVERY_ANSWER, **(headers or {})}  # a bug is answered outside of all middleware
    if status == HTTPStatus.UNAUTHORIZED:
        # RFC 9110 section 11.6.1 wants it with every 401.
        sent.setdefault("WWW-Authenticate", 'Bearer realm="signalbox"')
    return Response(orjson.dumps(document(status, code, detail, extra)), status, sent, MEDIA_TYPE)


def of_status(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for a status that says it all, such as 404 and 405."""
    return response(status, _CODES[status], _DETAILS[status], headers=headers)


def of_refused(error: Refused) -> Response:
    """The answer to a refusal; `retry_after` (seconds) among its extras becomes the header too."""
    after = error.extra.get("retry_after")
    return response(
        error.status,
        error.code,
        error.detail,
        error.extra,
        {"Retry-After": str(after)} if after else None,
    )


def of_unavailable(
    error: Unavailable,
    extra: Mapping[str, object] | None = None,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """503 with Retry-After. The reason inside `error` is for the log, not for the caller."""
    said = detail or f"{error.what} does not answer just now. Try again in {RETRY_AFTER_S} seconds."
    return response(
        503,
        f"{error.what}-unavailable",
        said,
        extra,
        # The caller's own headers win.
        {"Retry-After": str(RETRY_AFTER_S), **(headers or {})},
    )


def install(app: FastAPI) -> None:
    """Every error of `app` becomes a problem document."""
    from fastapi.exceptions import RequestValidationError  # 4 MB, which workers have no use for

    # starlette takes the handler of the nearest class, whatever the order here; the last one is the
    # net for bugs.
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_gone)
    app.add_exception_handler(Exception, _on_bug)


async def _on_gone(_request: Request, _error: Exception) -> Response:
    """Whoever asked has closed the connection: no bug, and nobody reads the answer."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _on_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return of_refused(error)


async def _on_unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    return of_unavailable(error)


async def _on_invalid(_: Request, error: Exception) -> Response:
    from fastapi.exceptions import RequestValidationError  # as in `install`

    assert isinstance(error, RequestValidationError)
    found = [
        {
            # FastAPI puts the place (`body`, `query`) in front of each location: it becomes a
            # member of its own.
            "pointer": pointer(e["loc"][1:]),
            "in": e["loc"][0] if e["loc"] else "body",
            "detail": sentence(e),
        }
        for e in error.errors()
    ]
    return response(
        422,
        "invalid",
        "; ".join(f"{e['pointer']}: {e['detail']}" for e in found[:3]),
        {"errors": found},
    )


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return of_http(error)


def of_http(error: HTTPException) -> Response:
    """The answer to what the router raises: 404, 405."""
    status = error.status_code
    # Our own words where we have some: starlette's are for programmers.
    detail = _DETAILS.get(status) or error.detail
    return response(status, _CODES.get(status, f"http-{status}"), detail, headers=error.headers)


async def _on_bug(request: Request, error: Exception) -> Response:
    """Answered outside of all middleware, so the trace is said here: it leads to the log lines."""
    trace = request.scope.get(TRACE)
    headers = {tracing.HEADER: trace.trace_id} if isinstance(trace, tracing.Trace) else None
    return response(500, _CODES[500], _DETAILS[500], headers=headers)
