"""`/problems` and `/problems/<code>`: what a refusal means, where the `type` of a problem document
leads. For anyone; nothing is read from MongoDB.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.web.visitors import Drawn, Perhaps, not_found
from shared.http.problem_codes import codes, meaning_of
from shared.http.problems import title_of

router = APIRouter(include_in_schema=False)


@router.get("/problems")
async def all_problems(request: Request, actor: Perhaps, screens: Drawn) -> Response:
    """Every code, by its name."""
    known = [(code, title_of(code), meaning) for code, meaning in sorted(codes().items())]
    return screens.page(
        request, "problems.html", actor=actor, place="help", known=known, only=False
    )


@router.get("/problems/{code}")
async def one_problem(code: str, request: Request, actor: Perhaps, screens: Drawn) -> Response:
    """404 for a code that is none of ours."""
    meaning = meaning_of(code)
    if meaning is None:
        raise not_found()
    return screens.page(
        request,
        "problems.html",
        actor=actor,
        place="help",
        known=[(code, title_of(code), meaning)],
        only=True,
    )
