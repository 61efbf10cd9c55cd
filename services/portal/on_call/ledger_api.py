"""The JSON read of one person's ledger: what was sent to them, and what was not, with the
reasons.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from services.portal.on_call.ledger import USUAL, Ledger
from services.portal.web.json_answers import Json
from services.portal.web.visitors import Parts, Who, not_found
from shared.errors import Refused
from shared.instants import is_of_ours

router = APIRouter(prefix="/v1")


@router.get("/people/{email}/notices")
async def list_notices(
    email: str,
    actor: Who,
    portal: Parts,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Response:
    """Staff, and the person themselves: the last 24 hours unless asked otherwise, 31 days at most."""
    for name, at in (("since", since), ("until", until)):
        if at is not None and (at.tzinfo is None or not is_of_ours(at)):
            raise Refused(
                "bad-parameter",
                f"{name} needs a zone and a year of ours, such as 2026-11-22T10:00:00Z",
            )
    # One side is enough: the other lies a day away.
    ends = until or (since + USUAL if since else portal.clock.now())
    found = await Ledger(portal.store).notices(actor, email, since or ends - USUAL, ends)
    if found is None:
        raise not_found()
    return Json(found)
