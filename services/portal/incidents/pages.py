"""Incidents and maintenances as those run them who are in charge: opening, updating, publishing,
resolving, telling, explaining.

The same screens twice: ops run everything at `/ops/incidents`, a provider's users run what they
declared for their own add-on at `/add-on/incidents` (seed 003: acknowledge, restore and notify,
explain).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.portal.incidents.api import Reads
from services.portal.incidents.documents import draft_of_postmortem, sections_from
from services.portal.incidents.forms import (
    ACTIONS,
    FAMILY,
    action_document,
    components_in,
    make_opening_document,
)
from services.portal.incidents.reach import reach_of_update
from services.portal.incidents.reads import IncidentReads
from services.portal.tickets.forms import in_words, problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import outcome_after
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from services.portal.web.words import href
from shared.access import runs_incidents
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy import COMPONENTS, ComponentsPolicy

OPS, ADD_ON = "/ops/incidents", "/add-on/incidents"
# The form has this many places at most; empty ones are left out.
MOST_SECTIONS = 12
_BEGINNING = {"production": "yellow"}
"""What the form of a new incident says at first: one without any impact is seldom meant."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class IncidentDesk:
    """Where somebody runs incidents. `provider`: whose alone; None: everybody's, which is
    for ops.
    """

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
        # Another provider's is the same as none.
        return (
            None
            if found is None or (self.provider and found["provider"] != self.provider)
            else found
        )


async def require_incident_desk(request: Request, actor: Who) -> IncidentDesk:
    """Who runs incidents here: for everybody else there is no such page."""
    if request.url.path.startswith(OPS) and runs_incidents(actor):
        return IncidentDesk(actor, OPS)
    if request.url.path.startswith(ADD_ON) and actor.provider is not None and not actor.is_staff:
        return IncidentDesk(actor, ADD_ON, actor.provider)
    raise not_found()


At = Annotated[IncidentDesk, Depends(require_incident_desk)]


_FAMILIES = ("incidents", "maintenances")


@router.get("")
async def list_incidents(
    request: Request,
    desk: At,
    reads: Reads,
    screens: Drawn,
    state: str = "live",
    cursor: str = "",
    of: str = "",
) -> Response:
    """The first page has both families; with a cursor it goes on with the one that `of` names."""
    if state not in ("live", "over") or of not in ("", *_FAMILIES):
        raise not_found()
    wanted = _FAMILIES if not cursor else (of or "incidents",)
    lists = {
        family: await reads.listed(
            desk.actor, family, state=state, cursor=cursor or None, provider=desk.provider
        )
        for family in wanted
    }
    more = {
        family: href(desk.home, {"state": state, "of": family, "cursor": found["next"]})
        for family, found in lists.items()
        if found["next"]
    }
    # Ops owe no explanation here: their list would be everybody's.
    owed = [] if desk.provider is None else await reads.find_unexplained(desk.actor, desk.provider)
    names = (("live", "Going on"), ("over", "Over"))
    tabs = [
        {"href": href(desk.home, {"state": key}), "label": label, "n": "", "current": key == state}
        for key, label in names
    ]
    return _page(
        request,
        desk,
        screens,
        "incidents.html",
        lists={family: found["items"] for family, found in lists.items()},
        tabs=tabs,
        state=state,
        more=more,
        owed=owed,
    )


@router.get("/new")
async def new(
    request: Request,
    desk: At,
    portal: Parts,
    screens: Drawn,
    what: str = "incident",
    follows: str = "",
) -> Response:
    # A provider's maintenance is an announcement to its users.
    if desk.provider and what == "maintenance":
        return see_other("/announce?purpose=maintenance")
    first = {} if what == "maintenance" else _BEGINNING
    return await _form(
        request, desk, portal, screens, {**first, "what": what, "follow_up_of": follows}, {}, 200
    )


@router.post("")
async def begin(request: Request, desk: At, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    what = "maintenance" if fields.get("what") == "maintenance" else "incident"
    # A preview sends nothing: it draws the form again, with what people would get.
    if fields.get("preview") == "yes":
        return await _form(request, desk, portal, screens, fields, {}, 200)
    answer = await _ask(
        portal, desk.actor, f"/v1/{what}s", make_opening_document(what, fields), fields
    )
    if answer.is_accepted:
        return see_other(
            f"{desk.home}/{answer.json[f'{what}_id']}?after={answer.json['request_id']}"
        )
    wrong = problems_by_field(
        answer.json,
        frozenset({"title", "body", "components", "starts_at", "ends_at", "override_reason"}),
    )
    return await _form(request, desk, portal, screens, fields, wrong, _status(answer))


@router.get("/{key}")
async def one(
    key: str,
    request: Request,
    desk: At,
    portal: Parts,
    reads: Reads,
    screens: Drawn,
    after: str = "",
) -> Response:
    outcome = await outcome_after(portal, desk.actor, after, key)
    return await _draw_page(key, request, desk, portal, reads, screens, outcome=outcome)


@router.get("/{key}/postmortem")
async def editor(key: str, request: Request, desk: At, reads: Reads, screens: Drawn) -> Response:
    found = await desk.one(reads, key)
    # Only what is over can be explained.
    if found is None or found["state"] != "resolved":
        raise not_found()
    sections = (
        found["postmortem"]["sections"] if found["postmortem"] else draft_of_postmortem(found)
    )
    return _editor(request, desk, screens, found, sections, "", 200)


@router.post("/{key}/postmortem")
async def publish_postmortem(
    key: str, request: Request, desk: At, portal: Parts, reads: Reads, screens: Drawn
) -> Response:
    found = await desk.one(reads, key)
    if found is None:
        raise not_found()
    fields = await fields_of(request, portal.settings.max_body)
    pairs = [
        (fields.get(f"heading.{number}", ""), fields.get(f"body.{number}", ""))
        for number in range(MOST_SECTIONS)
    ]
    answer = await _ask(
        portal,
        desk.actor,
        f"/v1/incidents/{key}/postmortem",
        {"sections": sections_from(pairs)},
        fields,
    )
    if answer.is_accepted:
        return see_other(f"{desk.home}/{key}?after={answer.json['request_id']}")
    # What was written comes back as it was, half-filled sections too.
    given = [{"heading": heading, "body": body} for heading, body in pairs if heading or body]
    return _editor(request, desk, screens, found, given, _explain_refusal(answer), _status(answer))


@router.post("/{key}/{action}")
async def act(
    key: str, action: str, request: Request, desk: At, portal: Parts, reads: Reads, screens: Drawn
) -> Response:
    # Checked here, since it becomes part of intake's address.
    if action not in ACTIONS:
        raise not_found()
    fields = await fields_of(request, portal.settings.max_body)
    family = FAMILY.get(key[:4], "incidents")
    answer = await _ask(
        portal, desk.actor, f"/v1/{family}/{key}/{action}", action_document(action, fields), fields
    )
    # It becomes many replies and has no one request to wait for.
    if answer.is_accepted and action == "message":
        n = int(answer.json["tickets"])
        told = {
            "tone": "good",
            "title": "Sent.",
            "text": f"{n} {'ticket gets' if n == 1 else 'tickets get'} it as a reply.",
            "clears": None,
        }
        return await _draw_page(key, request, desk, portal, reads, screens, outcome=told)
    if answer.is_accepted:
        return see_other(f"{desk.home}/{key}?after={answer.json['request_id']}")
    refused = {
        "tone": "bad",
        "title": "That was not done.",
        "text": _explain_refusal(answer),
        "clears": None,
    }
    return await _draw_page(
        key,
        request,
        desk,
        portal,
        reads,
        screens,
        outcome=refused,
        values=fields,
        status=_status(answer),
    )


async def _draw_page(
    key: str,
    request: Request,
    desk: IncidentDesk,
    portal: Portal,
    reads: IncidentReads,
    screens: PageRenderer,
    *,
    status: int = 200,
    values: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    found = await desk.one(reads, key)
    # Just opened it may not be in the view yet; then the outcome says so.
    if found is None and context.get("outcome") is None:
        raise not_found()
    parts = found["components"] if found else []
    return _page(
        request,
        desk,
        screens,
        "incident.html",
        status=status,
        texts=(await _policy(portal)).texts,
        reach=reach_of_update(
            portal.directory,
            [part["id"] for part in parts],
            [part["addon"] for part in parts if part["addon"]]
            + ([found["provider"]] if found and found["provider"] else []),
            portal.clock.now(),
        ),
        incident=found,
        key=key,
        tickets=await reads.tickets(desk.actor, key) if found else [],
        components=await _components(portal),
        values=values or {},
        idempotency_key=secrets.token_urlsafe(12),
        **context,
    )


async def _form(
    request: Request,
    desk: IncidentDesk,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    policy = await _policy(portal)
    return _page(
        request,
        desk,
        screens,
        "incident_form.html",
        status=status,
        components=await _components(portal),
        values=fields,
        errors=errors,
        what="maintenance" if fields.get("what") == "maintenance" else "incident",
        idempotency_key=secrets.token_urlsafe(18),
        stacks=policy.stacks,
        texts=policy.texts,
        preview=_preview(portal, desk, policy, fields) if fields.get("preview") == "yes" else None,
    )


def _preview(
    portal: Portal, desk: IncidentDesk, policy: ComponentsPolicy, fields: Mapping[str, str]
) -> dict[str, Any]:
    """What people would get, and how many of them."""
    # Whatever the form says: a provider speaks for its own add-on.
    if desk.provider is not None:
        parts = policy.of_addon(desk.provider)
    else:
        chosen = components_in(fields)
        parts = tuple(one.known for one in policy.components if one.id in chosen)
    addons = {part.addon for part in parts if part.addon} | (
        {desk.provider} if desk.provider else set()
    )
    ids = [part.id for part in parts]
    return {
        "title": fields.get("title", ""),
        "body": fields.get("body", ""),
        # A draft reaches nobody.
        "reach": None
        if fields.get("draft") == "yes"
        else reach_of_update(portal.directory, ids, addons, portal.clock.now()),
    }


def _editor(
    request: Request,
    desk: IncidentDesk,
    screens: PageRenderer,
    incident: dict[str, Any],
    sections: list[dict[str, str]],
    problem: str,
    status: int,
) -> Response:
    # One more to write in, as long as there is a place.
    blank = [{"heading": "", "body": ""}] if len(sections) < MOST_SECTIONS else []
    return _page(
        request,
        desk,
        screens,
        "postmortem.html",
        status=status,
        incident=incident,
        sections=[*sections, *blank],
        problem=problem,
        idempotency_key=secrets.token_urlsafe(18),
    )


def _page(
    request: Request,
    desk: IncidentDesk,
    screens: PageRenderer,
    template: str,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    return screens.page(
        request,
        template,
        actor=desk.actor,
        place=desk.place,
        status=status,
        home=desk.home,
        own=desk.provider,
        **context,
    )


async def _policy(portal: Portal) -> ComponentsPolicy:
    found = await portal.store["policies"].find(
        {"name": COMPONENTS}, order=[("version", -1)], limit=1
    )
    # Before the policy is read the portal knows no components.
    return (
        ComponentsPolicy.model_validate(found[0]["document"], extra="ignore")
        if found
        else ComponentsPolicy()
    )


async def _components(portal: Portal) -> list[dict[str, Any]]:
    return [
        {"id": found.id, "name": found.name, "addon": found.addon}
        for found in (await _policy(portal)).components
    ]


async def _ask(
    portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]
) -> IntakeAnswer:
    """Intake's answer. Where it is away that is an answer too, so that what somebody wrote is shown
    again and not lost.
    """
    key = fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)
    try:
        return await portal.intake.forward(actor, "POST", path, document, idempotency_key=key)
    except Unavailable:
        # A problem document like any other, so that the callers need no second way.
        return IntakeAnswer(
            503,
            {},
            b'{"detail": "We cannot take it just now. What you wrote is still here: '
            b'try again in a moment."}',
        )


def _explain_refusal(answer: IntakeAnswer) -> str:
    return in_words(answer.json, "It was not accepted.")


def _status(answer: IntakeAnswer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
