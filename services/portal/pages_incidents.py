"""Incidents and maintenances as those run them who are in charge: opening, updating, publishing, resolving, telling, explaining.

The same screens twice: ops run everything at `/ops/incidents`, a provider's users run what they declared for their own add-on at
`/add-on/incidents` (seed 003: acknowledge, restore and notify, explain).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.portal.after import outcome_after
from services.portal.api_incidents import Reads
from services.portal.fields import fields_of
from services.portal.incident_forms import ACTIONS, FAMILY, action_document, opening_document
from services.portal.incident_shapes import draft_of_postmortem, sections_from
from services.portal.incidents import IncidentReads
from services.portal.proxy import Answer
from services.portal.screens import Screens, see_other
from services.portal.submission import problems_by_field
from services.portal.tabs import href
from services.portal.visitors import Drawn, Parts, Who, not_found
from services.portal.wiring import Portal
from shared.access import runs_incidents
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy import COMPONENTS, ComponentsPolicy

OPS, ADD_ON = "/ops/incidents", "/add-on/incidents"
MOST_SECTIONS = 12
_BEGINNING = {"production": "yellow"}
"""What the form of a new incident says at first: one without any impact is seldom meant."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Desk:
    """Where somebody runs incidents. `provider`: whose alone; None: everybody's, which is for ops."""

    actor: Actor
    home: str
    provider: str | None = None

    @property
    def place(self) -> str:
        """The entry of the navigation."""
        return "incidents" if self.provider else "ops"

    async def one(self, reads: IncidentReads, key: str) -> dict[str, Any] | None:
        """One of those that are run here."""
        found = await reads.one(self.actor, key)
        return None if found is None or (self.provider and found["provider"] != self.provider) else found


async def running(request: Request, actor: Who) -> Desk:
    """Who runs incidents here: for everybody else there is no such page."""
    if request.url.path.startswith(OPS) and runs_incidents(actor):
        return Desk(actor, OPS)
    if request.url.path.startswith(ADD_ON) and actor.provider is not None and not actor.is_staff:
        return Desk(actor, ADD_ON, actor.provider)
    raise not_found()


At = Annotated[Desk, Depends(running)]


@router.get("")
async def listed(request: Request, desk: At, reads: Reads, screens: Drawn, state: str = "live", cursor: str = "") -> Response:
    if state not in ("live", "over"):
        raise not_found()
    incidents = await reads.listed(desk.actor, "incidents", state=state, cursor=cursor or None, provider=desk.provider)
    maintenances = {"items": []} if cursor else await reads.listed(desk.actor, "maintenances", state=state, provider=desk.provider)
    owed = [] if desk.provider is None else await reads.unexplained(desk.actor, desk.provider)
    names = (("live", "Going on"), ("over", "Over"))
    tabs = [{"href": href(desk.home, {"state": key}), "label": label, "n": "", "current": key == state} for key, label in names]
    more = href(desk.home, {"state": state, "cursor": incidents["next"]}) if incidents["next"] else ""
    return _page(
        request, desk, screens, "incidents.html", incidents=incidents["items"], maintenances=maintenances["items"], tabs=tabs,
        state=state, more_href=more, owed=owed,
    )  # fmt: skip


@router.get("/new")
async def new(request: Request, desk: At, portal: Parts, screens: Drawn, what: str = "incident", follows: str = "") -> Response:
    if desk.provider and what == "maintenance":
        return see_other("/announce?purpose=maintenance")
    first = {} if what == "maintenance" else _BEGINNING
    return await _form(request, desk, portal, screens, {**first, "what": what, "follow_up_of": follows}, {}, 200)


@router.post("")
async def begin(request: Request, desk: At, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    what = "maintenance" if fields.get("what") == "maintenance" else "incident"
    answer = await _ask(portal, desk.actor, f"/v1/{what}s", opening_document(what, fields), fields)
    if answer.is_accepted:
        return see_other(f"{desk.home}/{answer.json[f'{what}_id']}?after={answer.json['request_id']}")
    wrong = problems_by_field(answer.json, frozenset({"title", "body", "components", "starts_at", "ends_at", "override_reason"}))
    return await _form(request, desk, portal, screens, fields, wrong, _status(answer))


@router.get("/{key}")
async def one(key: str, request: Request, desk: At, portal: Parts, reads: Reads, screens: Drawn, after: str = "") -> Response:
    outcome = await outcome_after(portal, desk.actor, after, key)
    return await _shown(key, request, desk, portal, reads, screens, outcome=outcome)


@router.get("/{key}/postmortem")
async def editor(key: str, request: Request, desk: At, reads: Reads, screens: Drawn) -> Response:
    found = await desk.one(reads, key)
    if found is None or found["state"] != "resolved":
        raise not_found()
    sections = found["postmortem"]["sections"] if found["postmortem"] else draft_of_postmortem(found)
    return _editor(request, desk, screens, found, sections, "", 200)


@router.post("/{key}/postmortem")
async def publish_postmortem(key: str, request: Request, desk: At, portal: Parts, reads: Reads, screens: Drawn) -> Response:
    found = await desk.one(reads, key)
    if found is None:
        raise not_found()
    fields = await fields_of(request, portal.settings.max_body)
    pairs = [(fields.get(f"heading.{number}", ""), fields.get(f"body.{number}", "")) for number in range(MOST_SECTIONS)]
    answer = await _ask(portal, desk.actor, f"/v1/incidents/{key}/postmortem", {"sections": sections_from(pairs)}, fields)
    if answer.is_accepted:
        return see_other(f"{desk.home}/{key}?after={answer.json['request_id']}")
    given = [{"heading": heading, "body": body} for heading, body in pairs if heading or body]
    return _editor(request, desk, screens, found, given, _said(answer), _status(answer))


@router.post("/{key}/{action}")
async def act(key: str, action: str, request: Request, desk: At, portal: Parts, reads: Reads, screens: Drawn) -> Response:
    if action not in ACTIONS:
        raise not_found()
    fields = await fields_of(request, portal.settings.max_body)
    family = FAMILY.get(key[:4], "incidents")
    answer = await _ask(portal, desk.actor, f"/v1/{family}/{key}/{action}", action_document(action, fields), fields)
    if answer.is_accepted and action == "message":
        n = int(answer.json["tickets"])
        told = {
            "tone": "good",
            "title": "Sent.",
            "text": f"{n} {'ticket gets' if n == 1 else 'tickets get'} it as a reply.",
            "clears": None,
        }
        return await _shown(key, request, desk, portal, reads, screens, outcome=told)
    if answer.is_accepted:
        return see_other(f"{desk.home}/{key}?after={answer.json['request_id']}")
    refused = {"tone": "bad", "title": "That was not done.", "text": _said(answer), "clears": None}
    return await _shown(key, request, desk, portal, reads, screens, outcome=refused, values=fields, status=_status(answer))


async def _shown(
    key: str, request: Request, desk: Desk, portal: Portal, reads: IncidentReads, screens: Screens, *, status: int = 200,
    values: Mapping[str, str] | None = None, **context: Any,
) -> Response:  # fmt: skip
    found = await desk.one(reads, key)
    if found is None and context.get("outcome") is None:
        raise not_found()
    return _page(
        request, desk, screens, "incident.html", status=status, incident=found, key=key,
        tickets=await reads.tickets(desk.actor, key) if found else [], components=await _components(portal), values=values or {},
        idempotency_key=secrets.token_urlsafe(12), **context,
    )  # fmt: skip


async def _form(
    request: Request, desk: Desk, portal: Portal, screens: Screens, fields: Mapping[str, str], errors: Mapping[str, str], status: int
) -> Response:
    return _page(
        request, desk, screens, "incident_form.html", status=status, components=await _components(portal), values=fields,
        errors=errors, what="maintenance" if fields.get("what") == "maintenance" else "incident", idempotency_key=secrets.token_urlsafe(18),
        stacks=(await _policy(portal)).stacks,
    )  # fmt: skip


def _editor(
    request: Request, desk: Desk, screens: Screens, incident: dict[str, Any], sections: list[dict[str, str]], problem: str, status: int
) -> Response:
    blank = [{"heading": "", "body": ""}] if len(sections) < MOST_SECTIONS else []
    return _page(
        request, desk, screens, "postmortem.html", status=status, incident=incident, sections=[*sections, *blank],
        problem=problem, idempotency_key=secrets.token_urlsafe(18),
    )  # fmt: skip


def _page(request: Request, desk: Desk, screens: Screens, template: str, *, status: int = 200, **context: Any) -> Response:
    return screens.page(
        request, template, actor=desk.actor, place=desk.place, status=status, home=desk.home, own=desk.provider, **context
    )  # fmt: skip


async def _policy(portal: Portal) -> ComponentsPolicy:
    found = await portal.store["policies"].find({"name": COMPONENTS}, order=[("version", -1)], limit=1)
    return ComponentsPolicy.model_validate(found[0]["document"]) if found else ComponentsPolicy()


async def _components(portal: Portal) -> list[dict[str, Any]]:
    return [{"id": found.id, "name": found.name, "addon": found.addon} for found in (await _policy(portal)).components]


async def _ask(portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]) -> Answer:
    """Intake's answer. Where it is away that is an answer too, so that what somebody wrote is shown again and not lost."""
    key = fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)
    try:
        return await portal.intake.forward(actor, "POST", path, document, idempotency_key=key)
    except Unavailable:
        return Answer(503, {}, b'{"detail": "We cannot take it just now. What you wrote is still here: try again in a moment."}')


def _said(answer: Answer) -> str:
    return str(answer.json.get("detail") or "It was not accepted.")


def _status(answer: Answer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
