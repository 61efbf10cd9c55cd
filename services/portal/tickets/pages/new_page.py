"""The form of a new ticket: drawn, filled in from a link or from the ticket before, and sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.opening import hours_of
from services.portal.people.documents import person_of
from services.portal.people.reads import read_apps
from services.portal.tickets.forms import (
    URGENT_TEXTS,
    problems_by_field,
    ticket_document,
)
from services.portal.tickets.pages.sending import send_to_intake, status_of
from services.portal.tickets.pages.ticket_page import list_providers
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.uploads import form_of
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from services.portal.web.words import draft_of
from shared.errors import Unavailable
from shared.events import Actor, Plan
from shared.ids import is_ticket
from shared.people.folding import fold_address, is_same_address
from shared.policy import DESK, DeskPolicy

# The fields of the form; a problem with anything else is said above it.
_SUBMITTED = frozenset(
    {
        "requester",
        "subject",
        "body",
        "app",
        "addon",
        "priority",
        "kind",
        "urgent.third_party_services",
        *(f"urgent.{name}" for name in URGENT_TEXTS),
    }
)
# Parts of intake's answer that the next page tells of, as numbers in its address.
_NOTED = ("masked", "missing")
AGAIN = "Follow-up: "
"""How the subject of a follow-up begins, until its writer says otherwise."""

router = APIRouter(include_in_schema=False)


@router.get("/tickets/new")
async def new_ticket(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Begun with what the link says; `for`: the person one of our staff opens it for."""
    given = {
        # An address can be of any length; what people would write is shorter than this.
        name: request.query_params[name][:200]
        for name in ("app", "kind", "subject")
        if request.query_params.get(name)
    }
    if actor.is_staff and (whom := request.query_params.get("for", "").strip()):
        given["requester"] = whom[:300]
    if is_ticket(request.query_params.get("follows", "")):
        given = await _prefill_follow_up(portal, actor, request.query_params["follows"], given)
    return await _form(request, actor, portal, screens, given, {}, 200)


async def _prefill_follow_up(
    portal: Portal, actor: Actor, ticket_id: str, given: dict[str, str]
) -> dict[str, str]:
    """What a follow-up begins with, besides what the link says: that of the ticket before; nothing
    of it while the views are away. Raises Refused where there is none that the actor may take up.
    """
    try:
        before = await portal.queries.prepare_follow_up(actor, ticket_id)
    except Unavailable:
        return {"follows": ticket_id, **given}
    if before is None:
        raise not_found()
    subject = before["subject"]
    again = {
        "follows": ticket_id,
        "subject": subject if subject.startswith(AGAIN) else f"{AGAIN}{subject}"[:200],
        **{name: before[name] for name in ("app", "addon", "kind") if before[name]},
    }
    # Staff open it for whom the ticket before was; customers only open their own.
    if actor.is_staff:
        again["requester"] = before["requester"]
    return {**again, **given}


@router.post("/tickets")
async def submit(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    sent = await form_of(request, portal.intake, actor, portal.settings.max_body)
    fields = sent.fields
    # A file that was refused stops the whole: a ticket without it is not what was sent.
    if sent.wrong:
        return await _form(request, actor, portal, screens, fields, {"files": sent.wrong}, 422)
    answer = await send_to_intake(
        portal, actor, "/v1/tickets", sent.with_files(ticket_document(fields)), fields
    )
    if answer.is_accepted:
        said = answer.json
        # The page that follows knows nothing of this answer, so its address says it.
        noted: dict[str, Any] = {
            name: len(found) for name in _NOTED if (found := said.get(name))
        } | _note_spooled(said)
        noted |= {
            name: fields[of]
            for name, of in (("for", "requester"), ("on", "follows"))
            if fields.get(of)
        }
        return see_other(
            f"/tickets/{said['ticket_id']}?{urlencode({'after': said['request_id'], **noted})}"
        )
    return await _form(
        request,
        actor,
        portal,
        screens,
        fields,
        problems_by_field(answer.json, _SUBMITTED),
        status_of(answer),
    )


async def _form(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
) -> Response:
    # Staff may open it for others; a customer's field of that name counts for nothing.
    whom = fields.get("requester", "") if actor.is_staff else ""
    requester = None if not whom or is_same_address(whom, actor.email) else whom
    person = person_of(portal.directory, requester) if requester else None
    if person and not person["is_active"]:
        # Without the person there is no list of apps to choose from: ask for the address again.
        errors = {"for": f"Nobody is registered as {person['email']}.", **errors}
        return screens.page(
            request,
            "submit_for.html",
            actor=actor,
            place="queue",
            status=max(status, 422),
            values=fields,
            errors=errors,
        )
    account = portal.directory.get("accounts", fold_address(requester or actor.email)) or {}
    plan = str(account.get("plan") or "free")
    email = str(account.get("email") or actor.email)
    place = "queue" if actor.is_staff else "new"
    whose = {"requester": person["email"] if person else "", "follows": fields.get("follows", "")}
    draft = draft_of(whose)
    # Bounded: the form matters more than its lists.
    try:
        async with asyncio.timeout(AFTER_S):
            policy, apps = await asyncio.gather(_policy(portal), read_apps(portal.store, email))
    except (
        Unavailable,
        TimeoutError,
    ):  # the form is there all the same, with the app as a field to write in; intake knows the apps
        policy, apps = None, None
    # Kept simple: it must not need anything that is away.
    if apps is None:
        return screens.page(
            request,
            "submit.html",
            actor=actor,
            place=place,
            status=status,
            apps=None,
            plan=plan,
            person=person,
            draft=draft,
            values=fields,
            errors=errors,
            addons=list_providers(portal),
            may_choose_priority=plan != "free",
            pages_on_call=False,
            is_degraded=True,
            hours="",
            idempotency_key=secrets.token_urlsafe(18),
        )
    # Only add-ons that one of the apps has; the rest could not be chosen with success.
    attached = {slug for app in apps for slug in app["addons"]}
    return screens.page(
        request,
        "submit.html",
        actor=actor,
        place=place,
        status=status,
        apps=apps,
        plan=plan,
        person=person,
        draft=draft,
        values=fields,
        errors=errors,
        addons=[provider for provider in list_providers(portal) if provider["slug"] in attached],
        may_choose_priority=policy is not None and plan in policy.may_choose_priority,
        pages_on_call=policy is not None and plan in policy.pages,
        hours=hours_of(policy, Plan(plan)) if plan in set(Plan) else "",
        idempotency_key=secrets.token_urlsafe(18),
    )


async def _policy(portal: Portal) -> DeskPolicy | None:
    found = await portal.store["policies"].find({"name": DESK}, order=[("version", -1)], limit=1)
    return DeskPolicy.model_validate(found[0]["document"], extra="ignore") if found else None


def _note_spooled(said: Mapping[str, Any]) -> dict[str, str]:
    return {"spooled": "yes"} if said.get("accepted") == "spooled" else {}
