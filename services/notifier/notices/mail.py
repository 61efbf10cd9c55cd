"""Who is told of mail that came in: the sender of one in quarantine, once for each cause. Pure.

Whether the sender may be told at all was decided by intake and stands in the fact, with the reason where not; so nothing is
suppressed here without a record. The answer holds nothing of the message (RELIABILITY, Security).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.notifier.notices.told import MAIL_DESTINATION, OWN_ADDRESS, House, Lookup, Rule, Told, told
from shared.events import Cause, Fact, MailQuarantined


def _quarantined(fact: MailQuarantined, directory: Lookup, house: House) -> Iterator[Told]:
    """Strangers too: that is how they learn how to proceed. Too much at once may happen again another day."""
    if not fact.answerable or not fact.sender:
        return
    to = fact.sender.lower()
    once = f"{fact.why}@{fact.at.date().isoformat()}" if fact.why is Cause.TOO_MANY else fact.why.value
    if fact.why is Cause.REFUSED:
        once = fact.id  # what the router says differs from ticket to ticket
    body = {
        "why": fact.why.value, "explanation": fact.explanation, "to_name": (directory.get("accounts", to) or {}).get("name", ""),
        "url": house.public_url, "link": "Go to the help site",
    }  # fmt: skip
    reason = OWN_ADDRESS if to in house.own_addresses else ""
    yield told(fact, "mail", to, "mail-quarantined", MAIL_DESTINATION, body, house, reason, once=once)


MAIL: Mapping[type[Fact], Rule] = {MailQuarantined: _quarantined}
