"""Every API token: whose it is, what it may, when it was used last and when it ends. One is made
and shown once here, and any is revoked.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.pages import documents
from services.portal.tickets.forms import problems_by_field
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts
from shared.errors import Unavailable
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.identity import is_active, is_of, is_over

# Tokens of a page; their number in all is said above.
SHOWN = 200
# All there are, in the order of their boxes.
SCOPES = ("read", "write", "mail", "admin")
_FIELDS = frozenset({"email", "name", "scopes", "expires_in_days"})
_READ_BACK_S = 2.0

router = APIRouter(include_in_schema=False)


@router.get("/admin/tokens")
async def tokens(
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    email: str = "",
    done: str = "",
) -> Response:
    said = "It is revoked, with every token it has made." if done == "revoked" else ""
    return await _draw_page(request, actor, portal, screens, email=email, done=said)


@router.post("/admin/tokens")
async def make(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    days = fields.get("expires_in_days", "")
    document: dict[str, Any] = {
        "email": fields.get("email", "").strip(),
        "name": fields.get("name", ""),
        "scopes": [scope for scope in SCOPES if f"scope.{scope}" in fields],
        # Anything else is "no end", which intake may refuse.
        "expires_in_days": int(days) if days.isdecimal() and len(days) < 6 else None,
    }
    answer = await portal.intake.forward(
        actor, "POST", "/v1/tokens", document, idempotency_key=fields.get("key", "")[:100] or None
    )
    if answer.is_accepted:
        made = answer.json
        # The list below must hold it.
        await _read_back(portal, str(made["id"]), is_there=True)
        return await _draw_page(request, actor, portal, screens, made=made, status=201)
    errors = problems_by_field(answer.json, _FIELDS)
    return await _draw_page(
        request, actor, portal, screens, values=fields, errors=errors, status=answer.status
    )


@router.post("/admin/tokens/{token_id}/revoke")
async def revoke(
    token_id: str, request: Request, actor: Admin, portal: Parts, screens: Drawn
) -> Response:
    answer = await portal.intake.forward(actor, "DELETE", f"/v1/tokens/{token_id}")
    # A token that is gone is as good as revoked.
    if not answer.is_accepted and answer.status != 404:
        return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))
    await _read_back(portal, token_id, is_there=False)
    return see_other("/admin/tokens?done=revoked")


async def _read_back(portal: Portal, token_id: str, *, is_there: bool) -> None:
    with contextlib.suppress(Unavailable):
        await portal.directory.wait_until(
            lambda: (portal.directory.get("tokens", token_id) is not None) == is_there,
            _READ_BACK_S,
        )


async def _draw_page(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    email: str = "",
    status: int = 200,
    **context: Any,
) -> Response:
    wanted = fold_address(email.strip())
    found = [
        (token_id, token)
        async for token_id, token in documents(portal, "tokens")
        if not wanted or fold_address(str(token.get("email", ""))) == wanted
    ]
    found.sort(key=lambda entry: str(entry[1].get("created_at") or ""), reverse=True)
    uses = await _load_uses(portal, [token_id for token_id, _ in found[:SHOWN]])
    given = {"made": None, "errors": {}, "done": "", "values": {"email": email}, **context}
    return draw(
        screens,
        request,
        "admin_tokens.html",
        actor,
        "tokens",
        status=status,
        tokens=[_row(portal, uses, *entry) for entry in found[:SHOWN]],
        count=len(found),
        email=email,
        knows_uses=uses is not None,
        scopes=SCOPES,
        key=secrets.token_urlsafe(18),
        **given,
    )


async def _load_uses(portal: Portal, ids: list[str]) -> Mapping[str, Any] | None:
    """None where it cannot be said just now."""
    if portal.uses is None:
        return None
    try:
        return await portal.uses.last(ids)
    except Unavailable:
        return None


def _row(
    portal: Portal, uses: Mapping[str, Any] | None, token_id: str, token: Mapping[str, Any]
) -> dict[str, Any]:
    owner = fold_address(str(token.get("email", "")))
    account = portal.directory.get("accounts", owner)
    used = (uses or {}).get(token_id)
    why = ""
    # The first reason that holds: one is enough to make it worth nothing.
    if is_over(token, portal.clock.now()):
        why = "expired"
    elif account is None:
        why = "its account is gone"
    elif not is_active(account):
        why = "its account is deactivated"
    elif not is_of(token, account):
        why = "of an earlier account"
    return {
        "id": token_id,
        "email": owner,
        "name": token.get("name") or "unnamed",
        "hint": token.get("hint") or "",
        "scopes": token.get("scopes"),
        "created_at": token.get("created_at"),
        "expires_at": token.get("expires_at"),
        "last_used_at": used.isoformat() if used else None,
        "why_void": why,
        "is_child": token.get("parent") is not None,
    }
