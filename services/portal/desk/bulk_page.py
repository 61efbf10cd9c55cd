"""`POST /queue/bulk`: one action for the tickets that were picked in a list of the desk, and
`POST /queue/bulk/undo`, which takes it back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.desk.bulk import (
    MOST,
    BulkResult,
    count_in_words,
    key_for,
    mistake_in,
    read_bulk_action,
    read_picked_tickets,
)
from services.portal.desk.reads import facts_of, find_mailed_tickets, own_requests
from services.portal.desk.undo import (
    NOT_SEEN,
    TOO_LATE,
    UndoRequest,
    describe_undone,
    is_too_late,
    make_undo_steps,
    requests_in,
)
from services.portal.tickets.forms import in_words as problem_in_words
from services.portal.web.form_body import fields_of
from services.portal.web.json_answers import Json
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import AFTER_S
from services.portal.web.render import PageRenderer, local, wants_data
from services.portal.web.visitors import Drawn, Parts, Staff
from shared.errors import Refused, Unavailable
from shared.events import Actor

AT_ONCE = 8
"""Tickets that are written side by side."""
_AWAY = "we cannot take it just now, try again in a moment"

router = APIRouter(include_in_schema=False)


@router.post("/queue/bulk")
async def do_for_many(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Each ticket by its own request and Idempotency-Key. A script is answered with JSON
    `{said, done: [id], refused: [{id, reason}], undo: {request: ticket}}`, everybody else with a
    page that says the same and has a button to take it back.
    """
    fields = await fields_of(request, portal.settings.max_body)
    picked = read_picked_tickets(fields)
    mistake = mistake_in(fields, picked)
    became = [] if mistake else await _write(portal, actor, fields, picked)
    # What is recorded can be taken back, though the view does not show it yet.
    undo = {each.request: each.ticket for each in became if each.state != "refused"}
    said = mistake or count_in_words(became)
    return _tell(request, screens, actor, fields, said, became, undo, is_mistake=bool(mistake))


@router.post("/queue/bulk/undo")
async def undo_for_many(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Take back what the actor's own requests did, each by its inverse and where the ticket is
    still as they left it. Answered as `do_for_many`. Sent again it changes nothing more: the keys
    of its requests are made of those that it takes back. Raises Unavailable.
    """
    fields = await fields_of(request, portal.settings.max_body)
    # One form writes at most so many, so there are no more to take back.
    wanted = dict(list(requests_in(fields).items())[:MOST])
    # Only requests of the actor: the form names them, but a form can say anything.
    known = await own_requests(portal.store, actor, wanted)
    facts = await facts_of(portal.store, known)

    async def take_back(asked: str, ticket: str) -> BulkResult:
        doc = known.get(asked)
        # Somebody else's, or nothing of it is in the views.
        if doc is None or not facts[asked]:
            return BulkResult(ticket, "refused", NOT_SEEN)
        if is_too_late(doc["at"], portal.clock.now()):
            return BulkResult(doc["key"], "refused", TOO_LATE)
        return await _write_steps(portal, actor, doc["key"], make_undo_steps(facts[asked]), asked)

    became = await _side_by_side(take_back, wanted.items())
    # Words of what left the house go with it: a mail cannot be taken back.
    told = [fact for each in facts.values() for fact in each]
    mailed = await find_mailed_tickets(portal.store, [fact["id"] for fact in told])
    said = describe_undone(became, told, mailed) if wanted else "There is nothing to take back."
    return _tell(request, screens, actor, fields, said, became, {}, is_mistake=not wanted)


def _tell(
    request: Request,
    screens: PageRenderer,
    actor: Actor,
    fields: Mapping[str, str],
    said: str,
    became: Sequence[BulkResult],
    undo: Mapping[str, str],
    *,
    is_mistake: bool,
) -> Response:
    """What became of each, as JSON for a script and as a page for everybody else."""
    refused = [
        {"id": each.ticket, "reason": each.reason} for each in became if each.state == "refused"
    ]
    status = 422 if is_mistake else 200
    if wants_data(request):
        done = [each.ticket for each in became if each.state != "refused"]
        return Json({"said": said, "done": done, "refused": refused, "undo": undo}, status)
    return screens.page(
        request,
        "bulk.html",
        actor=actor,
        place="queue",
        status=status,
        said=said,
        is_mistake=is_mistake,
        refused=refused,
        refused_words="Left alone" if request.url.path.endswith("/undo") else "Refused",
        undo=undo,
        back=local(fields.get("back") or "/queue"),
    )


async def _side_by_side(
    work: Callable[[str, str], Awaitable[BulkResult]], pairs: Iterable[tuple[str, str]]
) -> list[BulkResult]:
    """`work` for each pair, a few at a time, in the order given."""
    # Intake and the router answer others meanwhile.
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(one: str, other: str) -> BulkResult:
        async with turns:
            return await work(one, other)

    return list(await asyncio.gather(*(in_turn(*pair) for pair in pairs)))


async def _write(
    portal: Portal, actor: Actor, fields: Mapping[str, str], picked: list[str]
) -> list[BulkResult]:
    action, document = read_bulk_action(fields)
    # A form without a key gets a new one: sent twice, it is done twice.
    key = fields.get("idempotency_key") or secrets.token_urlsafe(12)

    async def write(ticket: str, own_key: str) -> BulkResult:
        return await _write_one(portal, actor, ticket, UndoRequest(action, document), own_key)

    keys = ((ticket, key_for(key, action, document, ticket)) for ticket in picked)
    return await _side_by_side(write, keys)


async def _write_steps(
    portal: Portal, actor: Actor, ticket: str, steps: Sequence[UndoRequest], undone: str
) -> BulkResult:
    """One after the other; the first that is refused ends it. `undone`: the request that they take
    back.
    """
    became = BulkResult(ticket, "done")
    for place, step in enumerate(steps):
        became = await _write_one(portal, actor, ticket, step, f"undo-{undone}-{place}")
        if became.state == "refused":
            break
    return became


async def _write_one(
    portal: Portal, actor: Actor, ticket: str, step: UndoRequest, key: str
) -> BulkResult:
    """Intake's answer, or the router's where intake accepts it."""
    path = f"/v1/tickets/{ticket}/{step.action}"
    try:
        answer = await portal.intake.forward(
            actor, "POST", path, step.document, idempotency_key=key
        )
    except Unavailable:
        # Not known whether intake has it; sent again with the same key it is done once.
        return BulkResult(ticket, "refused", _AWAY)
    except Refused as refusal:
        return BulkResult(ticket, "refused", refusal.detail)
    if not answer.is_accepted:
        return BulkResult(ticket, "refused", problem_in_words(answer.json, "it was not accepted"))
    asked = str(answer.json["request_id"])
    # Waits for the router's word, which may be a refusal.
    try:
        is_there = await portal.hub.settled(asked, AFTER_S)
        outcome = await portal.queries.request(actor, asked) if is_there else None
    except Unavailable:
        # It is accepted: only what became of it is not known yet.
        outcome = None
    if outcome is None:
        return BulkResult(ticket, "late", request=asked)
    if outcome["state"] == "refused":
        return BulkResult(ticket, "refused", outcome["reason"] or "it was refused")
    return BulkResult(ticket, "done", request=asked)
