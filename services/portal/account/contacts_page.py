"""`/account/on-call`: one's own ways to be paged and the codes that prove them, one's shifts, a
calendar, and whom pages woke.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.on_call.load import PageToPerson, load_of
from services.portal.on_call.pages import feed_url, may_read_feed, minutes_of
from services.portal.tickets.documents import iso
from services.portal.tickets.forms import in_words, problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, WhoForSure, not_found
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy.on_call.coverage import AHEAD
from shared.policy.on_call.document import Channel

HERE = "/account/on-call"
# Shifts and pages that are listed; the calendar and the list of pages have the rest.
SHIFTS, CALLS = 6, 20
SENT_WITHIN_S = 6.0
"""How long the page waits for what became of a code: a mail relay takes a moment."""

_FIELDS = frozenset({"name", "channel", "address"})
_DONE = {
    "added": "Added. Send yourself a code now: it is used for pages once you have typed the code "
    "in here.",
    "confirmed": "Verified. Pages reach you by it from now on.",
    "removed": "Removed.",
    "first": "It is tried first from now on.",
}
# What can be done with a method, and how intake is asked for it.
_ON_METHOD = {"verify": "POST", "confirm": "POST", "first": "POST", "remove": "DELETE"}

router = APIRouter(include_in_schema=False)


@router.get(HERE)
async def show_contacts(
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    done: str = "",
    sent: str = "",
    after: str = "",
) -> Response:
    said: dict[str, Any] = {"flash": {"tone": "good", "text": _DONE[done]}} if done in _DONE else {}
    # Back from sending a code: its outcome stands beside the method.
    if sent and after:
        said = await _find_code_outcome(actor, portal, sent, after)
    return await _draw_page(request, actor, portal, screens, **said)


@router.post(HERE + "/methods")
async def add(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    given = await fields_of(request, portal.settings.max_body)
    person = await _person(portal, actor)
    # Only these fields: intake decides whether a method is verified.
    document = {name: given.get(name, "") for name in _FIELDS}
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/people/{quote(person, safe='')}/methods", document
    )
    if answer.is_accepted:
        return see_other(f"{HERE}?done=added")
    errors = problems_by_field(answer.json, _FIELDS)
    return await _draw_page(
        request, actor, portal, screens, status=_status(answer.status), errors=errors, values=given
    )


@router.post(HERE + "/methods/{name}/{action}")
async def act(
    name: str, action: str, request: Request, actor: WhoForSure, portal: Parts, screens: Drawn
) -> Response:
    """Send a code, confirm by it, try it first, remove it."""
    if action not in _ON_METHOD:
        raise not_found()
    given = await fields_of(request, portal.settings.max_body)
    path = (
        f"/v1/people/{quote(await _person(portal, actor), safe='')}/methods/{quote(name, safe='')}"
    )
    # An empty code would be another mistake to intake than a wrong one.
    document = {"code": given.get("code", "") or "-"} if action == "confirm" else {}
    answer = await portal.intake.forward(
        actor, _ON_METHOD[action], path if action == "remove" else f"{path}/{action}", document
    )
    if not answer.is_accepted:
        problem = in_words(answer.json, "That could not be done.")
        return await _draw_page(
            request,
            actor,
            portal,
            screens,
            status=_status(answer.status),
            wrong={name: problem},
            asked=name,
        )
    if action == "verify":
        return see_other(f"{HERE}?{urlencode({'sent': name, 'after': answer.json['request_id']})}")
    return see_other(
        f"{HERE}?done="
        f"{'confirmed' if action == 'confirm' else 'removed' if action == 'remove' else action}"
    )


@router.post(HERE + "/test")
async def test_page(request: Request, actor: WhoForSure, portal: Parts, screens: Drawn) -> Response:
    """A test page to oneself; the page itself shows its outcome."""
    key = (await fields_of(request, portal.settings.max_body)).get("idempotency_key", "")
    person = quote(await _person(portal, actor), safe="")
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/people/{person}/test-page", {}, idempotency_key=key or None
    )
    if not answer.is_accepted:
        problem = in_words(answer.json, "That could not be done.")
        flash = {"tone": "bad", "text": problem}
        return await _draw_page(
            request, actor, portal, screens, status=_status(answer.status), flash=flash
        )
    after = urlencode({"after": answer.json["request_id"]})
    return see_other(f"/pages/{answer.json['page_id']}?{after}")


@router.get("/on-call/person/{person}.ics")
async def feed(person: str, portal: Parts, token: str = "") -> Response:
    """One's own shifts, for calendar programs: the address itself is the key."""
    now = portal.clock.now()
    if not may_read_feed(portal.settings.secret, portal.directory, token, f"person:{person}", now):
        raise not_found()
    found = await portal.rota.calendar_of_person(person, now)
    if found is None:
        raise not_found()
    return Response(
        found,
        media_type="text/calendar; charset=utf-8",
        headers={"Cache-Control": "private, max-age=300"},
    )


async def _person(portal: Portal, actor: Actor) -> str:
    """Their name in the on-call document. Raises Refused `not-found`: the page is for whoever
    stands in it.
    """
    person = await portal.rota.person_of(actor.email)
    if person is None:
        raise not_found()
    return person


async def _find_code_outcome(
    actor: Actor, portal: Portal, name: str, request_id: str
) -> dict[str, Any]:
    """Of a code: on its way, sent, or why not."""
    try:
        await portal.hub.settled(request_id, SENT_WITHIN_S)
        found = await portal.queries.request(actor, request_id) or {}
    except Unavailable:
        # Not known, which is said as "on its way".
        found = {}
    if found.get("state") == "refused":
        return {
            "wrong": {
                name: f"The code could not be sent: {found.get('reason') or 'no reason was given'}"
            },
            "asked": name,
        }
    words = "The code is sent." if found.get("state") == "done" else "The code is on its way."
    return {
        "flash": {"tone": "good", "text": f"{words} Type it in below within 15 minutes."},
        "asked": name,
    }


async def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    person, now = await _person(portal, actor), portal.clock.now()
    calls = await _calls(portal, person, now)
    load = None if calls is None else load_of(person, calls)
    planned = await portal.rota.shifts_of(person, now)
    shifts = [
        {
            "schedule": name,
            "since": iso(one.since),
            # A shift that goes on beyond the rota's horizon has no end to show.
            "until": iso(one.until) if one.until < now + AHEAD else None,
            "now": one.since <= now,
        }
        for name, one in planned
    ]
    shown: dict[str, Any] = {"wrong": {}, "asked": "", "errors": {}, **context}
    return screens.page(
        request,
        "account_on_call.html",
        status=status,
        actor=actor,
        place="account-on-call",
        person=person,
        methods=await _methods(portal, actor, person),
        # Apprise addresses are for administrators: they name services with secrets in them.
        channels=[each.value for each in Channel if each is not Channel.APPRISE],
        shifts=shifts[:SHIFTS],
        load=load,
        typically=minutes_of(load.median_s) if load else "",
        calls=[_call(one) for one in (calls or [])[:CALLS]],
        feed=feed_url(
            portal, f"person:{person}", f"person/{quote(person, safe='')}", actor.email, now
        ),
        idempotency_key=secrets.token_urlsafe(12),
        **shown,
    )


def _call(one: PageToPerson) -> dict[str, Any]:
    after = one.acknowledged_after
    within = minutes_of(after.total_seconds()) if after is not None else ""
    return {
        "page": one.page,
        "subject": one.subject,
        "at": iso(one.at),
        "night": one.at_night,
        "after": within,
    }


async def _calls(portal: Portal, person: str, now: datetime) -> list[PageToPerson] | None:
    """None while the view is away."""
    try:
        return await portal.rota.calls(person, now)
    except Unavailable:
        return None


async def _methods(portal: Portal, actor: Actor, person: str) -> list[dict[str, Any]]:
    """As intake has them, who has just changed them perhaps; while it is away, as the portal has
    read them.
    """
    try:
        answer = await portal.intake.forward(
            actor, "GET", f"/v1/people/{quote(person, safe='')}/methods"
        )
        if answer.status == 200:
            return list(answer.json["items"])
    except Unavailable:
        # The list may be a moment old, and nothing on it can be changed until intake is back.
        pass
    policy = await portal.rota.policy()
    return (
        [method.model_dump(mode="json") for method in policy.people[person].methods]
        if policy
        else []
    )


def _status(status: int) -> int:
    """A problem with what somebody typed is the page's 422; others keep their number."""
    return 422 if status in (403, 404, 409) else status
