"""On call by forms: people, schedules with their turns, escalations. Each makes a draft of the
policy `on-call`, which goes the way of every draft: looked at, then applied. Gaps are shown while a
schedule is edited.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.policies import rota as forms
from services.portal.admin.policies.documents import text_of
from services.portal.admin.policies.pages import draft, read
from services.portal.tickets.documents import iso
from services.portal.web.filters import rota_rows
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, not_found
from shared.events import Actor
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.on_call.coverage import AHEAD, shifts
from shared.policy.on_call.rota import on_call

HERE = "/admin/on-call"
DAYS = 14
# Gaps that a preview lists; the number of the rest is said.
MOST_GAPS = 10
# What a document has before its first person; it could not be published like this.
EMPTY: dict[str, Any] = {"people": {}, "schedules": {}, "escalation": {}}


class OnCallSection(NamedTuple):
    """A part of the document that has a form of its own."""

    key: str
    title: str
    values: Callable[[Mapping[str, Any]], dict[str, str]]
    change: Callable[
        [Mapping[str, Any], str, Mapping[str, str]], tuple[dict[str, Any], dict[str, str]]
    ]


# Each key is also the key of the document, and part of the page's address.
PARTS = {
    "people": OnCallSection("people", "person", forms.person_values, forms.with_person),
    "schedules": OnCallSection("schedules", "schedule", forms.schedule_values, forms.with_schedule),
    "escalation": OnCallSection(
        "escalation", "escalation", forms.escalation_values, forms.with_escalation
    ),
}

router = APIRouter(include_in_schema=False)


@router.get(HERE)
async def overview(
    request: Request, actor: Admin, portal: Parts, screens: Drawn, done: str = ""
) -> Response:
    newest = await read(actor, portal, ON_CALL)
    document = newest["document"] if newest else EMPTY
    now = portal.clock.now()
    policy = OnCallPolicy.model_validate(document, extra="ignore") if newest else None
    # Without a document there is nothing to lay out.
    ahead = now + timedelta(days=DAYS)
    planned = (await portal.rota.shifts(actor, now, ahead) or []) if newest else []
    return draw(
        screens,
        request,
        "admin_on_call.html",
        actor,
        "on-call",
        newest=newest,
        document=document,
        on_now=on_call(policy, now) if policy else {},
        rows={row["schedule"]: row for row in rota_rows(planned, now, DAYS)},
        findings=await portal.rota.coverage(actor, now) or [] if newest else [],
        done="A code is on its way. They type it in at their account, under “How you are paged”."
        if done == "sent"
        else "",
        problem="",
        idempotency_key=secrets.token_urlsafe(12),
    )


@router.post(HERE + "/verify")
async def send_code(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """The code that proves a way to be reached."""
    fields = await fields_of(request, portal.settings.max_body)
    # An empty name would make it another address.
    person, method = (quote(fields.get(name, "") or "-", safe="") for name in ("person", "method"))
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/people/{person}/methods/{method}/verify", {}
    )
    if answer.is_accepted:
        return see_other(f"{HERE}?{urlencode({'done': 'sent'})}")
    return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))


@router.post(HERE + "/test")
async def test_page(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """Page one person as a test; the page itself shows its outcome."""
    fields = await fields_of(request, portal.settings.max_body)
    person = quote(fields.get("person", "") or "-", safe="")
    key = fields.get("idempotency_key", "")
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/people/{person}/test-page", {}, idempotency_key=key or None
    )
    if not answer.is_accepted:
        return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))
    after = urlencode({"after": answer.json["request_id"]})
    return see_other(f"/pages/{answer.json['page_id']}?{after}")


@router.get(HERE + "/{key}")
async def form(
    key: str, request: Request, actor: Admin, portal: Parts, screens: Drawn, name: str = ""
) -> Response:
    part = _part(key)
    newest = await read(actor, portal, ON_CALL)
    if newest is None:  # a document without an escalation is refused: it begins with one
        return see_other(HERE)
    document = newest["document"]
    # A name that is not there, rather than a form for something new.
    if name and name not in document.get(key, {}):
        raise not_found()
    values = (
        part.values(document[key][name]) if name else _make_initial_values(key, portal.clock.now())
    )
    return _draw_page(request, actor, portal, screens, part, newest, name, values, {})


@router.post(HERE + "/{key}")
async def work_on(
    key: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    """Show what it would mean, or the draft of the whole document."""
    part = _part(key)
    fields = await fields_of(request, portal.settings.max_body)
    newest = await read(actor, portal, ON_CALL)
    document = newest["document"] if newest else EMPTY
    # Empty where something new is made.
    standing = fields.get("standing", "")
    if standing and standing not in document.get(key, {}):
        raise not_found()
    does, note = fields.get("does", "review"), f"{part.title} {standing}"
    # What hangs on it is found by the check of the draft.
    if does == "remove" and standing:
        changed = forms.without(document, key, standing)
        note = f"without {part.title} {standing}"
    else:
        name, errors = forms.name_of(fields, standing, document.get(key, {}))
        changed, wrong = part.change(document, name, fields)
        errors |= wrong
        # Before the mistakes: a preview shows what can be read so far.
        if does == "preview":
            return _preview(request, actor, portal, screens, part, newest, name, fields, changed)
        if errors:
            return _draw_page(
                request, actor, portal, screens, part, newest, standing, fields, errors, 422
            )
        note = f"{part.title} {name}"
    return await draft(
        request,
        actor,
        portal,
        screens,
        ON_CALL,
        text=text_of(changed),
        made_of=fields.get("made_of", ""),
        note=note,
        # Checked as a draft: nothing of a form is published at once.
        does="check",
    )


def _preview(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    part: OnCallSection,
    newest: Mapping[str, Any] | None,
    name: str,
    fields: Mapping[str, str],
    changed: Mapping[str, Any],
) -> Response:
    """The two weeks to come of the schedule as the form says it; alone, where a script asks."""
    looked = look_ahead(changed, name, portal.clock.now())
    # A script asks while somebody types: it takes the picture alone.
    if "hx-request" in request.headers:
        return screens.page(request, "_rota_ahead.html", actor=actor, ahead=looked)
    _, errors = part.change((newest or {}).get("document", EMPTY), name, fields)
    standing = fields.get("standing", "")
    return _draw_page(
        request, actor, portal, screens, part, newest, standing, fields, errors, ahead=looked
    )


def look_ahead(document: Mapping[str, Any], schedule: str, now: datetime) -> dict[str, Any] | None:
    """`{row, gaps, more}` of a schedule: two weeks as bars, and when nobody is on call in the next
    90 days. None where the document cannot be read: it is not finished yet. Pure.
    """
    try:
        policy = OnCallPolicy.model_validate(document, extra="ignore")
        found = shifts(policy, schedule, now, now + AHEAD)
    except (ValidationError, KeyError):
        return None
    until = now + timedelta(days=DAYS)
    # Two weeks are drawn, and gaps are looked for in all 90 days.
    near = [shift for shift in found if shift.since < until]
    row = {
        "schedule": schedule,
        "zone": policy.schedules[schedule].zone,
        "shifts": [
            {
                "person": shift.person,
                "since": iso(shift.since),
                "until": iso(min(shift.until, until)),
                "stand_in": shift.by_override,
            }
            for shift in near
        ],
    }
    gaps = [
        {"since": iso(shift.since), "until": iso(shift.until)}
        for shift in found
        if shift.person is None
    ]
    return {
        "row": rota_rows([row], now, DAYS)[0],
        "gaps": gaps[:MOST_GAPS],
        "more": max(0, len(gaps) - MOST_GAPS),
    }


def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    part: OnCallSection,
    newest: Mapping[str, Any] | None,
    name: str,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
    ahead: Mapping[str, Any] | None = None,
) -> Response:
    document = newest["document"] if newest else EMPTY
    # What the schedule means now, until something is changed.
    if ahead is None and part.key == "schedules" and name:
        ahead = look_ahead(document, name, portal.clock.now())
    return draw(
        screens,
        request,
        f"admin_on_call_{part.key}.html",
        actor,
        "on-call",
        status=status,
        part=part,
        name=name,
        made_of=newest["version"] if newest else "",
        values=values,
        errors=errors,
        document=document,
        people=sorted(document.get("people", {})),
        schedules=sorted(document.get("schedules", {})),
        layer_rows=forms.rows(values, "people"),
        step_rows=forms.rows(values, "whom"),
        every=forms.EVERY,
        ahead=ahead,
    )


def _make_initial_values(key: str, now: datetime) -> dict[str, str]:
    """What the form of something new begins with."""
    if key == "schedules":
        return {"zone": "UTC", "1.starts_at": now.strftime("%Y-%m-%dT09:00"), "1.every": "7d"}
    if key == "escalation":
        return {"repeat": "1", "1.wait": "5m", "ack_timeout": "0s"}
    return {}


def _part(key: str) -> OnCallSection:
    if key not in PARTS:
        raise not_found()
    return PARTS[key]
