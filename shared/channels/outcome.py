"""What a channel can say of one send, and what it is given to send. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Accepted:
    """The far side took it; `receipt` is what it said, cut short."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It never will: nothing was delivered, and a repeat would be refused as well. `gone`: the far
    side wants nothing more at this address.
    """

    reason: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing was delivered this time. `after`: how long the far side asks us to wait."""

    reason: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been delivered: the answer did not come in time after sending."""

    reason: str


# Four, because a pager must know two things: may it be tried again, and was somebody perhaps woken.
Outcome = Accepted | Rejected | TryLater | Unknown


@dataclass(frozen=True, slots=True)
class PageMessage:
    """One page, or stand-down, to one person; or a `code` that they prove a contact method with
    (`verify`: it is about no page).

    `key` is the idempotency key of this very message.

    `dedup_key` names the step of the page (a stand-down has that of the page it takes back),
    `ack_url` works without login.
    """

    key: str
    purpose: Literal["page", "stand-down", "verify"]
    page_id: str
    ticket_id: str
    subject: str
    requester: str
    app: str | None
    person: str
    step: int
    round: int
    tries: int
    dedup_key: str
    accepted_at: datetime
    ack_url: str
    ticket_url: str
    timeout: timedelta
    began: str = ""
    code: str = ""
    is_test: bool = False
    """A test page: nothing is wrong, and whoever gets it is to acknowledge it."""


def shorten(text: str, limit: int = 200) -> str:
    """One line of what the far side said, for the log."""
    return " ".join(text.split())[:limit]
