"""One person's hour: why they were woken or written to, and why they were not."""

from __future__ import annotations

from datetime import UTC, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.on_call.ledger import Ledger
from services.portal.on_call.pages import moment
from services.portal.web.visitors import Drawn, Parts, Staff, not_found
from shared.errors import Refused

AROUND = timedelta(minutes=30)
# Every zone can show a date in these years, and half an hour before and after it.
_YEARS = range(1971, 9000)

router = APIRouter(include_in_schema=False)


@router.get("/ops/ledger")
async def ledger(
    request: Request, actor: Staff, portal: Parts, screens: Drawn, person: str = "", at: str = ""
) -> Response:
    """The hour around `at` (now, unless said), for `person` (oneself, unless said)."""
    problem, when = "", portal.clock.now()
    try:
        # A date that cannot be read shows the hour that is now, and says so.
        asked = moment(at) if at else when
        when = asked if asked.year in _YEARS else when
        problem = "" if when == asked else "This is not a date and time of ours."
    except Refused as refused:
        problem = refused.detail
    who = person.strip() or actor.email
    found = await Ledger(portal.store).notices(actor, who, when - AROUND, when + AROUND)
    if found is None:
        raise not_found()
    policy = await portal.rota.policy()
    # Offered beside the field; any other address may be typed.
    known = sorted({one.email for one in policy.people.values()} if policy else set())
    return screens.page(
        request,
        "ledger.html",
        status=422 if problem else 200,
        actor=actor,
        place="ops",
        found=found,
        person=who,
        known=known,
        at=when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M"),
        problem=problem,
    )
