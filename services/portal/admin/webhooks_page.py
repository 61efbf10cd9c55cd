"""A provider's webhook: which keys sign it, a new key shown once, what was delivered, and one that
was disabled because it answered 410.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.try_outs import TryOutStatus, outcome_of_test
from services.portal.operations.endpoints import find_disabled
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, not_found
from shared.errors import Unavailable
from shared.events import Actor

SHOWN = 50
# Standard Webhooks asks for 24 to 64 bytes.
KEY_BYTES = 32
# What intake writes in place of a secret.
_HIDDEN = "(hidden)"
_NOTICE = re.compile(r"ntc_[a-z2-7]{26}")
_DONE = {
    "ended": "The old key no longer signs anything.",
    "enabled": "The webhook is sent to again.",
    "redelivered": "It is sent once more, under the same id.",
}

router = APIRouter(include_in_schema=False)


@router.get("/admin/webhooks/{slug}")
async def webhook(
    slug: str,
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    done: str = "",
    sent: str = "",
) -> Response:
    """`sent`: the test event that was sent."""
    provider, _ = await _provider(actor, portal, slug)
    said, tried = _DONE.get(done, ""), await outcome_of_test(portal, sent) if sent else None
    return await _draw_page(
        request, actor, portal, screens, slug, provider, done=said, tried=tried, sent=sent
    )


@router.post("/admin/webhooks/{slug}")
async def work_on(
    slug: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    """A new key, which signs beside the old one; the end of the old one; enabled again; a delivery
    once more; or a test event.
    """
    fields = await fields_of(request, portal.settings.max_body)
    does, notice = fields.get("does", ""), fields.get("notice", "")
    provider, etag = await _provider(actor, portal, slug)
    path = f"/v1/directory/providers/{quote(slug, safe='')}"
    if does == "enable":
        # Intake knows endpoints by an id of their own, and not by provider.
        endpoint = find_disabled(
            portal.directory, f"provider:{slug}", str(provider.get("webhook_url"))
        )
        if endpoint is None:
            return see_other(f"/admin/webhooks/{slug}")
        answer = await portal.intake.forward(
            actor, "POST", f"/v1/endpoints/{endpoint['id']}/enable"
        )
        key, said = "", "enabled"
    elif does == "redeliver" and _NOTICE.fullmatch(notice):
        answer = await portal.intake.forward(actor, "POST", f"/v1/notices/{notice}/redeliver")
        key, said = "", "redelivered"
    elif does == "test":
        # A test goes the way of every delivery.
        body = {"kind": "webhook", "provider": slug}
        answer = await portal.intake.forward(
            actor,
            "POST",
            "/v1/test-notices",
            body,
            idempotency_key=fields.get("idempotency_key") or None,
        )
        key, said = "", ""
    elif does == "rotate":
        key, said = new_key(), ""
        # With the secrets of this process: intake gives none out.
        changed = rotate_key(provider, portal.directory.get("providers", slug) or {}, key)
        answer = await portal.intake.forward(actor, "PUT", path, changed, if_match=etag)
    elif does == "end":
        changed = {
            name: held for name, held in provider.items() if name != "webhook_secret_previous"
        }
        # Intake keeps a hidden secret as it stands.
        answer = await portal.intake.forward(actor, "PUT", path, changed, if_match=etag)
        key, said = "", "ended"
    else:
        raise not_found()
    if not answer.is_accepted:
        problem = str(answer.json.get("detail") or "That could not be done.")
        return await _draw_page(
            request,
            actor,
            portal,
            screens,
            slug,
            provider,
            problem=problem,
            status=answer.status,
        )
    if does == "test":
        return see_other(f"/admin/webhooks/{slug}?sent={answer.json['notice_id']}")
    # Shown once, here: nobody can read it again.
    if key:
        provider, _ = await _provider(actor, portal, slug)
        return await _draw_page(request, actor, portal, screens, slug, provider, key=key)
    return see_other(f"/admin/webhooks/{slug}?done={said}")


def new_key() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def rotate_key(provider: dict[str, Any], known: dict[str, Any], key: str) -> dict[str, Any]:
    """The provider with a new key; the one that signed so far goes on beside it. `known`: with its
    secrets. Pure.
    """
    changed = {**provider, "webhook_secret": key}
    # Only one key goes on beside the new one.
    changed.pop("webhook_secret_previous", None)
    if known.get("webhook_secret"):
        changed["webhook_secret_previous"] = known["webhook_secret"]
    return changed


async def _provider(actor: Actor, portal: Portal, slug: str) -> tuple[dict[str, Any], str]:
    """The document as intake has it, secrets hidden, and its entity tag."""
    path = f"/v1/directory/providers/{quote(slug, safe='')}"
    answer = await portal.intake.forward(actor, "GET", path)
    if answer.status == 404:
        raise not_found()
    if not answer.is_accepted:
        raise Unavailable("intake", str(answer.json.get("detail") or answer.status))
    return dict(answer.json["document"]), answer.headers.get("etag", "")


async def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    slug: str,
    provider: dict[str, Any],
    *,
    status: int = 200,
    key: str = "",
    problem: str = "",
    done: str = "",
    tried: TryOutStatus | None = None,
    sent: str = "",
) -> Response:
    url = provider.get("webhook_url")
    return draw(
        screens,
        request,
        "admin_webhooks.html",
        actor,
        "directory/providers",
        status=status,
        slug=slug,
        provider=provider,
        url=url,
        has_key=provider.get("webhook_secret") == _HIDDEN,
        has_previous=provider.get("webhook_secret_previous") == _HIDDEN,
        disabled=find_disabled(portal.directory, f"provider:{slug}", str(url)) if url else None,
        notices=await _notices(portal, slug),
        key=key,
        problem=problem,
        done=done,
        tried=tried,
        sent=sent,
        idempotency_key=secrets.token_urlsafe(12),
    )


async def _notices(portal: Portal, slug: str) -> list[dict[str, Any]] | None:
    """What was sent to the webhook, the latest first; None while the view is away."""
    where = {"to": f"provider:{slug}", "kind": "webhook"}
    try:
        return await portal.store["notices"].find(where, order=[("at", -1)], limit=SHOWN)
    except Unavailable:
        return None
