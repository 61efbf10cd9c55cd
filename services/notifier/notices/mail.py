"""Who is told of mail that came in: the sender of one in quarantine. Pure.

Whether the sender may be told at all was decided by intake and stands in the fact, with the reason
where not; so nothing is suppressed here without a record. A sender who is vouched for is told each
time, with subject and date; the courier's ceiling (`ceiling.py`) ends loops. Anybody else may be a
forger's victim: they are told once a day for each cause, with nothing of the message (RELIABILITY,
Security). What is over the hourly ceiling is told of once a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.notifier.notices.told import (
    MAIL_DESTINATION,
    OWN_ADDRESS,
    DirectoryIndex,
    Rule,
    SenderIdentity,
    Told,
    make_notice,
)
from shared.events import Cause, Fact, MailQuarantined
from shared.people.folding import fold_address


def _on_quarantined(
    fact: MailQuarantined, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Strangers too: that is how they learn how to proceed."""
    # Intake decided that no answer may be sent; the fact says why.
    if not fact.answerable or not fact.sender:
        return
    to = fold_address(fact.sender)
    body = {
        "why": fact.why.value,
        "explanation": fact.explanation,
        "to_name": (directory.get("accounts", to) or {}).get("name", ""),
        "subject": fact.subject,
        "came_at": (fact.received_at or fact.at).strftime("%-d %B %Y at %H:%M UTC"),
        "each_time": _is_told_each_time(fact),
        "url": house.public_url,
        "link": "Go to the help site",
    }
    # One id for the same person, cause and day: the second one is left out, with a record.
    once = "" if _is_told_each_time(fact) else f"{fact.why}@{fact.at.date().isoformat()}"
    reason = OWN_ADDRESS if to in house.own_addresses else ""
    yield make_notice(
        fact, "mail", to, "mail-quarantined", MAIL_DESTINATION, body, house, reason, once=once
    )


def _is_told_each_time(fact: MailQuarantined) -> bool:
    """What the router says differs from ticket to ticket, and its sender was vouched for before."""
    return fact.why is not Cause.TOO_MANY and (fact.vouched or fact.why is Cause.REFUSED)


MAIL: Mapping[type[Fact], Rule] = {MailQuarantined: _on_quarantined}
