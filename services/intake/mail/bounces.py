"""Mail that came back for good, or was complained about: none goes to that address any more, until an admin lifts it. Pure.

Sources: RFC 3463, RFC 3464, RFC 5965.
"""

from __future__ import annotations

from datetime import datetime

from shared.events import SYSTEM, DirectoryRecorded, MailBounced
from shared.subscriptions import Stop, record_of, stop_id

_ABOUT_THE_MESSAGE = ("5.2.2", "5.2.3", "5.3.4", "5.6.")
"""A full mailbox, or something about this one message: the next one may arrive."""
_COMPLAINTS = frozenset({"abuse", "fraud"})
"""What a person pressed a button for. `not-spam`, `virus` and `auth-failure` are about something else."""


def stopped_by(report: MailBounced, sent_to: str | None, now: datetime) -> DirectoryRecorded | None:
    """The record that stops mail to `sent_to`, the address our notice went to; None where the report is no reason to.

    Anybody can write a report. It counts where it is proven that its writer had the notice, names the very address that this went
    to, and is a report by the standard, not guessed from a mailer's words. A complaint may have it struck out (RFC 6590).
    """
    if sent_to is None or report.notice_id is None or not report.proven or not report.standard or report.delayed:
        return None
    address = sent_to.lower()
    if report.complaint:
        if report.complaint not in _COMPLAINTS:
            return None
        stop = Stop(email=address, why="complained", said=f"a report of {report.complaint}", notice=report.notice_id, at=now)
        return record_of(stop_id(address), stop.kept(), SYSTEM, now)
    for found in report.recipients:
        if found.address == address and found.permanent and not found.status.startswith(_ABOUT_THE_MESSAGE):
            said = " ".join(filter(None, (found.status, found.diagnostic)))[:300]
            stop = Stop(email=address, why="bounced", said=said, notice=report.notice_id, at=now)
            return record_of(stop_id(address), stop.kept(), SYSTEM, now)
    return None
