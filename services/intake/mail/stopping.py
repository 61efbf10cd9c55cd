"""Looks up what a report needs to stop mail to an address
(`services/intake/mail/admission/bounces.py` decides).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from services.intake.mail.admission.bounces import make_stop_record
from shared.errors import Unavailable
from shared.events import DirectoryRecorded, MailBounced

# After that the report stops nothing: without the address there is nobody to stop.
_VIEW_WITHIN = timedelta(seconds=30)


class SentMail(Protocol):
    """`services.intake.mail.admission.known.KnownMail`."""

    async def sent_to(self, notice: str) -> str | None: ...


async def make_stops(
    report: MailBounced, sent: SentMail | None, received_at: datetime, now: datetime
) -> list[DirectoryRecorded]:
    """The stop that `report` is a reason for, if any.

    Raises Unavailable, also for a while where the view does not know yet whom a mail of ours went
    to: what is proven was sent, and a report may be faster than the view.
    """
    if report.notice_id is None or sent is None:
        return []
    sent_to = await sent.sent_to(report.notice_id)
    # Only what is proven is waited for: anybody could send reports of mails that never were.
    if sent_to is None and report.proven and now - received_at < _VIEW_WITHIN:
        raise Unavailable("the view of notices", "it does not hold the mail that came back yet")
    stop = make_stop_record(report, sent_to, now)
    return [stop] if stop is not None else []
