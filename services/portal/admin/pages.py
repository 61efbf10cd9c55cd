"""`/admin`: what is set up and what is missing, each with the page where it is mended. It is also
the way through a new installation: the set-up link ends here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from deploy.shipped import shipped_policies
from services.portal.admin.areas import SetupState, areas, next_after
from services.portal.admin.dns_records import SELECTOR, records_of
from services.portal.admin.page import draw
from services.portal.admin.try_outs import outcome_of_test
from services.portal.web.form_body import fields_of
from services.portal.web.parts import Portal
from services.portal.web.render import PageRenderer, see_other
from services.portal.web.visitors import Admin, Drawn, Parts, not_found
from shared.events import Actor, Role
from shared.people.identity import is_active
from shared.policy import (
    BRAND,
    COMPONENTS,
    DESK,
    MACROS,
    ON_CALL,
    ComponentsPolicy,
    DeskPolicy,
    OnCallPolicy,
)
from shared.policy.beginning import on_call_of

STAFF = frozenset({Role.AGENT, Role.REVIEWER, Role.CSA, Role.OPS, Role.ON_CALL, Role.ADMIN})
# The note of a version that was begun with one press.
NOTE = "ours, to begin with"
_TOGETHER = 1000
"""So many documents are parsed before others have their turn."""
# Documents that can be begun with one press, and what is said then.
_DONE = {
    DESK: "Our opening hours and targets are in force. Look them through: they are ours, not "
    "yours.",
    COMPONENTS: "Our components are in force. Change them to yours.",
    MACROS: "Our texts for replies can be used. Change them to yours.",
    BRAND: "Our plain names are in force. Change them to yours.",
    ON_CALL: "You are woken by e-mail for urgent tickets, until there is a rota.",
}

router = APIRouter(include_in_schema=False)


@router.get("/admin")
async def overview(
    request: Request, actor: Admin, portal: Parts, screens: Drawn, done: str = ""
) -> Response:
    return await _overview(request, actor, portal, screens, done=_DONE.get(done, ""))


@router.get("/admin/mail")
async def mail(
    request: Request,
    actor: Admin,
    portal: Parts,
    screens: Drawn,
    sent: str = "",
    check: str = "",
    selector: str = "",
) -> Response:
    """Where mail comes in and goes out, and what is to be published for it. `sent`: the notice that
    was sent as a test; `check`: look whether the records are published.
    """
    settings = portal.settings
    found = areas(await gather_overview(actor, portal), portal.clock.now())
    rows = [
        ("Customers write to", settings.support_address, "SIGNALBOX_SUPPORT_ADDRESS"),
        ("Mail goes out through", settings.relay_host, "SIGNALBOX_RELAY_HOST"),
        ("at its port", str(settings.relay_port), "SIGNALBOX_RELAY_PORT"),
    ]
    domain = settings.support_address.partition("@")[2]
    # Only what can be a name goes into a question to DNS.
    key = selector.strip() if SELECTOR.fullmatch(selector.strip()) else ""
    return draw(
        screens,
        request,
        "admin_mail.html",
        actor,
        "mail",
        lacks=next(area.lacks for area in found if area.key == "mail"),
        rows=rows,
        domain=domain,
        # Only when asked: it waits for other people's servers.
        records=await records_of(domain, key) if check else None,
        selector=selector.strip(),
        selector_error="" if key or not selector.strip() else "Letters, digits and hyphens.",
        relay=settings.relay_host,
        tried=await outcome_of_test(portal, sent) if sent else None,
        sent=sent,
        idempotency_key=secrets.token_urlsafe(12),
    )


@router.post("/admin/mail/test")
async def test_mail(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """A mail to oneself, by the way that every mail goes."""
    key = (await fields_of(request, portal.settings.max_body)).get("idempotency_key", "")
    answer = await portal.intake.forward(
        actor, "POST", "/v1/test-notices", {"kind": "mail"}, idempotency_key=key or None
    )
    if not answer.is_accepted:
        return screens.error(request, answer.status, "", str(answer.json.get("detail") or ""))
    return see_other(f"/admin/mail?{urlencode({'sent': answer.json['notice_id']})}")


@router.get("/admin/next")
async def next_step(actor: Admin, portal: Parts, after: str = "") -> Response:
    """To the next step that lacks something; to the overview behind the last one."""
    found = next_after(areas(await gather_overview(actor, portal), portal.clock.now()), after)
    if found is None:
        return see_other("/admin")
    # Some of the pages have a query of their own.
    mark = "&" if "?" in found.href else "?"
    return see_other(f"{found.href}{mark}setup={found.key}")


@router.post("/admin/begin")
async def begin(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    """Publish a document that is ours, where there is none yet."""
    name = (await fields_of(request, portal.settings.max_body)).get("name", "")
    if name not in _DONE:
        raise not_found()
    # Somebody may have published one since the page was drawn.
    if portal.published.newest(name) is not None:
        said = "There is one already, so ours was not published over it."
        return await _overview(request, actor, portal, screens, problem=said, status=409)
    # On call is the one document that needs a person: whoever presses.
    document = on_call_of(actor.email) if name == ON_CALL else shipped_policies((name,))[name]
    query = urlencode({"note": NOTE})
    answer = await portal.intake.forward(actor, "PUT", f"/v1/policies/{name}?{query}", document)
    if not answer.is_accepted:
        said = str(answer.json.get("detail") or "It was not published.")
        return await _overview(request, actor, portal, screens, problem=said, status=answer.status)
    return see_other(f"/admin?done={name}")


async def _overview(
    request: Request,
    actor: Actor,
    portal: Portal,
    screens: PageRenderer,
    *,
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    found = areas(await gather_overview(actor, portal), portal.clock.now())
    return draw(
        screens,
        request,
        "admin.html",
        actor,
        "",
        status=status,
        areas=found,
        missing=sum(not area.is_done for area in found),
        first=next_after(found, ""),
        reported=await portal.intake.not_set_up(),
        done=done,
        problem=problem,
    )


async def gather_overview(actor: Actor, portal: Portal) -> SetupState:
    """All that the overview looks at. It needs neither MongoDB nor intake."""
    roles: Counter[str] = Counter()
    customers = 0
    async for _, account in documents(portal, "accounts"):
        if is_active(account):
            held = set(account.get("roles") or ())
            roles.update(held)
            # Whoever is neither staff nor a provider's user.
            customers += not held & STAFF and not account.get("provider")
    desk, on_call, components = (
        portal.published.policy(name) for name in (DESK, ON_CALL, COMPONENTS)
    )
    settings = portal.settings
    return SetupState(
        # A document that does not load is as good as none to the overview.
        desk=desk if isinstance(desk, DeskPolicy) else None,
        on_call=on_call if isinstance(on_call, OnCallPolicy) else None,
        components=components if isinstance(components, ComponentsPolicy) else None,
        is_named=portal.published.newest(BRAND) is not None,
        roles=roles,
        customers=customers,
        apps=len(portal.directory.ids("apps")),
        providers=len(portal.directory.ids("providers")),
        support_address=settings.support_address,
        relay=(settings.relay_host, settings.relay_port),
        demo=settings.demo,
        findings=await portal.rota.coverage(actor, portal.clock.now()) or () if on_call else (),
    )


async def documents(portal: Portal, kind: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Every document of a kind, in no order; others have their turn meanwhile."""
    for number, doc_id in enumerate(portal.directory.ids(kind)):
        if number % _TOGETHER == _TOGETHER - 1:
            # A desk may have a hundred thousand customers.
            await asyncio.sleep(0)
        document = portal.directory.get(kind, doc_id)
        if document is not None:
            yield doc_id, document
