"""Who is at a ticket: what its page says of its reader, and hears of the others. Staff only."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.responses import Response

from services.portal.desk.presence import GONE, STATES
from services.portal.web.json_answers import Json
from services.portal.web.visitors import Parts, Staff, not_found

_TICKET = re.compile(r"tkt_[a-z2-7]{26}")

router = APIRouter(include_in_schema=False)


@router.post("/tickets/{ticket_id}/presence")
async def say_presence(ticket_id: str, actor: Staff, portal: Parts, state: str = "") -> Response:
    """`{people: [{name, state}]}` of the others there. `state`: looking, writing, or gone. It
    stands in the address: a page that is left sends no body to its end.
    """
    # An address that cannot be a ticket's is not written down.
    if not _TICKET.fullmatch(ticket_id):
        raise not_found()
    people = await portal.presence.say(
        actor, ticket_id, state if state in STATES else GONE, portal.clock.now()
    )
    return Json({"people": people})
