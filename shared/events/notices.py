"""Ordinary mail and webhooks: written by the notifier's courier only (topic `notices`), keyed by
notice.
"""

from __future__ import annotations

from typing import Literal

from shared.events.envelope import Fact, Instant


# A notice has one NoticeOwed or NoticeSuppressed, then pairs of an attempt and what came of it.
class NoticeFact(Fact):
    """A fact about notice `key`. `cause` is the fact that made it owed."""

    ticket_id: str | None = None
    notice_kind: Literal["mail", "webhook"]
    to: str
    """The mail address, or `provider:<slug>` for a webhook."""


class NoticeOwed(NoticeFact):
    """`template` names what it says, such as `ticket-received` or `ticket.assigned`."""

    type: Literal["NoticeOwed"] = "NoticeOwed"
    # Names, not texts: a text is in the outbox, or is made again from the fact that made it owed.
    template: str
    destination: str
    about: str = ""
    """The incident or maintenance it tells of, where it is news for many."""
    place: str = ""
    """As whom they were told: `1<subscription>`, `2<app>`; the courier finds them again by it."""


class NoticeAttempted(NoticeFact):
    type: Literal["NoticeAttempted"] = "NoticeAttempted"
    tries: int


class NoticeDelivered(NoticeFact):
    type: Literal["NoticeDelivered"] = "NoticeDelivered"
    tries: int
    receipt: str = ""


class NoticeFailed(NoticeFact):
    """`retry_at` is null when it is given up: a human sees it then."""

    type: Literal["NoticeFailed"] = "NoticeFailed"
    tries: int
    reason: str
    retry_at: Instant | None = None
    gone_url: str = ""
    """The webhook that answered 410 Gone: nothing more is sent there until it is enabled again."""


class NoticeSuppressed(NoticeFact):
    """It was not sent, on purpose: `reason` says why (nothing is left out silently)."""

    type: Literal["NoticeSuppressed"] = "NoticeSuppressed"
    template: str
    reason: str
