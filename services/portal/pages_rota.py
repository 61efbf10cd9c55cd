"""Who is on call: now and for two weeks, what the rota leaves open, taking and swapping shifts, a calendar to subscribe to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.responses import Response

from services.portal.display import rota_rows, span
from services.portal.fields import fields_of
from services.portal.screens import see_other
from services.portal.visitors import Drawn, Parts, Staff, not_found
from shared import links
from shared.access import may_handle_pages, may_see_desk
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role, Via
from shared.identity import Lookup, actor_of
from shared.instants import of_ours

DAYS = 14
FEED_LASTS = timedelta(days=400)

router = APIRouter(include_in_schema=False)


@router.get("/on-call")
async def on_call_page(request: Request, actor: Staff, portal: Parts, screens: Drawn, at: str = "", done: str = "") -> Response:
    return await _shown(request, actor, portal, screens, at=at, done=done)


@router.post("/on-call/stand-in")
async def stand_in(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """An override, or a swap where the form names two people."""
    given = await fields_of(request, portal.settings.max_body)
    schedule = quote(given.get("schedule") or "none", safe="")
    try:
        body = {name: moment(given.get(name, "")).isoformat() for name in ("since", "until")}
    except Refused as refused:
        return await _shown(request, actor, portal, screens, problem=refused.detail, status=422)
    if given.get("other"):
        kind, body = "swaps", {**body, "one": given.get("person", ""), "other": given["other"]}
    else:
        kind, body = "overrides", {**body, "person": given.get("person", "")}
    answer = await portal.intake.forward(actor, "POST", f"/v1/on-call/{schedule}/{kind}", body)
    if not answer.is_accepted:
        problem = str(answer.json.get("detail") or "That could not be done.")
        return await _shown(request, actor, portal, screens, problem=problem, status=answer.status)
    return see_other("/on-call?" + urlencode({"done": kind}))


@router.get("/on-call/{schedule}.ics")
async def feed(schedule: str, portal: Parts, token: str = "") -> Response:
    """For calendar programs, which cannot log in: the address itself is the key."""
    now = portal.clock.now()
    if not may_read_feed(portal.settings.secret, portal.directory, token, schedule, now):
        raise not_found()
    found = await portal.rota.calendar(schedule, now)
    if found is None:
        raise not_found()
    headers = {"Cache-Control": "private, max-age=300", "Content-Disposition": f'inline; filename="{schedule}.ics"'}
    return Response(found, media_type="text/calendar; charset=utf-8", headers=headers)


def may_read_feed(secret: SecretStr | None, directory: Lookup, token: str, about: str, now: datetime) -> bool:
    """Whether the address is ours, and whoever it was made for still works here: it outlives a session by a year."""
    link = secret and links.verify(secret.get_secret_value().encode(), token, links.CALENDAR, about, now)
    account = directory.get("accounts", link.person.lower()) if link else None
    return account is not None and may_see_desk(actor_of(account, Via.WEB))


def moment(text: str) -> datetime:
    """A form's date and time; without a zone it is UTC. Raises Refused `bad-parameter` (422)."""
    try:
        at = of_ours(datetime.fromisoformat(text))
    except ValueError as error:
        raise Refused("bad-parameter", "This is not a date and time.", status=422) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _shown(
    request: Request, actor: Staff, portal: Parts, screens: Drawn, *, at: str = "", done: str = "", problem: str = "", status: int = 200
) -> Response:
    now = portal.clock.now()
    when = moment(at) if at else now
    policy = await portal.rota.policy()
    planned = await portal.rota.shifts(actor, when, when + timedelta(days=DAYS)) or []
    everybody = sorted(policy.people) if policy else []
    mine = [name for name in everybody if policy and policy.people[name].email.lower() == actor.email.lower()]
    for_anybody = bool({Role.OPS, Role.ADMIN} & set(actor.roles))
    return screens.page(
        request, "on_call.html", status=status, actor=actor, place="on-call", people=await portal.rota.on_call(actor, when) or [],
        at=when.isoformat(), asked_at=bool(at), rows=rota_rows(planned, when, DAYS), findings=await portal.rota.coverage(actor, now) or [],
        may_change=bool(everybody) and (for_anybody or (may_handle_pages(actor) and bool(mine))),
        takers=everybody if for_anybody else mine, everybody=everybody, schedules=[row["schedule"] for row in planned],
        feeds={name: feed_url(portal, name, name, actor.email, now) for name in (row["schedule"] for row in planned)},
        done=done, problem=problem,
        load=await _load(actor, portal, now), mine=mine, soon=_field(now), tomorrow=_field(now + timedelta(days=1)),
    )  # fmt: skip


def feed_url(portal: Parts, about: str, file: str, email: str, now: datetime) -> str:
    """The address of the calendar `file`, whose token is for `about`: a schedule, or `person:<name>`."""
    secret = portal.settings.secret
    if secret is None:
        return ""
    token = links.sign(
        secret.get_secret_value().encode(), links.CALENDAR, about, email, now.replace(hour=0, minute=0, second=0) + FEED_LASTS
    )
    return f"/on-call/{file}.ics?token={token}"


async def _load(actor: Actor, portal: Parts, now: datetime) -> list[dict[str, Any]] | None:
    """None while the view is away."""
    try:
        found = await portal.rota.load(actor, now) or []
    except Unavailable:
        return None
    return [{**one, "typically": minutes_of(one["median_seconds"])} for one in found]


def minutes_of(seconds: float | None) -> str:
    """A length in whole minutes, and never none; empty where there is none."""
    return "" if seconds is None else span(timedelta(seconds=seconds)) or "1 min"


def _field(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
