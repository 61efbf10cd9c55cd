"""The desk: pages to whoever is on call, who that is, operations, and the demo's outbox. The
agents' lists are in `desk/pages.py`.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.on_call.asks_reads import count_asked
from services.portal.on_call.page_details import group_pages
from services.portal.operations.endpoints import list_disabled
from services.portal.tickets.forms import in_words
from services.portal.web.filters import board
from services.portal.web.form_body import fields_of
from services.portal.web.json_answers import Json
from services.portal.web.read_your_write import AFTER_S, outcome_after
from services.portal.web.render import see_other, wants_page
from services.portal.web.visitors import Drawn, OnCall, Parts, Staff, Visitor, not_found
from services.portal.web.words import href
from shared.access import is_admin
from shared.errors import Refused, Unavailable
from shared.people.subscriptions import KIND
from shared.signed import links

# What may stand in the address; anything else is unknown.
ON_PAGE = frozenset({"acknowledge", "escalate", "resolve", "note", "reassign"})
_REPEATED = frozenset({"acknowledge", "escalate", "note", "reassign"})
"""What may be done to one page more than once: one that opens again is acknowledged again, too."""
_SENT = {"note": ("body",), "reassign": ("to",)}
"""Action → the form's fields that go along."""
# The demo's page; with more it would be slow.
SHOWN = 150
_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")
_ENDPOINT = re.compile(r"end_[a-z2-7]{26}")
_STOP = re.compile(r"stp_[a-z2-7]{26}")

router = APIRouter(include_in_schema=False)


@router.get("/pages")
async def pages(
    request: Request, actor: OnCall, portal: Parts, screens: Drawn, cursor: str = ""
) -> Response:
    found = await portal.desk.pages(actor, limit=50, cursor=cursor or None) or {
        "items": [],
        "next": None,
    }
    return screens.page(
        request,
        "pages.html",
        actor=actor,
        place="pages",
        pages=group_pages(found["items"], actor.email, await portal.rota.person_of(actor.email)),
        asked_of_me=await count_asked(portal.rota, actor, portal.clock.now()),
        idempotency_key=secrets.token_urlsafe(12),
        cursor=cursor,
        more_href=href("/pages", {"cursor": found["next"] or ""}) if found["next"] else "",
    )


@router.get("/pages/{page_id}")
async def page(
    page_id: str, request: Request, actor: OnCall, portal: Parts, screens: Drawn, after: str = ""
) -> Response:
    outcome = await outcome_after(portal, actor, after, page_id)
    found = await portal.desk.page_in_detail(actor, page_id)
    if found is None:
        raise not_found()
    policy = await portal.rota.policy()
    return screens.page(
        request,
        "page.html",
        actor=actor,
        place="pages",
        page=found,
        certificate=await portal.desk.certificate(actor, page_id),
        people=sorted(policy.people) if policy else [],
        outcome=outcome,
        idempotency_key=secrets.token_urlsafe(12),
    )


@router.get("/pages/{page_id}/ack")
async def link_page(
    page_id: str, request: Request, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """The signed link of a page: shows what it is and a button. Reading it changes nothing (mail
    scanners read links).
    """
    # The link is the key: no login, and nothing is read before it is checked.
    person = _person(portal, page_id, token)
    if person is None:
        return screens.error(
            request,
            403,
            "link-not-valid",
            "This link is not valid, or no longer. Log in to acknowledge the page.",
        )
    return screens.page(
        request,
        "ack.html",
        page=await _by_link(portal, page_id),
        person=person,
        done=False,
        problem="",
        idempotency_key=secrets.token_urlsafe(12),
    )


@router.post("/pages/{page_id}/ack")
async def acknowledge_by_link(
    page_id: str, request: Request, portal: Parts, screens: Drawn, token: str = ""
) -> Response:
    """Acknowledges for the person the link was made for. Needs neither a login nor MongoDB."""
    person = _person(portal, page_id, token)
    if person is None:
        return screens.error(
            request,
            403,
            "link-not-valid",
            "This link is not valid, or no longer. Log in to acknowledge the page.",
        )
    # A key of the form: two presses are one acknowledgement, and that of a page which has opened
    # again is another.
    try:
        own = (await fields_of(request, portal.settings.max_body)).get("idempotency_key")
    except Refused:
        # An acknowledgement is never refused for its form.
        own = None
    answer = await portal.intake.forward(
        None,
        "POST",
        f"/v1/pages/{page_id}/acknowledge",
        {"token": token},
        idempotency_key=f"link-{page_id}-{person}-{own or secrets.token_urlsafe(6)}"[:255],
    )
    problem = "" if answer.is_accepted else in_words(answer.json, "It was not accepted.")
    if answer.is_accepted:
        # The screen should say what is true now; without MongoDB it says that it was taken.
        await _wait_until_settled(portal, str(answer.json["request_id"]))
    return screens.page(
        request,
        "ack.html",
        status=answer.status if problem else 200,
        page=await _by_link(portal, page_id),
        person=person,
        done=answer.is_accepted,
        problem=problem,
        idempotency_key=secrets.token_urlsafe(12),
    )


@router.post("/pages/{page_id}/{action}")
async def act_on_page(
    page_id: str, action: str, request: Request, actor: OnCall, portal: Parts, screens: Drawn
) -> Response:
    if action not in ON_PAGE:
        raise not_found()
    given = await fields_of(request, portal.settings.max_body)
    # What may be done again has a key of the form, what is done once one of the page.
    own = given.get("idempotency_key") or secrets.token_urlsafe(6)
    key = f"{action}-{page_id}" + (f"-{own}" if action in _REPEATED else "")
    body = {name: given.get(name, "") for name in _SENT.get(action, ())}
    answer = await portal.intake.forward(
        actor, "POST", f"/v1/pages/{page_id}/{action}", body, idempotency_key=key[:255]
    )
    if answer.is_accepted:
        return see_other(f"/pages/{page_id}?after={answer.json['request_id']}")
    return screens.error(request, answer.status, "", in_words(answer.json))


@router.get("/ops")
async def operations(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    now = portal.clock.now()
    found = await portal.desk.dashboard(actor, now)
    if found is None:
        raise not_found()
    return screens.page(request, "ops.html", actor=actor, place="ops", board=board(found, now))


@router.get("/ops/attention")
async def attention(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Dead letters, notices given up, and those left out on purpose: nothing is dropped without a
    line here.
    """
    # All documents of the kind are in memory, so looking through them costs little.
    stops = [
        (id_, portal.directory.get(KIND, id_))
        for id_ in portal.directory.ids(KIND)
        if id_.startswith("stp_")
    ]
    stopped = sorted(
        ({**document, "id": id_} for id_, document in stops if document),
        key=lambda stop: str(stop["at"]),
        reverse=True,
    )
    return screens.page(
        request,
        "attention.html",
        actor=actor,
        place="ops",
        found=await portal.desk.attention(actor) or {},
        # Bounded like the other lists of the page.
        stopped=stopped[:200],
        disabled=list_disabled(portal.directory, portal.directory.ids(KIND), actor)[:200],
        may_lift=is_admin(actor),
    )


@router.post("/ops/attention/lift/{key}")
async def lift(key: str, request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Mail to an address that was stopped is sent again."""
    # Whoever is no administrator is not told that there is such an address.
    if not is_admin(actor) or not _STOP.fullmatch(key):
        raise not_found()
    answer = await portal.intake.forward(actor, "POST", f"/v1/subscriptions/{key}/lift")
    if answer.is_accepted:
        return see_other("/ops/attention")
    return screens.error(request, answer.status, "", in_words(answer.json))


@router.post("/ops/attention/enable/{key}")
async def enable(
    key: str, request: Request, actor: Staff, portal: Parts, screens: Drawn
) -> Response:
    """A webhook that answered 410 Gone is sent to again."""
    if not is_admin(actor) or not _ENDPOINT.fullmatch(key):
        raise not_found()
    answer = await portal.intake.forward(actor, "POST", f"/v1/endpoints/{key}/enable")
    if answer.is_accepted:
        return see_other("/ops/attention")
    return screens.error(request, answer.status, "", in_words(answer.json))


@router.post("/ops/attention/redeliver/{notice}")
async def redeliver(
    notice: str, request: Request, actor: Staff, portal: Parts, screens: Drawn
) -> Response:
    """A notice that was given up is sent once more, under the same id."""
    if not _NOTICE.fullmatch(notice):
        raise not_found()
    answer = await portal.intake.forward(actor, "POST", f"/v1/notices/{notice}/redeliver")
    if answer.is_accepted:
        return see_other("/ops/attention")
    return screens.error(request, answer.status, "", in_words(answer.json))


@router.get("/demo/outbox")
async def outbox(
    request: Request, actor: Visitor, portal: Parts, screens: Drawn, kind: str = ""
) -> Response:
    """What the demo's far end received: JSON as DESIGN section 7 says, a page for browsers. Only in
    the demo.
    """
    # The far end exists only there.
    if not portal.settings.demo:
        raise not_found()
    if not wants_page(request):
        return Json(await portal.intake.outbox(kind or None))
    receipts = await portal.intake.outbox()
    kinds = (("", "Everything"), ("mail", "Mails"), ("webhook", "Webhooks"), ("page", "Pages"))
    tabs = [
        {
            "href": href("/demo/outbox", {"kind": key}),
            "label": label,
            "n": len(_of_kind(receipts, key)),
            "current": key == kind,
        }
        for key, label in kinds
    ]
    # The latest first: the demo looks for what it has just caused.
    shown = [
        {**receipt, "ack_url": _ack_url(receipt)} for receipt in reversed(_of_kind(receipts, kind))
    ]
    return screens.page(
        request, "outbox.html", actor=actor, place="outbox", receipts=shown[:SHOWN], tabs=tabs
    )


def _of_kind(receipts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [receipt for receipt in receipts if not kind or receipt["kind"] == kind]


def _ack_url(receipt: dict[str, Any]) -> str:
    """The acknowledging link inside a received page."""
    if receipt["kind"] != "page":
        return ""
    # A receiver may get anything; only our own pages have a link in them.
    try:
        body = orjson.loads(receipt["body"])
    except orjson.JSONDecodeError:
        return ""
    return str(body.get("ack_url") or "") if isinstance(body, dict) else ""


def _person(portal: Parts, page_id: str, token: str) -> str | None:
    """Whom a link's token was made for; None where it is not valid."""
    # Without a secret no link was ever made.
    secret = portal.settings.secret
    link = secret and links.verify(
        secret.get_secret_value().encode(), token, links.ACKNOWLEDGE, page_id, portal.clock.now()
    )
    return link.person if link else None


async def _by_link(portal: Parts, page_id: str) -> dict[str, Any] | None:
    """The page for the link's screen; None while the view is away or does not hold it yet: the
    button works all the same.
    """
    try:
        return await portal.desk.page_by_link(page_id)
    except Unavailable:
        return None


async def _wait_until_settled(portal: Parts, request_id: str) -> None:
    try:
        await portal.hub.settled(request_id, AFTER_S)
    except Unavailable:
        return
