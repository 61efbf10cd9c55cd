"""Templates to answers: one environment, one set of headers, the error pages. Every page of the portal is made here."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.portal.display import FILTERS
from shared.access import may_handle_pages, runs_incidents
from shared.clock import Clock
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role
from shared.identity import Lookup

HERE = Path(__file__).parent
STATIC = HERE / "static"
THEMES = ("auto", "light", "dark")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""`data:` images: Pico draws its chevrons and ticks that way. Nothing inline is ever run."""

_ROLES = {
    Role.AGENT: "Support agent", Role.REVIEWER: "Reviewer", Role.CSA: "Solutions architect", Role.OPS: "Operations",
    Role.ON_CALL: "On call", Role.ADMIN: "Administrator",
}  # fmt: skip

_ENTERPRISE = ("enterprise", "legacy-enterprise", "premier")
"""Plans whose customers have the shelf of resources in their navigation (seed 001)."""

_WORDS = {
    403: ("Not from here", "This was sent from another site, or you are not allowed to do it."),
    404: ("There is nothing here", "Either this never existed, or it is not yours to see."),
    405: ("That cannot be done here", "This address does not take what was sent to it."),
    410: ("This link is gone", "It was ended or has expired. Ask whoever sent it for a new one."),
    413: ("Too long", "What was sent is longer than we take."),
    429: ("A little slower, please", "Too many tries. Wait a minute and try again."),
    503: ("Back in a moment", "Part of Signalbox does not answer just now. New tickets and urgent pages still get through by the API."),
}
_BUG = ("Something went wrong on our side", "It has been recorded. Trying again is safe.")

Handler = Callable[[Request, Exception], Awaitable[Response]]


class Screens:
    """Renders. One per process; `directory` gives providers their names, `lights` what the status page says (None: nothing yet)."""

    def __init__(
        self, directory: Lookup, clock: Clock, *, demo: bool, lights: Callable[[], Mapping[str, Any] | None] = lambda: None
    ) -> None:
        self._directory, self._clock, self._demo, self._lights = directory, clock, demo, lights
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._env.filters.update(FILTERS)
        self._env.filters["provider_name"] = self.provider_name
        marks = {
            str(path.relative_to(STATIC)): hashlib.sha256(path.read_bytes()).hexdigest()[:10]
            for path in STATIC.rglob("*")
            if path.is_file()
        }
        self._env.globals.update(
            static=lambda name: f"/static/{name}?v={marks[name]}", role_words=self.role_words, runs_incidents=_runs_incidents,
            actor=None, place="", flash=None, errors={}, values={}, outcome=None, error_links=[],
        )  # fmt: skip

    def page(
        self, request: Request, template: str, *, actor: Actor | None = None, place: str = "", status: int = 200,
        headers: Mapping[str, str] | None = None, **context: Any,
    ) -> HTMLResponse:  # fmt: skip
        """The template as an answer. `place` marks the entry of the navigation."""
        text = self._env.get_template(template).render(
            actor=actor, place=place, places=self.places(actor), now=self._clock.now(), theme=theme_of(request), path=path_of(request),
            demo=self._demo, status=status, outage=outage_in(self._lights()), **context,
        )  # fmt: skip
        return HTMLResponse(text, status, {**HEADERS, **(headers or {})})

    def places(self, actor: Actor | None) -> list[dict[str, str]]:
        """The navigation for whoever looks."""
        found: list[tuple[str, str, str]] = []
        if actor is not None and actor.is_staff:
            found = [("queue", "/queue", "Queue")]
            if may_handle_pages(actor):
                found.append(("pages", "/pages", "Pages"))
            found += [("on-call", "/on-call", "On call"), ("ops", "/ops", "Operations")]
        elif actor is not None and actor.provider:
            found = [("tickets", "/tickets", "Tickets"), ("incidents", "/add-on/incidents", "Incidents")]
            found.append(("announce", "/announce", "Announce"))
        elif actor is not None:
            found = [("tickets", "/tickets", "My tickets"), ("new", "/tickets/new", "New ticket")]
            if (self._directory.get("accounts", actor.email) or {}).get("plan") in _ENTERPRISE:
                found.append(("resources", "/resources", "Resources"))
        if self._demo:
            found.append(("outbox", "/demo/outbox", "Outbox"))
        found.append(("help", "/help", "Help"))
        return [{"key": key, "href": href, "label": label} for key, href, label in found]

    def provider_name(self, slug: str) -> str:
        """The provider's name, or its slug where the directory does not know it."""
        return str((self._directory.get("providers", slug) or {}).get("name") or slug)

    def role_words(self, actor: Actor) -> str:
        """What somebody is here, in words."""
        if actor.provider:
            return f"Add-on provider: {self.provider_name(actor.provider)}"
        if actor.is_staff:
            return ", ".join(_ROLES[role] for role in actor.roles if role in _ROLES)
        plan = str((self._directory.get("accounts", actor.email) or {}).get("plan") or "")
        return f"{plan.replace('-', ' ').title()} plan" if plan else "Customer"

    def error(
        self, request: Request, status: int, code: str = "", text: str = "", headers: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """A finished page for something that went wrong. It needs nothing that may be away."""
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
        """Browsers get pages, everybody else the problem documents that `shared.problems` installed before."""
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
                    return self.error(request, error.status, error.code, "" if error.status in (403, 404) else f"{error.detail}.")
                case Unavailable():
                    return self.error(request, 503, f"{error.what}-unavailable", headers={"Retry-After": "5"})
                case HTTPException():
                    return self.error(request, error.status_code)
                case _:
                    return self.error(request, 500, "internal")

        return on_error


def _runs_incidents(actor: Actor | None) -> bool:
    return actor is not None and runs_incidents(actor)


def outage_in(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the banner of every page says: `{tone, lights, issues}`; None while both lights are green."""
    if said is None or all(colour == "green" for colour in said["status"].values()):
        return None
    lights = {name: colour for name, colour in said["status"].items() if colour != "green"}
    issues = [
        {"id": item["id"], "title": item["title"]} for item in (*said["issues"], *said["maintenances"]) if item["state"] != "scheduled"
    ]
    return {"tone": "bad" if "red" in lights.values() else "warn", "lights": lights, "issues": issues}


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asks for one of our pages."""
    asks = "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
    return asks and not request.url.path.startswith(("/v1/", "/api/", "/static/"))


def theme_of(request: Request) -> str:
    theme = request.cookies.get("theme", "auto")
    return theme if theme in THEMES else "auto"


def path_of(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def to_login(request: Request) -> Response:
    """To the login and back here afterwards; a form that was sent meanwhile comes back to the start."""
    back = path_of(request) if request.method == "GET" else "/"
    return see_other("/login" if back == "/" else f"/login?next={quote(back, safe='')}")


def local(path: str | None) -> str:
    """`path` if it is one of ours, else `/`: nobody is sent to another site."""
    ours = path is not None and path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return str(path) if ours else "/"


def see_other(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
