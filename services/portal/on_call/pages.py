"""Who is on call: now and for two weeks, what the rota leaves open, taking and swapping shifts, a
calendar to subscribe to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.responses import Response

from services.portal.on_call.asks_reads import (
    asked_of_me,
    display_names,
    read_asks,
    read_own_shifts,
)
from services.portal.on_call.calendar import end_of, first_monday, weeks_of
from services.portal.tickets.forms import in_words
from services.portal.web.dates import dates_of
from services.portal.web.filters import rota_rows, span
from services.portal.web.form_body import fields_of
from services.portal.web.read_your_write import retry_until_found
from services.portal.web.render import see_other
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from shared.access import may_handle_pages, may_see_desk
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role, Via
from shared.instants import of_ours
from shared.people.folding import fold_address, is_same_address
from shared.people.identity import Lookup, actor_of, is_active
from shared.signed import links

DAYS = 14
# More than a year: a calendar program is set up once and then forgotten.
FEED_LASTS = timedelta(days=400)

router = APIRouter(include_in_schema=False)


@router.get("/on-call")
async def on_call_page(
    request: Request, actor: Staff, portal: Parts, screens: Drawn, at: str = "", done: str = ""
) -> Response:
    return await show_on_call(request, actor, portal, screens, at=at, done=done)


@router.post("/on-call/stand-in")
async def stand_in(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """An override, or a swap where the form names two people."""
    given = await fields_of(request, portal.settings.max_body)
    # An empty name would make it another address.
    schedule = quote(given.get("schedule") or "none", safe="")
    try:
        body = {name: moment(given.get(name, "")).isoformat() for name in ("since", "until")}
    except Refused as refused:
        return await show_on_call(
            request, actor, portal, screens, problem=refused.detail, status=422
        )
    # Two names are a swap of shifts, one is an override.
    if given.get("other"):
        kind, body = "swaps", {**body, "one": given.get("person", ""), "other": given["other"]}
    else:
        kind, body = "overrides", {**body, "person": given.get("person", "")}
    answer = await portal.intake.forward(actor, "POST", f"/v1/on-call/{schedule}/{kind}", body)
    if not answer.is_accepted:
        problem = in_words(answer.json, "That could not be done.")
        return await show_on_call(
            request, actor, portal, screens, problem=problem, status=answer.status
        )
    return see_other("/on-call?" + urlencode({"done": kind}))


@router.post("/on-call/calendar-links")
async def renew_links(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """All calendar addresses of the account's owner get new ones; the old ones end."""
    before = _links_since(portal.directory.get("accounts", actor.email))

    # Asked until this process has read it: only then do the addresses on the page hold.
    async def check_renewed() -> bool | None:
        now = _links_since(portal.directory.get("accounts", actor.email))
        return True if now != before else None

    answer = await portal.intake.forward(actor, "DELETE", "/v1/account/calendar-links")
    if not answer.is_accepted:
        problem = in_words(answer.json, "That could not be done.")
        return await show_on_call(
            request, actor, portal, screens, problem=problem, status=answer.status
        )
    await retry_until_found(check_renewed)
    return see_other("/on-call?" + urlencode({"done": "links"}))


@router.get("/on-call/{schedule}.ics")
async def feed(schedule: str, portal: Parts, token: str = "") -> Response:
    """For calendar programs, which cannot log in: the address itself is the key."""
    now = portal.clock.now()
    if not may_read_feed(portal.settings.secret, portal.directory, token, schedule, now):
        raise not_found()
    found = await portal.rota.calendar(schedule, now)
    if found is None:
        raise not_found()
    headers = {
        # Programs ask every few minutes; a short time in their own cache costs nobody a page.
        "Cache-Control": "private, max-age=300",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(schedule, safe='')}.ics",
    }
    return Response(found, media_type="text/calendar; charset=utf-8", headers=headers)


def may_read_feed(
    secret: SecretStr | None, directory: Lookup, token: str, about: str, now: datetime
) -> bool:
    """Whether the address is ours, and whoever it was made for still works here: it outlives a
    session by a year.
    """
    # Read unchecked, only to find the account that the token must then be checked against.
    account = directory.get("accounts", fold_address(links.read_claimed_person(token)))
    if secret is None or account is None or not is_active(account):
        return False
    page = links.calendar_of(about, _links_since(account))
    link = links.verify(secret.get_secret_value().encode(), token, links.CALENDAR, page, now)
    if link is None or not may_see_desk(actor_of(account, Via.WEB)):
        return False
    # The address may have belonged to somebody else before: their feeds are not the new owner's.
    since = account.get("since")  # of an earlier account of this address: not theirs
    made = link.expires_at - FEED_LASTS + timedelta(days=1)
    return since is None or made >= of_ours(datetime.fromisoformat(str(since)))


def _links_since(account: Mapping[str, Any] | None) -> str | None:
    found = (account or {}).get("links_since")
    return str(found) if found else None


def moment(text: str) -> datetime:
    """A form's date and time; without a zone it is UTC. Raises Refused `bad-parameter` (422)."""
    try:
        at = of_ours(datetime.fromisoformat(text))
    except ValueError as error:
        raise Refused("bad-parameter", "This is not a date and time.", status=422) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def show_on_call(
    request: Request,
    actor: Staff,
    portal: Parts,
    screens: Drawn,
    *,
    at: str = "",
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    """The page of the rota, with what was done or could not be done."""
    now = portal.clock.now()
    when = moment(at) if at else now
    policy = await portal.rota.policy()
    # Two spans: the bars go from the time asked for, the calendar from its Monday.
    planned = await portal.rota.shifts(actor, when, when + timedelta(days=DAYS)) or []
    everybody = sorted(policy.people) if policy else []
    mine = [
        name
        for name in everybody
        if policy and is_same_address(policy.people[name].email, actor.email)
    ]
    names = display_names(policy, portal.directory) if policy else {}
    zone = ZoneInfo(planned[0]["zone"] if planned else "UTC")
    begin = first_monday(when, zone)
    shown = await portal.rota.shifts(actor, begin, end_of(begin, zone)) or []
    weeks = await portal.rota.workers.run(
        lambda: weeks_of(shown, begin, now, zone, names=names, mine=mine)
    )
    # Who runs the platform may change any shift, an engineer only their own.
    for_anybody = bool({Role.OPS, Role.ADMIN} & set(actor.roles))
    asks = await read_asks(portal.rota, actor, now) or []
    return screens.page(
        request,
        "on_call.html",
        status=status,
        actor=actor,
        place="on-call",
        people=await portal.rota.on_call(actor, when) or [],
        at=when.isoformat(),
        asked_at=bool(at),
        rows=rota_rows(planned, when, DAYS),
        findings=await portal.rota.coverage(actor, now) or [],
        may_change=bool(everybody) and (for_anybody or (may_handle_pages(actor) and bool(mine))),
        takers=everybody if for_anybody else mine,
        everybody=everybody,
        schedules=[row["schedule"] for row in planned],
        # The name stands twice: the token is for the schedule, and the file is called like it.
        feeds={
            name: feed_url(portal, name, name, actor.email, now)
            for name in (row["schedule"] for row in planned)
        },
        done=done,
        problem=problem,
        load=await _load(actor, portal, now),
        mine=mine,
        asks=asks,
        asked_of_me=asked_of_me(asks),
        own=await _own_shifts(actor, portal, mine, now),
        names=names,
        weeks=weeks,
        zone=zone.key,
        **await _times(actor, portal, now, zone.key),
        soon=_field(now),
        tomorrow=_field(now + timedelta(days=1)),
    )


def feed_url(portal: Parts, about: str, file: str, email: str, now: datetime) -> str:
    """The address of the calendar `file`, whose token is for `about`: a schedule, or
    `person:<name>`.
    """
    secret = portal.settings.secret
    if secret is None:
        return ""
    token = links.sign(
        secret.get_secret_value().encode(),
        links.CALENDAR,
        links.calendar_of(about, _links_since(portal.directory.get("accounts", email))),
        email,
        # From midnight on, so that the address stays the same for a day.
        now.replace(hour=0, minute=0, second=0) + FEED_LASTS,
    )
    return f"/on-call/{file}.ics?token={token}"


async def _load(actor: Actor, portal: Parts, now: datetime) -> list[dict[str, Any]] | None:
    """None while the view is away."""
    try:
        found = await portal.rota.load(actor, now) or []
    except Unavailable:
        return None
    return [{**one, "typically": minutes_of(one["median_seconds"])} for one in found]


async def _own_shifts(
    actor: Actor, portal: Parts, mine: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    zone = dates_of(portal.directory.get("accounts", actor.email)).zone or "UTC"
    return (
        await read_own_shifts(portal.rota, mine[0], now, ZoneInfo(zone))
        if mine and may_handle_pages(actor)
        else []
    )


async def _times(actor: Actor, portal: Parts, now: datetime, zone: str) -> dict[str, Any]:
    """`times`: (what, median, nine of ten, pages) in words; `hours`: pages by hour of the day.
    Empty while the view is away.
    """
    # The page is for the rota, which needs no view: it is there without these numbers.
    try:
        found = await portal.rota.times(actor, now, zone) or {}
    except Unavailable:
        return {"times": [], "hours": []}
    words = {"acknowledge": "To acknowledge", "resolve": "To resolve"}
    times = [
        (
            label,
            minutes_of(found[name]["median_seconds"]),
            minutes_of(found[name]["nine_of_ten_seconds"]),
            found[name]["n"],
        )
        for name, label in words.items()
        # Without a page there is no time to tell.
        if found and found[name]["n"]
    ]
    hours = found.get("hours", [])
    return {"times": times, "hours": hours if any(hours) else []}


def minutes_of(seconds: float | None) -> str:
    """A length in whole minutes, and never none; empty where there is none."""
    return "" if seconds is None else span(timedelta(seconds=seconds)) or "1 min"


def _field(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
