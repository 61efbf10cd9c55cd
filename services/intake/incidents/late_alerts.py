"""An alert that began in an incident that was over by then: another incident is drafted for it.

Intake puts such an alert into a new incident by itself. It cannot where it had not yet read that
the old one is over; then the router says so in the fact (`AlertRaised.too_late`). Ops were paged
for the alert all the same. One draft for each group, however many alerts come late: the id is
derived.
"""

from __future__ import annotations

from shared.events import SYSTEM, AlertRaised, OpenIncident
from shared.ids import derive


def draft_for(fact: AlertRaised) -> OpenIncident | None:
    """The request for a draft; None where the alert came in time."""
    if not fact.too_late:
        return None
    return OpenIncident(
        # From the fact's id: reading it again makes the same request.
        id=derive("req", fact.id, "late"),
        # One for each group, whichever alert of it came late first.
        key=derive("inc", "late", fact.key, fact.source, fact.alert),
        at=fact.at,
        actor=SYSTEM,
        policy=fact.policy,
        title=fact.summary,
        body=fact.description or fact.summary,
        components=fact.components,
        provider=fact.provider,
        follow_up_of=fact.key,
        alert=fact.alert,
        draft=True,
        started_at=fact.started_at,
    )
