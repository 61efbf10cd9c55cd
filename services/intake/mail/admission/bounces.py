"""Mail that came back for good, or was complained about: none goes to that address any more. Pure.

A bounce's stop ends when the address's owner writes to us: the mailbox is there after all, and if
it is not, the next bounce stops it again. A complaint's stop does not: its owner said that our mail
is not wanted, and says otherwise on their account page, or an admin lifts it. Until then whoever
answers a ticket of theirs is told that no mail goes out.

Sources: RFC 3463, RFC 3464, RFC 5965.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.intake.mail.admission.evidence import MailCase
from shared.events import SYSTEM, DirectoryRecorded, MailBounced
from shared.people.folding import fold_address
from shared.people.subscriptions import Stop, record_of, stop_id

_ABOUT_THE_MESSAGE = ("5.2.2", "5.2.3", "5.3.4", "5.6.")
"""A full mailbox, or something about this one message: the next one may arrive."""
_COMPLAINTS = frozenset({"abuse", "fraud"})
"""What a person pressed a button for. `not-spam`, `virus` and `auth-failure` are about something
else.
"""


def make_stop_record(
    report: MailBounced, sent_to: str | None, now: datetime
) -> DirectoryRecorded | None:
    """The record that stops mail to `sent_to`, the address our notice went to; None where the
    report is no reason to.

    Anybody can write a report. It counts where it is proven that its writer had the notice, names
    the very address that this went to, and is a report by the standard, not guessed from a mailer's
    words. A complaint may have it struck out (RFC 6590).
    """
    # Each of these must hold: a report is easily forged, and a stop keeps all mail from a person.
    if (
        sent_to is None
        or report.notice_id is None
        or not report.proven
        or not report.standard
        or report.delayed
    ):
        return None
    address = fold_address(sent_to)
    if report.complaint:
        if report.complaint not in _COMPLAINTS:
            return None
        stop = Stop(
            email=address,
            why="complained",
            said=f"a report of {report.complaint}",
            notice=report.notice_id,
            at=now,
        )
        return record_of(stop_id(address), stop.kept(), SYSTEM, now)
    # Only where the report names the very address that our notice went to.
    for found in report.recipients:
        if (
            found.address == address
            and found.permanent
            and not found.status.startswith(_ABOUT_THE_MESSAGE)
        ):
            # Kept with the stop: who looks at it later reads why.
            said = " ".join(filter(None, (found.status, found.diagnostic)))[:300]
            stop = Stop(email=address, why="bounced", said=said, notice=report.notice_id, at=now)
            return record_of(stop_id(address), stop.kept(), SYSTEM, now)
    return None


def make_lift_record(
    case: MailCase, stop: Mapping[str, Any] | None, received_at: datetime, now: datetime
) -> DirectoryRecorded | None:
    """The record that lifts `stop` (the directory's document of the sender's address, if any); None
    where the mail is no reason to.

    It counts where the sender is proven, no machine wrote it, and it came after the stop.
    """
    # A complaint is a person's wish, so a mail of theirs does not undo it.
    if stop is None or stop.get("why") != "bounced" or case.machine or case.reading.bounce:
        return None
    # A mail from before the stop says nothing about the mailbox now.
    if not case.is_proven or received_at <= datetime.fromisoformat(str(stop["at"])):
        return None
    return record_of(stop_id(case.sender.address), None, SYSTEM, now)
