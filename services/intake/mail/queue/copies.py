"""What became of a letter (`letters.py`) when it came by another path before, as far as this
process knows. Where another process took it, the ids are the same, and the router takes it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.intake.http.idempotency import Keys
from services.intake.mail.admission.admission import Outcome, PageAnswer, Quarantine
from services.intake.mail.admission.evidence import MailCase
from shared.events import AddReply, Cause, OpenTicket

_OF_A_COPY = frozenset({Cause.UNVERIFIED_REPLY, Cause.TOO_MANY, Cause.NOT_A_PARTICIPANT})
"""Why a copy alone would be kept although its letter was taken: a list broke its signature, or took
off the address made for its sender.
"""


@dataclass(frozen=True, slots=True)
class FirstCopy:
    """The request that the first copy made. `vouched`: somebody vouched for its sender."""

    opens: bool
    ticket_id: str
    request_id: str
    vouched: bool


def remember(
    keys: Keys, letter: str, delivery: str, request: OpenTicket | AddReply, at: datetime
) -> None:
    """Another copy of the letter is known from now on, for as long as `keys` are kept."""
    opens = isinstance(request, OpenTicket)
    # A reply is only made for somebody who is vouched for, so it counts as such.
    vouched = request.verified if isinstance(request, OpenTicket) else True
    # One line: the file of keys holds a text for each id.
    kept = f"{delivery} {opens:d} {request.key} {request.id} {vouched:d}"
    keys.claim(f"letter:{letter}", kept, at)


def find_first_copy(
    keys: Keys, letter: str, delivery: str, case: MailCase, outcome: Outcome
) -> FirstCopy | None:
    """What holds for this copy too, whatever it would be alone; None: nothing does. A copy that is
    vouched for counts where the first was not. A delivery that is done again after a crash is no
    copy of itself: it says the same once more, as the log may not have it.
    """
    # A stranger's mail and an answer to a page are always decided on by themselves.
    if case.sender.actor is None or isinstance(outcome, PageAnswer):
        return None
    # Any other cause holds for each copy by itself.
    if isinstance(outcome, Quarantine) and outcome.cause not in _OF_A_COPY:
        return None
    kept = keys.known(f"letter:{letter}")
    if kept is None:
        return None
    first, opens, ticket, request, vouched = kept.split(" ")
    # This very delivery, once more after a crash: it must say the same again.
    if first == delivery:
        return None
    found = FirstCopy(opens == "1", ticket, request, vouched == "1")
    # A copy that is vouched for confirms what the first one could not, so it is not passed over.
    return None if case.is_vouched_for and not found.vouched else found
