"""Tickets as people see them: open one, my tickets, the ticket's page and everything that can be done on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.after import AFTER_S, is_request
from services.portal.attachments import described, files_of
from services.portal.display import Said
from services.portal.insight import insight
from services.portal.linking import is_linkable, links_of
from services.portal.listing import Asked
from services.portal.proxy import Answer
from services.portal.screens import Screens, see_other
from services.portal.submission import (
    URGENT_TEXTS,
    action_document,
    actions_for,
    audiences_for,
    problems_by_field,
    ticket_document,
)  # fmt: skip
from services.portal.tabs import notes_of, outcome_of, tabs_of_own
from services.portal.uploads import form_of
from services.portal.visitors import Drawn, Parts, Who, not_found
from services.portal.wiring import Portal
from shared.access import MAY, Standing, may_handle_pages
from shared.errors import Unavailable
from shared.events import Actor
from shared.policy import DESK, DeskPolicy

_SUBMITTED = frozenset(
    {"subject", "body", "app", "addon", "priority", "kind", "urgent.third_party_services", *(f"urgent.{name}" for name in URGENT_TEXTS)}
)
_REPLIED = frozenset({"body"})
_NOTED = ("masked", "missing")

router = APIRouter(include_in_schema=False)


@router.get("/tickets")
async def own_tickets(
    request: Request, actor: Who, portal: Parts, screens: Drawn, status: str = "live", cursor: str | None = None, q: str | None = None
) -> Response:
    """A customer's, or a provider's. Staff have the queue."""
    if actor.is_staff:
        return see_other("/queue")
    found = await portal.queries.tickets(actor, Asked(status=None if status == "all" else status, cursor=cursor, q=q))
    return screens.page(
        request, "tickets.html", actor=actor, place="tickets", found=found, side="provider" if actor.provider else "customer",
        tabs=tabs_of_own(found["counts"], status), filtered=(status != "live" and found["counts"]["total"] > 0) or cursor is not None,
        base_href="/tickets", more_href=f"/tickets?status={status}&cursor={found['next']}",
    )  # fmt: skip


@router.get("/tickets/new")
async def new_ticket(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Begun with what the link says."""
    given = {name: request.query_params[name][:200] for name in ("app", "kind", "subject") if request.query_params.get(name)}
    return await _form(request, actor, portal, screens, given, {}, 200)


@router.post("/tickets")
async def submit(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    sent = await form_of(request, portal.intake, actor, portal.settings.max_body)
    fields = sent.fields
    if sent.wrong:
        return await _form(request, actor, portal, screens, fields, {"files": sent.wrong}, 422)
    answer = await _ask(portal, actor, "/v1/tickets", sent.with_files(ticket_document(fields)), fields)
    if answer.is_accepted:
        said = answer.json
        noted: dict[str, Any] = {name: len(found) for name in _NOTED if (found := said.get(name))} | _spooled(said)
        return see_other(f"/tickets/{said['ticket_id']}?{urlencode({'after': said['request_id'], **noted})}")
    return await _form(request, actor, portal, screens, fields, problems_by_field(answer.json, _SUBMITTED), _status(answer))


@router.get("/tickets/{ticket_id}")
async def ticket_page(ticket_id: str, request: Request, actor: Who, portal: Parts, screens: Drawn, after: str | None = None) -> Response:
    try:
        async with asyncio.timeout(None if after is None else 3 * AFTER_S):
            return await _ticket_after(ticket_id, request, actor, portal, screens, after)
    except (Unavailable, TimeoutError):
        if after is None:
            raise  # what was just sent is safe all the same, and said so
        notes = [*notes_of(request.query_params), "Our views are away just now, so it is shown later; it is worked on meanwhile."]
        return screens.page(request, "received.html", actor=actor, place="tickets", status=202, ticket_id=ticket_id, notes=notes)


async def _ticket_after(ticket_id: str, request: Request, actor: Actor, portal: Portal, screens: Screens, after: str | None) -> Response:
    outcome = None
    if after is not None and is_request(after):
        is_there = await portal.hub.settled(after, AFTER_S)
        outcome = outcome_of(await portal.queries.request(actor, after) if is_there else None, after, ticket_id)
        notes = notes_of(request.query_params)
        if outcome and notes:
            outcome["text"] = " ".join((outcome["text"], *notes))
        if not is_there and await portal.queries.ticket(actor, ticket_id) is None:
            return screens.page(request, "received.html", actor=actor, place="tickets", status=202, ticket_id=ticket_id, notes=notes)
    return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome)


@router.post("/tickets/{ticket_id}/{action}")
async def act(ticket_id: str, action: str, request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    sent = await form_of(request, portal.intake, actor, portal.settings.max_body)
    fields = sent.fields
    if sent.wrong:
        errors = {"files": sent.wrong}
        return await _ticket(ticket_id, request, actor, portal, screens, values=fields, errors=errors, status=422)
    document = action_document(action, fields)
    answer = await _ask(portal, actor, f"/v1/tickets/{ticket_id}/{action}", sent.with_files(document), fields)
    if answer.is_accepted and "url" in answer.json:
        return await _shared(ticket_id, request, actor, portal, screens, answer)
    if answer.is_accepted:
        return see_other(f"/tickets/{ticket_id}?after={answer.json['request_id']}")
    if answer.status == 404:
        raise not_found()
    problems = problems_by_field(answer.json, _REPLIED if action == "replies" else frozenset())
    if action == "replies":
        return await _ticket(ticket_id, request, actor, portal, screens, values=fields, errors=problems, status=_status(answer))
    outcome = {"tone": "bad", "title": "That was not done.", "text": " ".join(problems.values()), "clears": None}
    return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome, status=_status(answer))


async def _shared(ticket_id: str, request: Request, actor: Actor, portal: Portal, screens: Screens, answer: Answer) -> Response:
    """The link is shown once, here: nobody keeps it."""
    request_id = str(answer.json["request_id"])
    await portal.hub.settled(request_id, AFTER_S)
    became = await portal.queries.request(actor, request_id)
    if became and became["state"] == "refused":
        outcome = outcome_of(became, request_id, ticket_id)
    else:
        text = "Registered colleagues who open it can join, for 30 days. Copy it now: it is not shown again."
        outcome = {"tone": "good", "title": "Here is the link.", "text": text, "clears": None, "link": str(answer.json["url"])}
    return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome)


async def _ask(portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]) -> Answer:
    """Intake's answer. Where it is away that is an answer too, so that what somebody wrote is shown again and not lost."""
    try:
        return await portal.intake.forward(actor, "POST", path, document, idempotency_key=_key(fields))
    except Unavailable:
        return Answer(503, {}, b'{"detail": "We cannot take it just now. What you wrote is still here: try again in a moment."}')


async def _ticket(
    ticket_id: str, request: Request, actor: Actor, portal: Portal, screens: Screens, *, status: int = 200, **context: Any
) -> Response:
    ticket = await portal.queries.ticket(actor, ticket_id)
    timeline = await portal.queries.timeline(actor, ticket_id, limit=2000)
    if ticket is None or timeline is None:
        raise not_found()
    files = await described(portal.store, timeline)
    is_staff = ticket["standing"] == "staff"
    may_link = Standing(ticket["standing"]) in MAY["LinkIncident"] and is_linkable(ticket)
    app = portal.directory.get("apps", ticket["app"] or "") or {}
    trail = await portal.queries.explain(actor, ticket_id) if is_staff else None
    pages = [await portal.desk.page(actor, name) for name in ticket.get("pages", [])] if is_staff and may_handle_pages(actor) else []
    return screens.page(
        request, "ticket.html", actor=actor, place="queue" if is_staff else "tickets", status=status, ticket=ticket,
        timeline=[{**fact, "data": Said(fact["data"]), "files": files_of(fact, files)} for fact in timeline],
        decisions=trail["decisions"] if trail else [], pages=[page for page in pages if page], actions=actions_for(ticket, actor),
        audiences=audiences_for(ticket, screens.provider_name(ticket["provider"] or "")), providers=_providers(portal) if is_staff else [],
        insight=insight(ticket), links=await links_of(portal.store, ticket, app.get("addons") or ()), may_link=may_link,
        idempotency_key=secrets.token_urlsafe(12), **context,
    )  # fmt: skip


async def _form(
    request: Request, actor: Actor, portal: Portal, screens: Screens, fields: Mapping[str, str], errors: Mapping[str, str], status: int
) -> Response:
    account = portal.directory.get("accounts", actor.email) or {}
    plan = str(account.get("plan") or "free")
    try:
        async with asyncio.timeout(AFTER_S):
            policy, apps = await asyncio.gather(_policy(portal), _apps_of(portal, actor.email))
    except (Unavailable, TimeoutError):  # the form is there all the same, with the app as a field to write in; intake knows the apps
        policy, apps = None, None
    if apps is None:
        return screens.page(
            request, "submit.html", actor=actor, place="new", status=status, apps=None, plan=plan, values=fields, errors=errors,
            addons=_providers(portal), may_choose_priority=plan != "free", pages_on_call=False, is_degraded=True,
            idempotency_key=secrets.token_urlsafe(18),
        )  # fmt: skip
    attached = {slug for app in apps for slug in app["addons"]}
    return screens.page(
        request, "submit.html", actor=actor, place="new", status=status, apps=apps, plan=plan, values=fields, errors=errors,
        addons=[provider for provider in _providers(portal) if provider["slug"] in attached],
        may_choose_priority=policy is not None and plan in policy.may_choose_priority,
        pages_on_call=policy is not None and plan in policy.pages,
        idempotency_key=secrets.token_urlsafe(18),
    )  # fmt: skip


async def _policy(portal: Portal) -> DeskPolicy | None:
    found = await portal.store["policies"].find({"name": DESK}, order=[("version", -1)], limit=1)
    return DeskPolicy.model_validate(found[0]["document"]) if found else None


async def _apps_of(portal: Portal, email: str) -> list[dict[str, Any]]:
    """The apps somebody collaborates on, production first."""
    where = {"kind": "apps", "$or": [{"document.owner": email}, {"document.collaborators": email}]}
    found = [doc["document"] for doc in await portal.store["directory"].find(where, limit=500)]
    order = {"production": 0, "staging": 1, "development": 2}
    apps = [{"name": app["name"], "stage": app.get("stage"), "addons": app.get("addons") or []} for app in found]
    return sorted(apps, key=lambda app: (order.get(str(app["stage"]), 3), app["name"]))


def _providers(portal: Portal) -> list[dict[str, Any]]:
    found = [{"slug": slug, "name": doc.get("name") or slug} for slug, doc in portal.directory.all("providers").items()]
    return sorted(found, key=lambda provider: str(provider["name"]))


def _spooled(said: Mapping[str, Any]) -> dict[str, str]:
    return {"spooled": "yes"} if said.get("accepted") == "spooled" else {}


def _key(fields: Mapping[str, str]) -> str:
    """The key made when the form was drawn: sending it twice is one request."""
    return fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)


def _status(answer: Answer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
