"""What every page of the administration shows besides its own: where one is, and the step of the
set-up that it belongs to.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse

from services.portal.admin.areas import KEYS, TITLES
from services.portal.web.render import PageRenderer
from shared.access import is_admin
from shared.events import Actor

# Path below /admin and its words; ops see one of them.
_FOR_ADMINS = (
    ("", "Overview"),
    ("directory/accounts", "People"),
    ("invitations", "Invitations"),
    ("directory/apps", "Apps"),
    ("directory/providers", "Providers"),
    ("upload", "Upload"),
    ("tokens", "Tokens"),
    ("policies", "Policies"),
    ("on-call", "On call"),
    ("mail", "Mail"),
    ("audit", "Audit log"),
)
_FOR_OPS = (("policies", "Policies"),)


def draw(
    screens: PageRenderer, request: Request, template: str, actor: Actor, tab: str, **context: Any
) -> HTMLResponse:
    """The template as an answer. `tab`: which entry of the administration it belongs to."""
    entries = _FOR_ADMINS if is_admin(actor) else _FOR_OPS
    tabs = [
        # The overview has no path of its own.
        {"href": f"/admin/{path}".rstrip("/"), "label": label, "current": path == tab}
        for path, label in entries
    ]
    step = step_of(request.query_params.get("setup", ""))
    return screens.page(
        request, template, actor=actor, place="admin", admin_tabs=tabs, step=step, **context
    )


def step_of(key: str) -> dict[str, Any] | None:
    """`{key, number, of, title}` of a step of the set-up; None: no page of the set-up."""
    if key not in KEYS:
        return None
    return {"key": key, "number": KEYS.index(key) + 1, "of": len(KEYS), "title": TITLES[key]}
