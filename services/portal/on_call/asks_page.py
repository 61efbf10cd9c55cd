"""Asking for cover of a shift of one's own, and answering a colleague who asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.on_call.asks_reads import display_names
from services.portal.on_call.pages import moment, show_on_call
from services.portal.tickets.forms import in_words, problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import retry_until_found
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, OnCall, Parts, not_found
from shared.errors import Refused
from shared.events import Actor
from shared.policy.on_call.cover import AskStep, asked_people, person_of

HERE = "/on-call/ask"
_FIELDS = frozenset({"since", "until", "of", "word"})

router = APIRouter(include_in_schema=False)


@router.get(HERE)
async def ask_page(
    request: Request,
    actor: OnCall,
    portal: Parts,
    screens: Drawn,
    schedule: str = "",
    since: str = "",
    until: str = "",
) -> Response:
    """`since` and `until`: the shift, or what of it is to come."""
    values = {"since": since, "until": until}
    return await _form(request, actor, portal, screens, schedule, values)


@router.post(HERE)
async def ask(request: Request, actor: OnCall, portal: Parts, screens: Drawn) -> Response:
    given = await fields_of(request, portal.settings.max_body)
    schedule = given.get("schedule", "")
    errors: dict[str, str] = {}
    body: dict[str, Any] = {name: given.get(name, "") for name in ("of", "word")}
    for name in ("since", "until"):
        try:
            body[name] = moment(given.get(name, "")).isoformat()
        except Refused as refused:
            errors[name] = refused.detail
    if errors:
        return await _form(
            request, actor, portal, screens, schedule, given, errors=errors, status=422
        )
    answer = await portal.intake.forward(
        actor,
        "POST",
        f"/v1/on-call/{quote(schedule or '-', safe='')}/asks",
        body,
        idempotency_key=given.get("idempotency_key") or None,
    )
    if answer.is_accepted:
        return await _seen(portal, answer.json, "asked")
    errors = problems_by_field(answer.json, _FIELDS)
    return await _form(
        request, actor, portal, screens, schedule, given, errors=errors, status=answer.status
    )


@router.post("/on-call/asks/{schedule}/{ask_id}/{step}")
async def answer_ask(
    schedule: str,
    ask_id: str,
    step: str,
    request: Request,
    actor: OnCall,
    portal: Parts,
    screens: Drawn,
) -> Response:
    """Accept, decline or withdraw; what cannot be done any more is said on the page of the rota."""
    if step not in list(AskStep):
        raise not_found()
    where = f"/v1/on-call/{quote(schedule, safe='')}/asks/{quote(ask_id, safe='')}/{step}"
    answer = await portal.intake.forward(actor, "POST", where, {})
    if answer.is_accepted:
        return await _seen(portal, answer.json, step)
    problem = in_words(answer.json, "That could not be done.")
    return await show_on_call(
        request, actor, portal, screens, problem=problem, status=answer.status
    )


async def _seen(portal: Portal, answer: Mapping[str, Any], done: str) -> Response:
    """To the page of the rota, once this process has read the version that was made."""

    async def is_read() -> bool | None:
        edition = portal.rota.edition()
        return True if edition and edition.version >= int(answer["version"]) else None

    await retry_until_found(is_read)
    return see_other("/on-call?" + urlencode({"done": done}) + "#cover")


async def _form(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    schedule: str,
    values: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    policy = await portal.rota.policy()
    person = person_of(policy, actor.email) if policy else None
    if policy is None or person is None or schedule not in policy.schedules:
        raise not_found()
    return screens.page(
        request,
        "on_call_ask.html",
        status=status,
        actor=actor,
        place="on-call",
        schedule=schedule,
        colleagues=asked_people(policy, schedule, person),
        names=display_names(policy, portal.directory),
        values=values,
        errors=errors or {},
        idempotency_key=secrets.token_urlsafe(12),
    )
