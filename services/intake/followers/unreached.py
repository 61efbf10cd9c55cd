"""Whom an answer does not reach by mail: their address is stopped
(`shared/people/subscriptions.py`), so the person who answers is told. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.intake.forms import Form, ReplyForm, SolveForm
from shared.access import Standing
from shared.events import Audience
from shared.people.identity import Lookup
from shared.people.subscriptions import stops_among

if TYPE_CHECKING:
    from services.intake.world.portal_view import SeenTicket

# The two reasons for which mail to an address stops.
_WHY = {
    "bounced": "mail to this address bounced for good",
    "complained": "its owner complained about our mail",
}


def warnings_for(
    form: Form, who: Standing | None, seen: SeenTicket | None, directory: Lookup
) -> tuple[str, ...]:
    """One sentence for each person on the customer's side who gets no mail about what `who` does;
    none where it is no answer to them.
    """
    # Only answers of our side have customers to reach.
    if seen is None or who not in (Standing.STAFF, Standing.PROVIDER):
        return ()
    if not isinstance(form, ReplyForm | SolveForm):
        return ()
    # A staff note is not meant for customers.
    if isinstance(form, ReplyForm) and form.audience is not Audience.EVERYONE:
        return ()
    stops = stops_among((seen.requester, *seen.participants), directory)
    return tuple(
        f"{stop.email} gets no mail about this: {_WHY[stop.why]}. They see it on the ticket's page "
        "only, until they write to us or an admin lifts the stop."
        if stop.why == "bounced"
        else f"{stop.email} gets no mail about this: {_WHY[stop.why]}. They see it on the ticket's "
        "page only, until they turn mail on again or an admin lifts the stop."
        for stop in stops
    )
