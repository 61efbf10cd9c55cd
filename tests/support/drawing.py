"""Templates drawn without a server: what a screen says of given values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from services.portal.web.dates import dates_of
from services.portal.web.render import PageRenderer
from shared.events import Actor, Role, Via

NOW = datetime(2026, 11, 30, 5, 20, tzinfo=UTC)
PRIMARY = Actor(
    email="primary@example.com", name="Primo", roles=(Role.ON_CALL, Role.AGENT), via=Via.WEB
)


class Nobody:
    """A directory that knows nobody."""

    def get(self, kind: str, doc_id: str) -> dict[str, Any] | None:
        return None

    def all(self, kind: str | None = None) -> Mapping[str, dict[str, Any]]:
        return {}


class Still:
    def now(self) -> datetime:
        return NOW


def draw(template: str, *, actor: Actor | None = None, path: str = "/", **context: Any) -> str:
    """The text of the page."""
    screens = PageRenderer(Nobody(), Still(), demo=False, support_address="help@example.com")  # type: ignore[arg-type]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    page = screens.page(Request(scope), template, actor=actor, **context)
    return bytes(page.body).decode()


def draw_part(source: str, **context: Any) -> str:
    """A piece of a template, with the macros of words.html as `w`."""
    screens = PageRenderer(Nobody(), Still(), demo=False, support_address="help@example.com")  # type: ignore[arg-type]
    whole = "{% import 'words.html' as w with context %}" + source
    known = {"now": NOW, "actor": None, "brand": screens.brand, "dates": dates_of(None)}
    return screens._env.from_string(whole).render(**{**known, **context})
