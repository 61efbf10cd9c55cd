"""The product's pages: what anybody sees, logging in and out, and the way every page is kept live.

`install(app)` puts all pages, their static files and their errors on the portal; tickets are in
`tickets/pages/`, the queue in `desk/pages.py`, on-call pages, operations and the demo's outbox in
`operations/pages.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.portal import install_page as pages_install
from services.portal.account import contacts_page as pages_contacts
from services.portal.account import notifications_page as pages_notifications
from services.portal.account import pages as pages_account
from services.portal.admin import audit_page as pages_admin_audit
from services.portal.admin import directory_page as pages_admin_directory
from services.portal.admin import document_page as pages_admin_document
from services.portal.admin import pages as pages_admin
from services.portal.admin import tokens_page as pages_admin_tokens
from services.portal.admin import upload_page as pages_admin_upload
from services.portal.admin import webhooks_page as pages_admin_webhooks
from services.portal.admin.policies import brand_page as pages_admin_brand
from services.portal.admin.policies import hours_page as pages_admin_hours
from services.portal.admin.policies import on_call_page as pages_admin_on_call
from services.portal.admin.policies import pages as pages_admin_policies
from services.portal.desk import bulk_page as pages_bulk
from services.portal.desk import merge_page as pages_merge
from services.portal.desk import pages as pages_homes
from services.portal.desk import presence_page as pages_presence
from services.portal.desk import text_page as pages_text
from services.portal.desk import views_page as pages_views
from services.portal.help import pages as pages_help
from services.portal.help import problems_page as pages_problems
from services.portal.help.library import Library
from services.portal.incidents import announce_page as pages_announce
from services.portal.incidents import pages as pages_incidents
from services.portal.mail import pages as pages_mail
from services.portal.on_call import asks_page as pages_asks
from services.portal.on_call import ledger_page as pages_ledger
from services.portal.on_call import pages as pages_rota
from services.portal.operations import pages as pages_desk
from services.portal.operations import reports_page as pages_reports
from services.portal.people import pages as pages_people
from services.portal.search import pages as pages_search
from services.portal.sign_in import invitations_page as pages_invitations
from services.portal.sign_in import oidc_page as pages_sign_in
from services.portal.sign_in import passwords_page as pages_passwords
from services.portal.sign_in import second_step_page as pages_second_step
from services.portal.sign_in import set_up_page as pages_set_up
from services.portal.sign_in.entering import enter
from services.portal.status import pages as pages_status
from services.portal.status import subscriptions_page as pages_subscriptions
from services.portal.status.files import FOLDER, StatusFiles
from services.portal.tickets.pages import action_page as pages_actions
from services.portal.tickets.pages import new_page as pages_new_ticket
from services.portal.tickets.pages import share_page as pages_sharing
from services.portal.tickets.pages import ticket_page as pages_tickets
from services.portal.web.form_body import fields_of
from services.portal.web.live import changes, find_page_subjects, subjects_of
from services.portal.web.parts import Portal
from services.portal.web.render import STATIC, THEMES, PageRenderer, local, see_other
from services.portal.web.stream import event_stream
from services.portal.web.visitors import Drawn, Parts, Visitor
from shared.errors import Refused

WORKER_POLICY = "default-src 'none'; connect-src 'self'"
"""A worker goes by the policy of its own script's answer, and this one holds the event stream."""
ONE_YEAR_S = 365 * 24 * 3600

# The words of the API speak to programs.
_REFUSED_LOGIN = {
    "wrong-login": "This e-mail and password do not fit together.",
    "too-many-tries": "Too many tries. Wait a minute and try again.",
}

_DONE = {
    "password": "Your new password is set, and everything that was logged in is logged out. "
    "Log in with it.",
    "too-long": "That took too long, or was begun elsewhere. Log in again.",
    "invited": "Your account is ready. Log in with your address and the password you have set.",
}

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, portal: Portal) -> None:
    """Everything a browser needs. Call it after `shared.http.problems.install`: whoever is no
    browser keeps its problem documents.
    """
    files = StatusFiles(portal.settings.data_dir / FOLDER)
    app.include_router(pages_subscriptions.router)  # before the files of /status
    app.include_router(pages_subscriptions.from_mail)
    pages_status.install(app, files)
    screens = PageRenderer(
        portal.directory,
        portal.clock,
        demo=portal.settings.demo,
        support_address=portal.settings.support_address,
        lights=files.lights,
        lacks_second_step=portal.second_steps.is_recommended,
        brand=lambda: portal.published.brand,
    )
    app.state.screens = screens
    app.state.library = Library(portal.store, portal.clock)
    app.mount("/static", _Static(directory=STATIC), name="static")
    # In this order a fixed address comes before a pattern that would match it too.
    for part in (
        pages_ledger,
        pages_mail,
        pages_presence,
        pages_text,
        pages_search,
        pages_people,
        pages_merge,
        # Fixed words come before patterns: "new" would be read as a ticket's id, and "take-part" as
        # an action on a ticket.
        pages_new_ticket,
        pages_sharing,
        pages_tickets,
        pages_actions,
        pages_set_up,
        pages_admin,
        pages_admin_audit,
        pages_admin_brand,
        pages_admin_directory,
        pages_admin_document,
        pages_admin_hours,
        pages_admin_on_call,
        pages_admin_policies,
        pages_admin_tokens,
        pages_admin_upload,
        pages_admin_webhooks,
        pages_account,
        pages_contacts,
        pages_notifications,
        pages_problems,
        pages_sign_in,
        pages_second_step,
        pages_passwords,
        pages_invitations,
        pages_desk,
        pages_views,
        pages_reports,
        pages_bulk,
        pages_homes,
        pages_rota,
        pages_asks,
        pages_help,
        pages_announce,
        pages_install,
    ):
        app.include_router(part.router)
    # The same screens twice; `Desk` tells them apart by the address.
    for home in (pages_incidents.OPS, pages_incidents.ADD_ON):
        app.include_router(pages_incidents.router, prefix=home)
    app.include_router(router)
    # After the problem documents, which stay for whoever is no browser.
    screens.install_errors(app)


class _Static(StaticFiles):
    """Names carry a hash of the content (`?v=`), so browsers may keep them for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # A worker goes by the policy of its own answer, not by that of a page.
        if path.endswith("-worker.js"):
            response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response


@router.get("/")
async def home(actor: Visitor) -> Response:
    """Where somebody's work is; for visitors the help page."""
    if actor is None:
        return see_other("/help")
    return see_other("/queue" if actor.is_staff else "/tickets")


@router.get("/login")
async def login_page(
    request: Request,
    actor: Visitor,
    portal: Parts,
    screens: Drawn,
    back: Annotated[str, Query(alias="next")] = "/",
    done: str = "",
) -> Response:
    # Who is in already does not log in again.
    if actor is not None:
        return see_other(local(back))
    return screens.page(
        request,
        "login.html",
        next=local(back),
        flash={"tone": "warn" if done == "too-long" else "good", "text": _DONE[done]}
        if done in _DONE
        else None,
        identities=_identities(portal),
        sign_in=_sign_in(portal),
    )


@router.post("/login")
async def log_in(request: Request, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    back = local(fields.get("next"))
    try:
        email = await portal.sessions.check_password(
            request, fields.get("email", ""), fields.get("password", "")
        )
    except Refused as refusal:
        # One page for all reasons: which of the two was wrong is not said.
        said = _REFUSED_LOGIN.get(refusal.code, refusal.detail)
        return screens.page(
            request,
            "login.html",
            status=refusal.status,
            next=back,
            identities=_identities(portal),
            errors={"form": said},
            values={"email": fields.get("email", "")},
            sign_in=_sign_in(portal),
        )
    return await enter(request, portal, email, back, by_password=True)


@router.post("/logout")
async def log_out(request: Request, portal: Parts) -> Response:
    # Where MongoDB is away this raises, and the session has ended in this process all the same.
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
    # An unknown word leaves the theme as it is.
    if theme in THEMES:
        response.set_cookie(
            "theme", theme, max_age=ONE_YEAR_S, samesite="lax", secure=portal.settings.is_https
        )
    return response


@router.get("/live")
async def live(request: Request, actor: Visitor, portal: Parts) -> Response:
    """Server-sent events for all tabs of a browser (see `web/live.py`). 204 for a visitor: a
    browser then stops asking.
    """
    if actor is None:
        return Response(status_code=204)

    feed = portal.hub.feed(
        portal.sessions.asking(request),
        ticket=None,
        # The pages ask for what they show by themselves, so nothing is missed without a number.
        last=None,
        heartbeat=portal.settings.stream_heartbeat,
        say=subjects_of,
        stirs=find_page_subjects,
    )
    return event_stream(changes(feed))


def _sign_in(portal: Portal) -> str:
    """What the button of the OpenID provider says; empty where there is none."""
    return portal.settings.oidc_label if portal.sign_in else ""


# In the order of the page.
_GROUPS = ("Customers", "Support staff", "On call", "Add-on providers")


def _identities(portal: Portal) -> list[dict[str, Any]]:
    """The demo's people, to log in as with one click; nothing outside the demo."""
    if not portal.settings.demo:
        return []
    # Only the demo's own people: an administrator may have added real ones.
    accounts = [
        account
        for email, account in portal.directory.all("accounts").items()
        if email.endswith("@example.com")
    ]
    groups: dict[str, list[dict[str, str]]] = {title: [] for title in _GROUPS}
    for account in accounts:
        title, what = _group_of(account)
        groups[title].append(
            {"email": account["email"], "name": account["email"].partition("@")[0], "what": what}
        )
    return [{"title": title, "people": people} for title, people in groups.items() if people]


def _group_of(account: dict[str, Any]) -> tuple[str, str]:
    """The heading somebody of the demo stands under, and what they are."""
    name, roles = (
        str(account.get("name") or ""),
        [role for role in account.get("roles", []) if role != "requester"],
    )
    if account.get("provider"):
        return "Add-on providers", name
    if "on-call" in roles:
        return "On call", name
    if roles:
        return "Support staff", f"{name}, {', '.join(roles)}"
    return "Customers", f"{name}, {str(account.get('plan') or '').replace('-', ' ')}"
