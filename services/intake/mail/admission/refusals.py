"""What the router refuses of mail: the message goes into quarantine after all, and its sender is
told. Pure; `QUARANTINES` is the table.

The view may have been away or behind when the mail was admitted, so a reply may turn out not to be
possible. Its text must not be lost for that: the facts are derived from the refusal, so reading it
again says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared import events as e
from shared.ids import derive


def on_refused(fact: e.RequestRefused) -> e.MailQuarantined | None:
    """None where the request did not come by mail, or the ticket holds the same mail already."""
    # A mail that came by two paths is on the ticket already: nothing is lost.
    if not fact.mail or fact.code == _CAME_BEFORE:
        return None
    return e.MailQuarantined(
        # From the refusal's id, so reading it again makes the same fact.
        id=derive("fct", fact.id, "MailQuarantined"),
        key=fact.mail,
        at=fact.at,
        cause=fact.id,
        why=e.Cause.REFUSED,
        explanation=fact.reason,
        answerable=True,
        sender=fact.by,
        ticket_id=fact.key,
        received_at=fact.at,
    )


_CAME_BEFORE = "came-before"
"""The router's word for a mail that came by two paths."""

QUARANTINES: dict[type[e.TicketFact], Callable[[Any], e.MailQuarantined | None]] = {
    e.RequestRefused: on_refused
}
"""Fact → what it means for the mail that caused it. Other facts of tickets are not even parsed."""
