"""What a provider tells the users of its add-on: writing an announcement, and what became of those
it made; its webhooks not delivered.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.portal.incidents.api import Reads
from services.portal.incidents.forms import instant
from services.portal.incidents.reach import reach_of_announcement
from services.portal.incidents.reads import IncidentReads
from services.portal.tickets.forms import in_words, problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.parts import Portal
from services.portal.web.read_your_write import outcome_after
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Drawn, Parts, Who, not_found
from shared.errors import Unavailable
from shared.events import CRITICAL, Actor, Purpose
from shared.storage.store import Store

# A problem with any other field is said above the form.
_FIELDS = frozenset({"purpose", "subject", "body", "starts_at", "ends_at", "override_reason"})

router = APIRouter(include_in_schema=False, prefix="/announce")


async def require_provider(actor: Who) -> Actor:
    """A provider's user: for everybody else there is no such page."""
    if actor.provider is None or actor.is_staff:
        raise not_found()
    return actor


Provider = Annotated[Actor, Depends(require_provider)]


@router.get("")
async def list_announcements(
    request: Request,
    actor: Provider,
    portal: Parts,
    reads: Reads,
    screens: Drawn,
    purpose: str = "",
    after: str = "",
    sent: str = "",
) -> Response:
    outcome = await outcome_after(portal, actor, after, "")
    return await _page(
        request,
        actor,
        portal,
        reads,
        screens,
        {"purpose": purpose},
        {},
        200,
        outcome=outcome,
        is_again=sent == "again",
    )


@router.post("")
async def announce(
    request: Request, actor: Provider, portal: Parts, reads: Reads, screens: Drawn
) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    # A preview sends nothing: it draws the form again, with what people would get.
    if fields.get("preview") == "yes":
        return await _page(request, actor, portal, reads, screens, fields, {}, 200)
    document = {
        name: fields[name]
        for name in ("purpose", "subject", "body", "override_reason")
        if fields.get(name, "").strip()
    }
    # Times that are left in the form of another purpose are not sent.
    if fields.get("purpose") == Purpose.MAINTENANCE:
        document |= {
            name: instant(fields[name]) for name in ("starts_at", "ends_at") if fields.get(name)
        }
    answer = await _ask(portal, actor, "/v1/announcements", document, fields)
    if answer.is_accepted:
        return see_other(f"/announce?after={answer.json['request_id']}")
    return await _page(
        request,
        actor,
        portal,
        reads,
        screens,
        fields,
        problems_by_field(answer.json, _FIELDS),
        _status(answer),
    )


@router.post("/webhooks/{notice}")
async def redeliver(
    notice: str, request: Request, actor: Provider, portal: Parts, screens: Drawn
) -> Response:
    answer = await _ask(
        portal,
        actor,
        f"/v1/notices/{notice}/redeliver",
        {},
        await fields_of(request, portal.settings.max_body),
    )
    return (
        see_other("/announce?sent=again")
        if answer.is_accepted
        else _wrong(request, screens, answer)
    )


async def announcements_of(
    store: Store, reads: IncidentReads, actor: Actor
) -> list[dict[str, Any]]:
    """The provider's own, the latest first, each with `told`: how many notices of it are in which
    state.
    """
    docs = await store["incidents"].find(
        {"aggregate": "announcement", "provider": actor.provider},
        order=[("order_key", -1)],
        limit=30,
    )
    # Notices name the fact that caused them, and not the announcement.
    causes = [doc["made_by"] for doc in docs if doc.get("made_by")]
    counts: dict[str, dict[str, int]] = {}
    group = {"_id": {"cause": "$cause", "state": "$state"}, "n": {"$sum": 1}}
    for found in await store["notices"].aggregate(
        [{"$match": {"cause": {"$in": causes}}}, {"$group": group}]
    ):
        counts.setdefault(found["_id"]["cause"], {})[found["_id"]["state"]] = found["n"]
    # Shown as everywhere else; only the numbers are added here.
    listed = (await reads.listed(actor, "announcements"))["items"]
    told = {doc["_id"]: counts.get(doc.get("made_by", ""), {}) for doc in docs}
    return [{**item, "told": told[item["id"]]} for item in listed if item["id"] in told]


async def _page(
    request: Request,
    actor: Actor,
    portal: Portal,
    reads: IncidentReads,
    screens: PageRenderer,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int,
    *,
    outcome: Mapping[str, Any] | None = None,
    is_again: bool = False,
) -> Response:
    # Webhooks that were given up: the provider can have them sent again.
    failed = {"to": f"provider:{actor.provider}", "kind": "webhook", "state": "failed"}
    return screens.page(
        request,
        "announce.html",
        actor=actor,
        place="announce",
        status=status,
        values=values,
        errors=errors,
        announcements=await announcements_of(portal.store, reads, actor),
        purposes=[(each.value, each in CRITICAL) for each in Purpose],
        failed=await portal.store["notices"].find(failed, order=[("at", -1)], limit=50),
        idempotency_key=secrets.token_urlsafe(12),
        outcome=outcome,
        preview=_preview(portal, actor, values) if values.get("preview") == "yes" else None,
        flash={"tone": "good", "text": "It is sent again now."} if is_again else None,
    )


def _preview(portal: Portal, actor: Actor, values: Mapping[str, str]) -> dict[str, Any]:
    """What the users of the add-on would get, and how many of them."""
    critical = values.get("purpose") in {purpose.value for purpose in CRITICAL}
    return {
        "title": values.get("subject", ""),
        "body": values.get("body", ""),
        "reach": reach_of_announcement(portal.directory, actor.provider or "", critical=critical),
    }


async def _ask(
    portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]
) -> IntakeAnswer:
    key = fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)
    try:
        return await portal.intake.forward(actor, "POST", path, document, idempotency_key=key)
    except Unavailable:
        return IntakeAnswer(
            503, {}, b'{"detail": "We cannot take it just now. Try again in a moment."}'
        )


def _wrong(request: Request, screens: PageRenderer, answer: IntakeAnswer) -> Response:
    return screens.error(request, _status(answer), "", in_words(answer.json))


def _status(answer: IntakeAnswer) -> int:
    return answer.status if 400 <= answer.status < 600 else 502
