"""Reading what one has just written: `?after=req_…` is answered once the views hold what became of
that request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import Query

from services.portal.web.parts import Portal
from services.portal.web.words import outcome_of
from shared.events import Actor

T = TypeVar("T")

AFTER_S = 2.0
"""How long a read waits for the view to hold what a write made (DESIGN section 7)."""

SOON_S, SOON_TRIES = 0.2, 5
"""Seconds between two looks at a view, and how many looks: a second in all."""

_REQUEST = re.compile(r"req_[a-z2-7]{26}")

After = Annotated[
    str | None,
    Query(
        pattern=f"^{_REQUEST.pattern}$",
        description="id of the request whose outcome must be in the answer",
    ),
]


def is_request(text: str) -> bool:
    """Whether it can be a request's id (`shared/ids.py`)."""
    return _REQUEST.fullmatch(text) is not None


async def retry_until_found(read: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `read` finds, tried again for a second while it finds nothing: whoever has just written
    something reads it before the view has it.
    """
    for _ in range(SOON_TRIES):
        found = await read()
        if found is not None:
            return found
        await asyncio.sleep(SOON_S)
    # A last look, for what came during the last pause.
    return await read()


async def outcome_after(
    portal: Portal, actor: Actor, after: str, about: str
) -> dict[str, Any] | None:
    """What the page of `about` says of request `after`; None where that is no request's id."""
    if not is_request(after):
        return None
    is_there = await portal.hub.settled(after, AFTER_S)
    # None tells `outcome_of` that it is still on its way.
    return outcome_of(
        await portal.queries.request(actor, after) if is_there else None, after, about
    )
