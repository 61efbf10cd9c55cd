"""The product's pages: what anybody sees, logging in and out, and the way every page is kept live.

`install(app)` puts all pages, their static files and their errors on the portal; tickets are in `pages_tickets.py`, the desk
(queue, on-call pages, operations, the demo's outbox) in `pages_desk.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.portal import (
    pages_account,
    pages_announce,
    pages_contacts,
    pages_desk,
    pages_help,
    pages_incidents,
    pages_ledger,
    pages_mail,
    pages_notifications,
    pages_rota,
    pages_sharing,
    pages_sign_in,
    pages_status,
    pages_subscriptions,
    pages_tickets,
)
from services.portal.fields import fields_of
from services.portal.library import Library
from services.portal.live import changes
from services.portal.screens import STATIC, THEMES, Screens, local, see_other
from services.portal.status.files import FOLDER, StatusFiles
from services.portal.stream import event_stream
from services.portal.visitors import Drawn, Parts, Visitor
from services.portal.wiring import Portal
from shared.errors import Refused

ONE_YEAR_S = 365 * 24 * 3600

_REFUSED_LOGIN = {
    "wrong-login": "This e-mail and password do not fit together.",
    "too-many-tries": "Too many tries. Wait a minute and try again.",
}

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, portal: Portal) -> None:
    """Everything a browser needs. Call it after `shared.problems.install`: whoever is no browser keeps its problem documents."""
    files = StatusFiles(portal.settings.data_dir / FOLDER)
    app.include_router(pages_subscriptions.router)  # before the files of /status
    pages_status.install(app, files)
    screens = Screens(portal.directory, portal.clock, demo=portal.settings.demo, lights=files.lights)
    app.state.screens = screens
    app.state.library = Library(portal.store, portal.clock)
    app.mount("/static", _Static(directory=STATIC), name="static")
    for part in (
        pages_ledger,
        pages_mail,
        pages_tickets,
        pages_sharing,
        pages_account,
        pages_contacts,
        pages_notifications,
        pages_sign_in,
        pages_desk,
        pages_rota,
        pages_help,
        pages_announce,
    ):
        app.include_router(part.router)
    for home in (pages_incidents.OPS, pages_incidents.ADD_ON):
        app.include_router(pages_incidents.router, prefix=home)
    app.include_router(router)
    screens.install_errors(app)


class _Static(StaticFiles):
    """Names carry a hash of the content (`?v=`), so browsers may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@router.get("/")
async def home(actor: Visitor) -> Response:
    """Where somebody's work is; for visitors the help page."""
    if actor is None:
        return see_other("/help")
    return see_other("/queue" if actor.is_staff else "/tickets")


@router.get("/login")
async def login_page(
    request: Request, actor: Visitor, portal: Parts, screens: Drawn, back: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    if actor is not None:
        return see_other(local(back))
    return screens.page(request, "login.html", next=local(back), identities=_identities(portal), sign_in=_sign_in(portal))


@router.post("/login")
async def log_in(request: Request, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    back = local(fields.get("next"))
    try:
        cookies = await portal.sessions.log_in(request, fields.get("email", ""), fields.get("password", ""))
    except Refused as refusal:
        said = _REFUSED_LOGIN.get(refusal.code, refusal.detail)
        return screens.page(
            request, "login.html", status=refusal.status, next=back, identities=_identities(portal), errors={"form": said},
            values={"email": fields.get("email", "")}, sign_in=_sign_in(portal),
        )  # fmt: skip
    response = see_other(back)
    portal.sessions.remember(response, cookies)
    return response


@router.post("/logout")
async def log_out(request: Request, portal: Parts) -> Response:
    await portal.sessions.log_out(request)
    response = see_other("/login")
    portal.sessions.forget(response)
    return response


@router.post("/theme")
async def choose_theme(request: Request, portal: Parts) -> Response:
    """Light, dark, or as the system has it; remembered for a year."""
    fields = await fields_of(request, portal.settings.max_body)
    response = see_other(local(fields.get("next")))
    theme = fields.get("theme", "auto")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=ONE_YEAR_S, samesite="lax", secure=portal.settings.is_https)
    return response


@router.get("/live")
async def live(request: Request, actor: Visitor, portal: Parts, ticket: str | None = None) -> Response:
    """Server-sent events for one page (see `live.py`). 204 for a visitor: a browser then stops asking."""
    if actor is None:
        return Response(status_code=204)

    feed = portal.hub.feed(portal.sessions.asking(request), ticket=ticket, last=None, heartbeat=portal.settings.stream_heartbeat)
    return event_stream(changes(feed))


def _sign_in(portal: Portal) -> str:
    """What the button of the OpenID provider says; empty where there is none."""
    return portal.settings.oidc_label if portal.sign_in else ""


_GROUPS = ("Customers", "Support staff", "On call", "Add-on providers")


def _identities(portal: Portal) -> list[dict[str, Any]]:
    """The demo's people, to log in as with one click; nothing outside the demo."""
    if not portal.settings.demo:
        return []
    accounts = [account for email, account in portal.directory.all("accounts").items() if email.endswith("@example.com")]
    groups: dict[str, list[dict[str, str]]] = {title: [] for title in _GROUPS}
    for account in accounts:
        title, what = _group_of(account)
        groups[title].append({"email": account["email"], "name": account["email"].partition("@")[0], "what": what})
    return [{"title": title, "people": people} for title, people in groups.items() if people]


def _group_of(account: dict[str, Any]) -> tuple[str, str]:
    """The heading somebody of the demo stands under, and what they are."""
    name, roles = str(account.get("name") or ""), [role for role in account.get("roles", []) if role != "requester"]
    if account.get("provider"):
        return "Add-on providers", name
    if "on-call" in roles:
        return "On call", name
    if roles:
        return "Support staff", f"{name}, {', '.join(roles)}"
    return "Customers", f"{name}, {str(account.get('plan') or '').replace('-', ' ')}"
