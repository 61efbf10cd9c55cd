"""Reading what one has just written: `?after=req_…` is answered once the views hold what became of that request."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Query

from services.portal.tabs import outcome_of
from services.portal.wiring import Portal
from shared.events import Actor

AFTER_S = 2.0
"""How long a read waits for the view to hold what a write made (DESIGN section 7)."""

_REQUEST = re.compile(r"req_[a-z2-7]{26}")

After = Annotated[str | None, Query(pattern=f"^{_REQUEST.pattern}$", description="id of the request whose outcome must be in the answer")]


def is_request(text: str) -> bool:
    """Whether it can be a request's id (`shared/ids.py`)."""
    return _REQUEST.fullmatch(text) is not None


async def outcome_after(portal: Portal, actor: Actor, after: str, about: str) -> dict[str, Any] | None:
    """What the page of `about` says of request `after`; None where that is no request's id."""
    if not is_request(after):
        return None
    is_there = await portal.hub.settled(after, AFTER_S)
    return outcome_of(await portal.queries.request(actor, after) if is_there else None, after, about)
