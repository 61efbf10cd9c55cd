"""A route whose endpoint takes the request as it is: the gate does what FastAPI adds around it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute, request_response

from services.intake.http.answers import AnsweredBefore, Remembered
from services.intake.http.door import AllowanceLeft, RequestGate
from shared.errors import Refused
from shared.http import problems

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


# One signature for all endpoints: FastAPI reads it once instead of taking each function apart.
_SIGNATURE = inspect.Signature(
    [inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)],
    return_annotation=Response,
)


class GateRoute(APIRoute):
    """Endpoints take the request as it is and answer with a response: the door does what FastAPI's
    dependencies would, at a fraction of their time. FastAPI keeps the contract, Starlette serves
    it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.answer = _with_its_share(endpoint)
        if inspect.isfunction(endpoint):  # all the same: FastAPI need not work out each
            endpoint.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
        super().__init__(path, endpoint, **options)
        # FastAPI's own handling of bodies and dependencies is passed by.
        self.app = request_response(self.answer)

    def get_route_handler(self) -> Endpoint:
        return self.answer


def answer_of(route: BaseRoute) -> Endpoint | None:
    return route.answer if isinstance(route, GateRoute) else None


def _with_its_share(endpoint: Endpoint) -> Endpoint:
    """Every answer of the door says what is left of the caller's rate
    (draft-ietf-httpapi-ratelimit-headers-09), and is remembered under its Idempotency-Key.
    """

    async def answer(request: Request) -> Response:
        response: Response | None = None
        try:
            response = await endpoint(request)
        except AnsweredBefore as before:
            # The same request again: its answer, and nothing is done.
            response = _again(request, before.found)
        except Refused as error:
            response = problems.of_refused(error)
        finally:
            # Also after a refusal or a bug: the key must not stay claimed.
            door: RequestGate = request.app.state.door
            door.answered(request, response)
        # Requests that never reached the door's count have no share to tell.
        share: AllowanceLeft | None = getattr(request.state, "share", None)
        if share is not None:
            response.headers["RateLimit"] = (
                f'"account";r={share.left};t={math.ceil(share.resets_in)}'
            )
        return response

    return answer


def _again(request: Request, found: Remembered) -> Response:
    headers = {"Idempotency-Key": request.headers.get("idempotency-key", "")}
    if found.etag:
        headers["ETag"] = found.etag
    return Response(found.body, found.status, headers, "application/json")
