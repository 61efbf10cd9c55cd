"""The dependencies of the pages: who looks, the portal's parts, and what draws."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from services.portal.screens import Screens
from services.portal.wiring import Portal, portal_of
from shared.access import may_handle_pages, may_see_desk
from shared.errors import Refused, Unavailable
from shared.events import Actor

Parts = Annotated[Portal, Depends(portal_of)]


def drawn_by(request: Request) -> Screens:
    found = request.app.state.screens
    assert isinstance(found, Screens)
    return found


async def visitor(request: Request, portal: Parts) -> Actor | None:
    """Who looks; None for somebody who is not logged in."""
    return _seen(request, await portal.sessions.actor_or_none(request))


async def visitor_perhaps(request: Request, portal: Parts) -> Actor | None:
    """Who looks, as far as that can be said just now: for pages that are there while MongoDB is away."""
    try:
        return _seen(request, await portal.sessions.actor_or_none(request))
    except (Refused, Unavailable):
        return None


async def signed_in(request: Request, portal: Parts) -> Actor:
    """Who looks. Raises Refused `unauthenticated`, which sends a browser to the login."""
    actor = await portal.sessions.actor(request)
    _seen(request, actor)
    return actor


def _seen(request: Request, actor: Actor | None) -> Actor | None:
    """Remembered for the page that says what went wrong: it looks nobody up, and still has their navigation."""
    request.state.actor = actor
    return actor


async def at_the_desk(actor: Annotated[Actor, Depends(signed_in)]) -> Actor:
    """Staff only: for everybody else there is no such page."""
    if not may_see_desk(actor):
        raise not_found()
    return actor


async def on_call(actor: Annotated[Actor, Depends(signed_in)]) -> Actor:
    """Whoever handles pages."""
    if not may_handle_pages(actor):
        raise not_found()
    return actor


def not_found() -> Refused:
    return Refused("not-found", "There is nothing here, or nothing you may see.", status=404)


Drawn = Annotated[Screens, Depends(drawn_by)]
Visitor = Annotated[Actor | None, Depends(visitor)]
Perhaps = Annotated[Actor | None, Depends(visitor_perhaps)]
Who = Annotated[Actor, Depends(signed_in)]
Staff = Annotated[Actor, Depends(at_the_desk)]
OnCall = Annotated[Actor, Depends(on_call)]
