"""Templates to answers: one environment, one set of headers, the error pages. Every page of the
portal is made here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.portal.on_call.page_details import is_test
from services.portal.search.spoken_ids import spell_id
from services.portal.tickets.messages import Messages, as_mail
from services.portal.web.dates import dates_of, show_instant
from services.portal.web.filters import FILTERS
from shared.access import is_admin, may_handle_pages, runs_incidents
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role
from shared.people.identity import Lookup
from shared.policy import BrandPolicy
from shared.text.characters import valid_value

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"
THEMES = ("auto", "light", "dark")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""`data:` images: Pico draws its chevrons and ticks that way. Nothing inline is ever run."""

# Staff alone; customers and providers are described in other words below.
_ROLES = {
    Role.AGENT: "Support agent",
    Role.REVIEWER: "Reviewer",
    Role.CSA: "Solutions architect",
    Role.OPS: "Operations",
    Role.ON_CALL: "On call",
    Role.ADMIN: "Administrator",
}

_ENTERPRISE = ("enterprise", "legacy-enterprise", "premier")
"""Plans whose customers have the shelf of resources in their navigation (seed 001)."""

_WORDS = {
    403: ("Not from here", "This was sent from another site, or you are not allowed to do it."),
    404: ("There is nothing here", "Either this never existed, or it is not yours to see."),
    405: ("That cannot be done here", "This address does not take what was sent to it."),
    410: ("This link is gone", "It was ended or has expired. Ask whoever sent it for a new one."),
    413: ("Too long", "What was sent is longer than we take."),
    429: ("A little slower, please", "Too many tries. Wait a minute and try again."),
    503: (
        "Back in a moment",
        "Part of Signalbox does not answer just now. New tickets and urgent pages still get "
        "through by the API.",
    ),
}
# Nothing of the error itself: it is in our logs.
_BUG = ("Something went wrong on our side", "It has been recorded. Trying again is safe.")


class ScreenDirectory(Lookup, Protocol):
    """Reference data by kind and id, and all of a kind."""

    def all(self, kind: str | None = None) -> Mapping[str, Mapping[str, Any]]: ...


Handler = Callable[[Request, Exception], Awaitable[Response]]


class PageRenderer:
    """Renders. One per process; `directory` gives providers their names, `lights` what the status
    page says (None: nothing yet), `brand` what the desk is called.
    """

    def __init__(
        self,
        directory: ScreenDirectory,
        clock: Clock,
        *,
        demo: bool,
        support_address: str,
        lights: Callable[[], Mapping[str, Any] | None] = lambda: None,
        lacks_second_step: Callable[[str], bool] = lambda _: False,
        brand: Callable[[], BrandPolicy] = BrandPolicy,
    ) -> None:
        self._brand = brand
        self._directory, self._clock, self._demo, self._lights = directory, clock, demo, lights
        self._lacks = lacks_second_step
        # A name that a template misspells is an error here, and no empty place on the page.
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            finalize=valid_value,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(FILTERS)
        self.messages = Messages()
        self._env.filters["message"] = self.messages.html
        self._env.filters["shown"] = show_instant
        self._env.filters["urgent_message"] = self.messages.urgent_html
        self._env.filters["spoken"] = spell_id
        self._env.filters["as_mail"] = as_mail
        self._env.filters["provider_name"] = self.provider_name
        self._env.filters["with_names"] = self.with_names
        self._env.tests["test_page"] = is_test
        # Hashed once, at the start: a file's address changes with its bytes.
        marks = {
            str(path.relative_to(STATIC)): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
            for path in STATIC.rglob("*")
            if path.is_file()
        }
        self._marks = marks
        self._env.globals.update(
            static=self.static,
            role_words=self.role_words,
            support_address=support_address,
            runs_incidents=_runs_incidents,
            # What a page need not hand in; anything else that is missing is an error.
            actor=None,
            place="",
            flash=None,
            errors={},
            values={},
            outcome=None,
            error_links=[],
            newer=[],
        )

    def page(
        self,
        request: Request,
        template: str,
        *,
        actor: Actor | None = None,
        place: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """The template as an answer. `place` marks the entry of the navigation."""
        text = self._env.get_template(template).render(
            actor=actor,
            place=place,
            places=self.places(actor),
            now=self._clock.now(),
            theme=theme_of(request),
            path=path_of(request),
            demo=self._demo,
            status=status,
            outage=outage_in(self._lights()),
            dates=dates_of(self._directory.get("accounts", actor.email) if actor else None),
            lacks_second_step=bool(actor and actor.is_staff and self._lacks(actor.email)),
            brand=self.brand,
            **context,
        )
        return HTMLResponse(text, status, {**HEADERS, **(headers or {})})

    def static(self, name: str) -> str:
        """The address of a static file; it changes with the file."""
        return f"/static/{name}?v={self._marks[name]}"

    def text(self, template: str, **context: Any) -> str:
        """A template that knows nobody."""
        return self._env.get_template(template).render(**context)

    def places(self, actor: Actor | None) -> list[dict[str, str]]:
        """The navigation for whoever looks."""
        # In the order in which the navigation shows them.
        found: list[tuple[str, str, str]] = []
        if actor is not None and actor.is_staff:
            found = [("queue", "/queue", "Queue")]
            if may_handle_pages(actor):
                found.append(("pages", "/pages", "Pages"))
            found += [("on-call", "/on-call", "On call"), ("ops", "/ops", "Operations")]
            if runs_incidents(actor):
                home = "/admin" if is_admin(actor) else "/admin/policies"
                found.append(("admin", home, "Administration"))
        elif actor is not None and actor.provider:
            found = [
                ("tickets", "/tickets", "Tickets"),
                ("incidents", "/add-on/incidents", "Incidents"),
            ]
            found += [("announce", "/announce", "Announce"), ("reports", "/reports", "Reports")]
        elif actor is not None:
            found = [("tickets", "/tickets", "My tickets"), ("new", "/tickets/new", "New ticket")]
            if (self._directory.get("accounts", actor.email) or {}).get("plan") in _ENTERPRISE:
                found.append(("resources", "/resources", "Resources"))
        if self._demo:
            found.append(("outbox", "/demo/outbox", "Outbox"))
        # Everybody has the help, also who is not signed in.
        found.append(("help", "/help", "Help"))
        return [{"key": key, "href": href, "label": label} for key, href, label in found]

    @property
    def brand(self) -> BrandPolicy:
        """What the desk, its queues and the plans are called."""
        return self._brand()

    def provider_name(self, slug: str) -> str:
        """The provider's name, or its slug where the directory does not know it."""
        return str((self._directory.get("providers", slug) or {}).get("name") or slug)

    def with_names(self, text: str) -> str:
        """A sentence of ours with providers' names in place of their slugs."""
        for slug, document in self._directory.all("providers").items():
            if slug in text:
                name = str(document.get("name") or slug)
                # Not within another word, a host name or an address.
                text = re.sub(rf"(?<![\w@.-]){re.escape(slug)}(?![\w@.-])", name, text)
        return text

    def role_words(self, actor: Actor) -> str:
        """What somebody is here, in words."""
        if actor.provider:
            return f"Add-on provider: {self.provider_name(actor.provider)}"
        if actor.is_staff:
            return ", ".join(_ROLES[role] for role in actor.roles if role in _ROLES)
        plan = str((self._directory.get("accounts", actor.email) or {}).get("plan") or "")
        return f"{self.brand.plan_words.get(plan, plan)} plan" if plan else "Customer"

    def error(
        self,
        request: Request,
        status: int,
        code: str = "",
        text: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A finished page for something that went wrong. It needs nothing that may be away."""
        # A status without words of its own is our fault from 500 on, else there is nothing.
        title, standard = _WORDS.get(status, _BUG if status >= 500 else _WORDS[404])
        return self.page(
            request,
            "error.html",
            actor=getattr(request.state, "actor", None),
            status=status,
            headers=headers,
            title=title,
            text=text or standard,
            code=code,
            retry=status >= 429,
        )

    def install_errors(self, app: FastAPI) -> None:
        """Browsers get pages, everybody else the problem documents that `shared.http.problems`
        installed before.
        """
        # The problem documents are there already: they answer whoever wants no page.
        for kind in (Refused, Unavailable, HTTPException, Exception):
            otherwise = app.exception_handlers[kind]
            app.add_exception_handler(kind, self._handler(otherwise))

    def _handler(self, otherwise: Any) -> Handler:
        async def on_error(request: Request, error: Exception) -> Response:
            if not wants_page(request):
                found: Response = await otherwise(request, error)
                return found
            match error:
                case Refused(code="unauthenticated"):
                    return to_login(request)
                case Refused():
                    return self.error(
                        request,
                        error.status,
                        error.code,
                        # The words for everybody: details of these two might tell what there is.
                        "" if error.status in (403, 404) else f"{error.detail}.",
                    )
                case Unavailable():
                    return self.error(
                        request, 503, f"{error.what}-unavailable", headers={"Retry-After": "5"}
                    )
                case HTTPException():
                    return self.error(request, error.status_code)
                case _:
                    return self.error(request, 500, "internal")

        return on_error


def _runs_incidents(actor: Actor | None) -> bool:
    return actor is not None and runs_incidents(actor)


def outage_in(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the banner of every page says: `{tone, lights, issues}`; None while both lights are
    green.
    """
    if said is None or all(colour == "green" for colour in said["status"].values()):
        return None
    lights = {name: colour for name, colour in said["status"].items() if colour != "green"}
    issues = [
        {"id": item["id"], "title": item["title"]}
        for item in (*said["issues"], *said["maintenances"])
        # What only lies ahead is no outage.
        if item["state"] != "scheduled"
    ]
    return {
        "tone": "bad" if "red" in lights.values() else "warn",
        "lights": lights,
        "issues": issues,
    }


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asks for one of our pages."""
    asks = "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
    # By the address as well: a browser that opens the API gets what a program gets.
    return asks and not request.url.path.startswith(("/v1/", "/api/", "/static/"))


def wants_data(request: Request) -> bool:
    """Whether a script of ours asks, which shows the answer by itself."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def theme_of(request: Request) -> str:
    theme = request.cookies.get("theme", "auto")
    return theme if theme in THEMES else "auto"


def path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def to_login(request: Request) -> Response:
    """To the login and back here afterwards. A form that was sent meanwhile comes back to the page
    it stood on, where its draft is kept; a part of a page is not replaced by a login, the whole
    page goes there.
    """
    back = page_of(request.method, request.headers, path_of(request))
    where = "/login" if back == "/" else f"/login?next={quote(back, safe='')}"
    if "hx-request" in request.headers:
        return Response(
            status_code=401, headers={"HX-Redirect": where, "Cache-Control": "no-store"}
        )
    return see_other(where)


def page_of(method: str, headers: Mapping[str, str], path: str) -> str:
    """The page somebody is on who asks for `path`: what htmx says, for a form the page it was sent
    from; only one of ours. Pure.
    """
    named = headers.get("hx-current-url") if "hx-request" in headers else None
    if named is None:
        if method in ("GET", "HEAD"):
            return path
        named = headers.get("referer", "")
    parts = urlsplit(named)
    # Of another site, so nobody is sent there.
    if parts.netloc != headers.get("host"):
        return "/"
    return local(parts.path + (f"?{parts.query}" if parts.query else ""))


def local(path: str | None) -> str:
    """`path` if it is one of ours, else `/`: nobody is sent to another site."""
    # A second slash, or a backslash that browsers read as one, would begin another host.
    ours = (
        path is not None
        and path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and path.isprintable()
    )
    return str(path) if ours else "/"


def see_other(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
