"""The desk: the agents' queue, pages to whoever is on call, who that is, operations, and the demo's outbox."""

from __future__ import annotations

import re
import secrets
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.after import AFTER_S, outcome_after
from services.portal.answers import Json
from services.portal.display import board
from services.portal.listing import Asked
from services.portal.screens import see_other, wants_page
from services.portal.tabs import href, tabs_of_queue
from services.portal.visitors import Drawn, OnCall, Parts, Staff, Visitor, not_found
from shared import links
from shared.access import is_admin
from shared.errors import Unavailable
from shared.subscriptions import KIND

ON_PAGE = frozenset({"acknowledge", "escalate", "resolve"})
SHOWN = 150
_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")
_STOP = re.compile(r"stp_[a-z2-7]{26}")

router = APIRouter(include_in_schema=False)


@router.get("/queue")
async def queue(
    request: Request, actor: Staff, portal: Parts, screens: Drawn, queue: str = "", status: str = "", priority: str = "", q: str = "",
    cursor: str = "",
) -> Response:  # fmt: skip
    """Every ticket in the order of DESIGN section 6, item 5."""
    asked = {"queue": queue, "status": status, "priority": priority, "q": q}
    found = await portal.queries.tickets(
        actor, Asked(queue or None, status or "live", priority or None, None, q or None, "queue", cursor or None)
    )
    return screens.page(
        request, "queue.html", actor=actor, place="queue", found=found, side="staff", asked=asked, base_href="/queue",
        tabs=tabs_of_queue(found["counts"], asked, screens.provider_name), filtered=bool(status or priority or q or cursor),
        more_href=href("/queue", {**asked, "cursor": found["next"] or ""}),
    )  # fmt: skip


@router.get("/pages")
async def pages(request: Request, actor: OnCall, portal: Parts, screens: Drawn, cursor: str = "") -> Response:
    found = await portal.desk.pages(actor, limit=50, cursor=cursor or None) or {"items": [], "next": None}
    return screens.page(
        request, "pages.html", actor=actor, place="pages", pages=found["items"], idempotency_key=secrets.token_urlsafe(12),
        cursor=cursor, more_href=href("/pages", {"cursor": found["next"] or ""}) if found["next"] else "",
    )  # fmt: skip


@router.get("/pages/{page_id}")
async def page(page_id: str, request: Request, actor: OnCall, portal: Parts, screens: Drawn, after: str = "") -> Response:
    outcome = await outcome_after(portal, actor, after, page_id)
    found = await portal.desk.page(actor, page_id)
    if found is None:
        raise not_found()
    return screens.page(
        request, "page.html", actor=actor, place="pages", page=found, certificate=await portal.desk.certificate(actor, page_id),
        outcome=outcome, idempotency_key=secrets.token_urlsafe(12),
    )  # fmt: skip


@router.get("/pages/{page_id}/ack")
async def link_page(page_id: str, request: Request, portal: Parts, screens: Drawn, token: str = "") -> Response:
    """The signed link of a page: shows what it is and a button. Reading it changes nothing (mail scanners read links)."""
    person = _person(portal, page_id, token)
    if person is None:
        return screens.error(request, 403, "link-not-valid", "This link is not valid, or no longer. Log in to acknowledge the page.")
    return screens.page(request, "ack.html", page=await _by_link(portal, page_id), person=person, done=False, problem="")


@router.post("/pages/{page_id}/ack")
async def acknowledge_by_link(page_id: str, request: Request, portal: Parts, screens: Drawn, token: str = "") -> Response:
    """Acknowledges for whom the link was made. Needs neither a login nor MongoDB."""
    person = _person(portal, page_id, token)
    if person is None:
        return screens.error(request, 403, "link-not-valid", "This link is not valid, or no longer. Log in to acknowledge the page.")
    answer = await portal.intake.forward(
        None, "POST", f"/v1/pages/{page_id}/acknowledge", {"token": token}, idempotency_key=f"link-{page_id}-{person}"[:255]
    )
    problem = "" if answer.is_accepted else str(answer.json.get("detail") or "It was not accepted.")
    if answer.is_accepted:
        await _settled(portal, str(answer.json["request_id"]))
    return screens.page(
        request, "ack.html", status=answer.status if problem else 200, page=await _by_link(portal, page_id), person=person,
        done=answer.is_accepted, problem=problem,
    )  # fmt: skip


@router.post("/pages/{page_id}/{action}")
async def act_on_page(page_id: str, action: str, request: Request, actor: OnCall, portal: Parts, screens: Drawn) -> Response:
    if action not in ON_PAGE:
        raise not_found()
    key = f"{action}-{page_id}-{secrets.token_urlsafe(6)}" if action == "escalate" else f"{action}-{page_id}"
    answer = await portal.intake.forward(actor, "POST", f"/v1/pages/{page_id}/{action}", {}, idempotency_key=key[:255])
    if answer.is_accepted:
        return see_other(f"/pages/{page_id}?after={answer.json['request_id']}")
    return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))


@router.get("/ops")
async def operations(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    now = portal.clock.now()
    found = await portal.desk.dashboard(actor, now)
    if found is None:
        raise not_found()
    return screens.page(request, "ops.html", actor=actor, place="ops", board=board(found, now))


@router.get("/ops/attention")
async def attention(request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Dead letters, notices given up, and those left out on purpose: nothing is dropped without a line here."""
    stops = [(id_, portal.directory.get(KIND, id_)) for id_ in portal.directory.ids(KIND) if id_.startswith("stp_")]
    stopped = sorted(({**document, "id": id_} for id_, document in stops if document), key=lambda stop: str(stop["at"]), reverse=True)
    return screens.page(
        request, "attention.html", actor=actor, place="ops", found=await portal.desk.attention(actor) or {}, stopped=stopped[:200],
        may_lift=is_admin(actor),
    )  # fmt: skip


@router.post("/ops/attention/lift/{key}")
async def lift(key: str, request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """Mail to an address that was stopped is sent again."""
    if not is_admin(actor) or not _STOP.fullmatch(key):
        raise not_found()
    answer = await portal.intake.forward(actor, "POST", f"/v1/subscriptions/{key}/lift")
    if answer.is_accepted:
        return see_other("/ops/attention")
    return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))


@router.post("/ops/attention/redeliver/{notice}")
async def redeliver(notice: str, request: Request, actor: Staff, portal: Parts, screens: Drawn) -> Response:
    """A notice that was given up is sent once more, under the same id."""
    if not _NOTICE.fullmatch(notice):
        raise not_found()
    answer = await portal.intake.forward(actor, "POST", f"/v1/notices/{notice}/redeliver")
    if answer.is_accepted:
        return see_other("/ops/attention")
    return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))


@router.get("/demo/outbox")
async def outbox(request: Request, actor: Visitor, portal: Parts, screens: Drawn, kind: str = "") -> Response:
    """What the demo's far end received: JSON as DESIGN section 7 says, a page for browsers. Only in the demo."""
    if not portal.settings.demo:
        raise not_found()
    if not wants_page(request):
        return Json(await portal.intake.outbox(kind or None))
    receipts = await portal.intake.outbox()
    kinds = (("", "Everything"), ("mail", "Mails"), ("webhook", "Webhooks"), ("page", "Pages"))
    tabs = [
        {"href": href("/demo/outbox", {"kind": key}), "label": label, "n": len(_of_kind(receipts, key)), "current": key == kind}
        for key, label in kinds
    ]
    shown = [{**receipt, "ack_url": _ack_url(receipt)} for receipt in reversed(_of_kind(receipts, kind))]
    return screens.page(request, "outbox.html", actor=actor, place="outbox", receipts=shown[:SHOWN], tabs=tabs)


def _of_kind(receipts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [receipt for receipt in receipts if not kind or receipt["kind"] == kind]


def _ack_url(receipt: dict[str, Any]) -> str:
    """The acknowledging link inside a received page."""
    if receipt["kind"] != "page":
        return ""
    try:
        body = orjson.loads(receipt["body"])
    except orjson.JSONDecodeError:
        return ""
    return str(body.get("ack_url") or "") if isinstance(body, dict) else ""


def _person(portal: Parts, page_id: str, token: str) -> str | None:
    """Whom a link's token was made for; None where it is not valid."""
    secret = portal.settings.secret
    link = secret and links.verify(secret.get_secret_value().encode(), token, links.ACKNOWLEDGE, page_id, portal.clock.now())
    return link.person if link else None


async def _by_link(portal: Parts, page_id: str) -> dict[str, Any] | None:
    """The page for the link's screen; None while the view is away or does not hold it yet: the button works all the same."""
    try:
        return await portal.desk.page_by_link(page_id)
    except Unavailable:
        return None


async def _settled(portal: Parts, request_id: str) -> None:
    try:
        await portal.hub.settled(request_id, AFTER_S)
    except Unavailable:
        return
