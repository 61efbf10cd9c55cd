"""The dependencies of the pages: who looks, the portal's parts, and what draws."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from services.portal.sign_in.session import SAFE
from services.portal.web.parts import Portal, portal_of
from services.portal.web.render import PageRenderer
from shared.access import is_admin, may_handle_pages, may_see_desk, may_see_reports, runs_incidents
from shared.errors import Refused, Unavailable
from shared.events import Actor

Parts = Annotated[Portal, Depends(portal_of)]


def get_screens(request: Request) -> PageRenderer:
    found = request.app.state.screens
    assert isinstance(found, PageRenderer)
    return found


async def visitor(request: Request, portal: Parts) -> Actor | None:
    """Who looks; None for somebody who is not logged in."""
    return _remember_actor(request, await portal.sessions.actor_or_none(request))


async def visitor_perhaps(request: Request, portal: Parts) -> Actor | None:
    """Who looks, as far as that can be said just now: for pages that are there while MongoDB is
    away.
    """
    try:
        return _remember_actor(request, await portal.sessions.actor_or_none(request))
    except (Refused, Unavailable):
        # A page for everybody: without a clear answer it is shown as to a stranger.
        return None


async def require_actor(request: Request, portal: Parts) -> Actor:
    """Who looks. Raises Refused `unauthenticated`, which sends a browser to the login."""
    actor = await portal.sessions.actor(request)
    _remember_actor(request, actor)
    return actor


async def require_confirmed_actor(request: Request, portal: Parts) -> Actor:
    """Who looks, as MongoDB confirms it now. Raises Unavailable while it does not answer."""
    actor = await portal.sessions.actor(request, confirmed=True)
    _remember_actor(request, actor)
    return actor


def _remember_actor(request: Request, actor: Actor | None) -> Actor | None:
    """Remembered for the page that says what went wrong: it looks nobody up, and still has their
    navigation.
    """
    request.state.actor = actor
    return actor


async def at_the_desk(actor: Annotated[Actor, Depends(require_actor)]) -> Actor:
    """Staff only: for everybody else there is no such page."""
    if not may_see_desk(actor):
        raise not_found()
    return actor


async def report_reader(actor: Annotated[Actor, Depends(require_actor)]) -> Actor:
    """Staff, and a provider's people."""
    if not may_see_reports(actor):
        raise not_found()
    return actor


async def on_call(actor: Annotated[Actor, Depends(require_actor)]) -> Actor:
    """Whoever handles pages."""
    if not may_handle_pages(actor):
        raise not_found()
    return actor


async def administrator(request: Request, portal: Parts) -> Actor:
    """Administrators only; for what changes anything as MongoDB confirms it now."""
    # A session that only memory knows is enough to look, and not to change anything.
    is_sure = request.method not in SAFE
    actor = await portal.sessions.actor(request, confirmed=is_sure)
    _remember_actor(request, actor)
    if not is_admin(actor):
        raise not_found()
    return actor


async def policy_reader(actor: Annotated[Actor, Depends(require_actor)]) -> Actor:
    """Whoever runs the platform: ops read policies, administrators change them."""
    if not runs_incidents(actor):
        raise not_found()
    return actor


def not_found() -> Refused:
    return Refused("not-found", "There is nothing here, or nothing you may see.", status=404)


Drawn = Annotated[PageRenderer, Depends(get_screens)]
Visitor = Annotated[Actor | None, Depends(visitor)]
Perhaps = Annotated[Actor | None, Depends(visitor_perhaps)]
Who = Annotated[Actor, Depends(require_actor)]
WhoForSure = Annotated[Actor, Depends(require_confirmed_actor)]
Staff = Annotated[Actor, Depends(at_the_desk)]
ReportReader = Annotated[Actor, Depends(report_reader)]
Admin = Annotated[Actor, Depends(administrator)]
PolicyReader = Annotated[Actor, Depends(policy_reader)]
OnCall = Annotated[Actor, Depends(on_call)]
