"""Tickets as people see them: open one, my tickets, the ticket's page and everything that can be
done on it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.account.notifications import list_stopped_mail
from services.portal.desk.composing import do_after, macros_for, next_for, read_extra_actions
from services.portal.desk.listing import ListQuery
from services.portal.opening import hours_of
from services.portal.people.documents import person_of
from services.portal.people.reads import read_apps, read_panel
from services.portal.tickets.attachments import describe_attachments, files_of
from services.portal.tickets.collisions import ANSWERED, find_written_since, read_seen
from services.portal.tickets.forms import (
    URGENT_TEXTS,
    action_document,
    actions_for,
    audiences_for,
    problems_by_field,
    real_action,
    ticket_document,
)
from services.portal.tickets.incident_links import is_linkable, links_of
from services.portal.tickets.reads import read_ticket
from services.portal.tickets.seen_texts import insight_of
from services.portal.web.filters import FactView, short_id
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S, is_request
from services.portal.web.render import PageRenderer, see_other, wants_data
from services.portal.web.uploads import form_of
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from services.portal.web.words import OPENED_FOR, draft_of, notes_of, outcome_of, tabs_of_own
from shared.access import MAY, Standing, may_handle_pages
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
_REPLIED = frozenset({"body"})
# Parts of intake's answer that the next page tells of, as numbers in its address.
_NOTED = ("masked", "missing")
AGAIN = "Follow-up: "
"""How the subject of a follow-up begins, until its writer says otherwise."""

router = APIRouter(include_in_schema=False)


@router.get("/tickets")
async def own_tickets(
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    status: str = "live",
    cursor: str | None = None,
    q: str | None = None,
) -> Response:
    """A customer's, or a provider's. Staff have the queue."""
    if actor.is_staff:
        return see_other("/queue")
    found = await portal.queries.tickets(
        actor, ListQuery(status=None if status == "all" else status, cursor=cursor, q=q)
    )
    return screens.page(
        request,
        "tickets.html",
        actor=actor,
        place="tickets",
        found=found,
        side="provider" if actor.provider else "customer",
        tabs=tabs_of_own(found["counts"], status),
        filtered=(status != "live" and found["counts"]["total"] > 0) or cursor is not None,
        base_href="/tickets",
        more_href=f"/tickets?status={status}&cursor={found['next']}",
    )


@router.get("/tickets/new")
async def new_ticket(request: Request, actor: Who, portal: Parts, screens: Drawn) -> Response:
    """Begun with what the link says; `for`: whom one of our staff opens it for."""
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
    answer = await _ask(
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
        _status(answer),
    )


@router.get("/tickets/next")
async def next_ticket(request: Request, actor: Who, portal: Parts) -> Response:
    """On to the next: the one of the list that one came from, or the first that waits for us."""
    if not actor.is_staff:
        return see_other("/tickets")
    query = request.query_params
    before, wanted = query.get("not", ""), query.get("next", "")
    found = wanted if is_ticket(wanted) else await next_for(portal, actor, before)
    if found is None:
        return see_other("/queue")
    told = {"sent": query.get("sent", ""), "on": before} if query.get("sent") else {}
    return see_other(f"/tickets/{found}{'?' + urlencode(told) if told else ''}")


@router.get("/tickets/{ticket_id}")
async def ticket_page(
    ticket_id: str,
    request: Request,
    actor: Who,
    portal: Parts,
    screens: Drawn,
    after: str | None = None,
) -> Response:
    try:
        # Who has just sent something waits a bounded time, and is told that it is safe.
        async with asyncio.timeout(None if after is None else 3 * AFTER_S):
            return await _ticket_after(ticket_id, request, actor, portal, screens, after)
    except (Unavailable, TimeoutError):
        if after is None:
            raise  # what was just sent is safe all the same, and said so
        notes = [
            *notes_of(request.query_params),
            "Our views are away just now, so it is shown later; it is worked on meanwhile.",
        ]
        return screens.page(
            request,
            "received.html",
            actor=actor,
            place="tickets",
            status=202,
            ticket_id=ticket_id,
            notes=notes,
        )


async def _ticket_after(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    after: str | None,
) -> Response:
    outcome = await _find_sent_outcome(request, actor, portal) if after is None else None
    # `after`: what was sent from this ticket's page, or what opened the ticket.
    if after is not None and is_request(after):
        is_there = await portal.hub.settled(after, AFTER_S)
        outcome = outcome_of(
            await portal.queries.request(actor, after) if is_there else None, after, ticket_id
        )
        notes = notes_of(request.query_params)
        # The browser keeps drafts by what the form was for: name the right one to clear.
        if outcome and outcome["clears"] == "new-ticket":
            told = {"requester": request.query_params.get("for", "")}
            told["follows"] = request.query_params.get("on", "")
            outcome |= OPENED_FOR if told["requester"] and actor.is_staff else {}
            outcome["clears"] = draft_of(told)
        if outcome and notes:
            outcome["text"] = " ".join((outcome["text"], *notes))
        # Not in the views yet: say that it was received, in place of a 404.
        if not is_there and await portal.queries.ticket(actor, ticket_id) is None:
            return screens.page(
                request,
                "received.html",
                actor=actor,
                place="tickets",
                status=202,
                ticket_id=ticket_id,
                notes=notes,
            )
    return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome)


async def _find_sent_outcome(
    request: Request, actor: Actor, portal: Portal
) -> dict[str, Any] | None:
    """What became of a reply to the ticket that one comes from; its draft is done with."""
    sent, on = request.query_params.get("sent", ""), request.query_params.get("on", "")
    if not (is_request(sent) and is_ticket(on)):
        return None
    is_there = await portal.hub.settled(sent, AFTER_S)
    found = outcome_of(await portal.queries.request(actor, sent) if is_there else None, sent, on)
    return found and {**found, "text": f"{found['text']} (ticket {short_id(on)})".strip()}


@router.post("/tickets/{ticket_id}/{action}")
async def act(
    ticket_id: str, action: str, request: Request, actor: Who, portal: Parts, screens: Drawn
) -> Response:
    sent = await form_of(request, portal.intake, actor, portal.settings.max_body)
    fields = sent.fields
    if sent.wrong:
        errors = {"files": sent.wrong}
        return await _ticket(
            ticket_id, request, actor, portal, screens, values=fields, errors=errors, status=422
        )
    action = real_action(action, fields)
    # What others wrote meanwhile is shown before anything is sent.
    if action == "replies" and (newer := await _newer(ticket_id, actor, portal, fields)):
        return await _draw_conflict(ticket_id, request, actor, portal, screens, fields, newer)
    document = action_document(action, fields)
    # An empty checklist is nobody's reply.
    if action == "checklist" and not document["body"]:
        return see_other(f"/tickets/{ticket_id}#checklist")
    called = (
        "replies" if action == "checklist" else action
    )  # its answers are a reply like any other
    answer = await _ask(
        portal, actor, f"/v1/tickets/{ticket_id}/{called}", sent.with_files(document), fields
    )
    # Only sharing answers with an address.
    if answer.is_accepted and "url" in answer.json:
        return await _show_share_link(ticket_id, request, actor, portal, screens, answer)
    if answer.is_accepted:
        asked = str(answer.json["request_id"])
        # The router may have seen an answer that the views did not hold yet.
        if document.get("seen") and await _is_too_late(portal, actor, asked):
            newer = await _newer(ticket_id, actor, portal, fields)
            return await _draw_conflict(ticket_id, request, actor, portal, screens, fields, newer)
        if action == "replies":
            return await _finish_reply(ticket_id, request, actor, portal, screens, fields, answer)
        return see_other(f"/tickets/{ticket_id}?after={asked}")
    if answer.status == 404:
        raise not_found()
    # A script of ours asked: it shows the problem itself.
    if wants_data(request):
        return Json(answer.json, _status(answer))
    problems = problems_by_field(answer.json, _REPLIED if action == "replies" else frozenset())
    # A reply's text goes back into its field; a button has no field to stand beside.
    if action == "replies":
        return await _ticket(
            ticket_id,
            request,
            actor,
            portal,
            screens,
            values=fields,
            errors=problems,
            status=_status(answer),
        )
    outcome = {
        "tone": "bad",
        "title": "That was not done.",
        "text": " ".join(problems.values()),
        "clears": None,
    }
    return await _ticket(
        ticket_id, request, actor, portal, screens, outcome=outcome, status=_status(answer)
    )


async def _newer(
    ticket_id: str, actor: Actor, portal: Portal, fields: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """What others wrote since the form was drawn; nothing while the views are away: the router
    looks, too.
    """
    seen = read_seen(fields)
    if seen is None:
        return []
    try:
        said = await portal.queries.list_messages_since(actor, ticket_id, seen)
    except Unavailable:
        return []
    newer = find_written_since(said, seen, actor.email)
    return [{**entry, "data": FactView(entry["data"])} for entry in newer]


async def _is_too_late(portal: Portal, actor: Actor, request_id: str) -> bool:
    """Whether the router refused a reply because of another that it had taken just before."""
    try:
        if not await portal.hub.settled(request_id, AFTER_S):
            return False
        became = await portal.queries.request(actor, request_id)
    except Unavailable:
        # Not known whether it was refused: the ticket's page will say.
        return False
    return became is not None and became["code"] == ANSWERED


async def _draw_conflict(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    newer: list[Mapping[str, Any]],
) -> Response:
    """Nothing was sent: somebody else wrote meanwhile. The text is kept."""
    if wants_data(request):
        detail = "Somebody answered while you wrote. Look first, then send it again."
        return Json({"detail": detail}, 409)
    return await _ticket(
        ticket_id, request, actor, portal, screens, values=fields, newer=newer, status=409
    )


async def _finish_reply(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    fields: Mapping[str, str],
    answer: IntakeAnswer,
) -> Response:
    """The reply is taken; what else was asked for is done now, and one sees it, or the
    next ticket.
    """

    async def ask(action: str, document: Mapping[str, Any], end: str) -> IntakeAnswer:
        # A key of its own, derived from the reply's: sent twice, each is still done once.
        key = {"idempotency_key": f"{_key(fields)[:180]}-{end}"}
        return await _ask(portal, actor, f"/v1/tickets/{ticket_id}/{action}", document, key)

    last, problem = await do_after(ask, read_extra_actions(fields))
    request_id = str(answer.json["request_id"])
    if wants_data(request):
        return Json({"request_id": request_id, "after": last, "problem": problem}, 202)
    # The reply is out, so this is said as such and not as a failure.
    if problem:
        outcome = {"tone": "bad", "title": "Your reply was sent.", "text": problem, "clears": None}
        return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome)
    if fields.get("then") == "next" and actor.is_staff:
        query = {"not": ticket_id, "next": fields.get("next_ticket", ""), "sent": request_id}
        return see_other(f"/tickets/next?{urlencode(query)}")
    return see_other(f"/tickets/{ticket_id}?after={last or request_id}#newest")


async def _show_share_link(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    answer: IntakeAnswer,
) -> Response:
    """The link is shown once, here: nobody keeps it."""
    request_id = str(answer.json["request_id"])
    # The link must not be handed out before the router has granted it.
    await portal.hub.settled(request_id, AFTER_S)
    became = await portal.queries.request(actor, request_id)
    if became and became["state"] == "refused":
        outcome = outcome_of(became, request_id, ticket_id)
    else:
        text = (
            "Registered colleagues who open it can join, for 30 days. Copy it now: it is not shown "
            "again."
        )
        outcome = {
            "tone": "good",
            "title": "Here is the link.",
            "text": text,
            "clears": None,
            "link": str(answer.json["url"]),
        }
    return await _ticket(ticket_id, request, actor, portal, screens, outcome=outcome)


async def _ask(
    portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]
) -> IntakeAnswer:
    """Intake's answer. Where it is away that is an answer too, so that what somebody wrote is shown
    again and not lost.
    """
    try:
        return await portal.intake.forward(
            actor, "POST", path, document, idempotency_key=_key(fields)
        )
    except Unavailable:
        # A problem document like any other, so that the callers need no second way.
        return IntakeAnswer(
            503,
            {},
            b'{"detail": "We cannot take it just now. What you wrote is still here: '
            b'try again in a moment."}',
        )


async def _ticket(
    ticket_id: str,
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    status: int = 200,
    **context: Any,
) -> Response:
    all_facts = request.query_params.get("earlier") == "all"
    view = await read_ticket(portal.queries, actor, ticket_id, all_facts=all_facts)
    if view is None:
        raise not_found()
    ticket = view.ticket
    is_staff = ticket["standing"] == "staff"
    may_link = Standing(ticket["standing"]) in MAY["LinkIncident"] and is_linkable(ticket)
    app = portal.directory.get("apps", ticket["app"] or "") or {}
    # Only for those who handle pages; others do not even learn their ids.
    page_ids = ticket.get("pages", []) if is_staff and may_handle_pages(actor) else []
    # One round of reads: none of these needs another one's answer.
    (
        (files, links, pages, said, macros),
        behind,
        (followed, merges, words),
        _,
    ) = await asyncio.gather(
        asyncio.gather(
            describe_attachments(portal.descriptions, view.timeline),
            links_of(portal.store, ticket, app.get("addons") or ()),
            asyncio.gather(*(portal.desk.page(actor, name) for name in page_ids)),
            insight_of(ticket),
            macros_for(portal, ticket, actor),
        ),
        read_panel(portal.store, portal.directory, ticket),
        asyncio.gather(
            portal.queries.find_related_tickets(actor, ticket),
            portal.queries.merges(actor, ticket),
            portal.queries.last_words(ticket.get("merged", [])),
        ),
        # Not a read: makes the messages' HTML in a thread meanwhile.
        screens.messages.prepare(view.timeline),
    )
    await screens.messages.prepare(words.values())
    return screens.page(
        request,
        "ticket.html",
        actor=actor,
        place="queue" if is_staff else "tickets",
        status=status,
        ticket=ticket,
        unreached=list_stopped_mail(ticket, portal.directory, actor),
        timeline=[
            {
                **fact,
                "data": FactView(fact["data"]),
                "files": files_of(fact, files),
                "words": words.get(fact["data"].get("merged", "")),
            }
            for fact in view.timeline
        ],
        earlier=view.earlier,
        all_facts=all_facts,
        macros=macros,
        undo_seconds=portal.settings.undo_seconds,
        decisions=view.decisions,
        pages=[page for page in pages if page],
        actions=actions_for(ticket, actor),
        audiences=audiences_for(
            ticket, screens.provider_name(ticket["provider"] or ""), screens.brand.desk
        ),
        providers=_providers(portal) if is_staff else [],
        colleagues=portal.colleagues.list_others(actor) if is_staff else [],
        insight=said,
        behind=behind,
        followed=followed,
        merges=merges,
        links=links,
        may_link=may_link,
        idempotency_key=secrets.token_urlsafe(12),
        **context,
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
            addons=_providers(portal),
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
        addons=[provider for provider in _providers(portal) if provider["slug"] in attached],
        may_choose_priority=policy is not None and plan in policy.may_choose_priority,
        pages_on_call=policy is not None and plan in policy.pages,
        hours=hours_of(policy, Plan(plan)) if plan in set(Plan) else "",
        idempotency_key=secrets.token_urlsafe(18),
    )


async def _policy(portal: Portal) -> DeskPolicy | None:
    found = await portal.store["policies"].find({"name": DESK}, order=[("version", -1)], limit=1)
    return DeskPolicy.model_validate(found[0]["document"], extra="ignore") if found else None


def _providers(portal: Portal) -> list[dict[str, Any]]:
    found = [
        {"slug": slug, "name": doc.get("name") or slug}
        for slug, doc in portal.directory.all("providers").items()
    ]
    return sorted(found, key=lambda provider: str(provider["name"]))


def _note_spooled(said: Mapping[str, Any]) -> dict[str, str]:
    return {"spooled": "yes"} if said.get("accepted") == "spooled" else {}


def _key(fields: Mapping[str, str]) -> str:
    """The key made when the form was drawn: sending it twice is one request."""
    return fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)


def _status(answer: IntakeAnswer) -> int:
    # An answer that is no error has no place on a page about one.
    return answer.status if 400 <= answer.status < 600 else 502
