"""The pager's row: a lane with its pages, their attempts and obligations, and when something of it
is due. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.events import AlertEpisode, Instant, Value
from shared.policy.on_call.document import Channel
from shared.spine.rows import Row


class PageState(StrEnum):
    """`silenced`: a maintenance covers everything the page still owes; it goes on when that is over
    (`silence.py`).
    """

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    CANCELLED = "cancelled"
    RESOLVED = "resolved"


class AttemptState(StrEnum):
    """`owed`: recorded, no outcome yet. `waiting`: to be tried again at `retry_at`. `over`: given
    up or refused.
    """

    OWED = "owed"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    OVER = "over"


class Attempt(Value):
    """One contact method tried for one step. `doubtful`: a try of it may have reached them without
    a receipt.
    """

    id: str
    step: int
    round: int
    to: str
    channel: Channel
    method: str
    dedup_key: str
    purpose: Literal["page", "stand-down"]
    tries: int
    sending: AttemptState = AttemptState.OWED
    doubtful: bool = False
    retry_at: Instant | None = None

    @property
    def is_pending(self) -> bool:
        return self.sending in (AttemptState.OWED, AttemptState.WAITING)


class Page(Value):
    """`obligations` are those still owed; `by` is who ended or acknowledged it; `next_at` when the
    next step begins.

    `reopens_at`: when an acknowledged one is opened again. `touches`: obligation → the components
    its alert is about; `muted`: obligation → the maintenances that silence it. `base`: the round in
    which its present course began. `kept_until`: it owes nothing and stays until then, because its
    alert begins and ends again and again. `about_alerts`: an alert opened it. `test_of`: the one
    person whom a test page calls.
    """

    id: str
    ticket_id: str
    subject: str
    requester: str
    app: str | None
    escalation: str
    accepted_at: Instant
    state: PageState = PageState.OPEN
    by: str = ""
    step: int = 0
    round: int = 0
    next_at: Instant | None = None
    obligations: tuple[str, ...]
    attempts: dict[str, Attempt] = Field(default_factory=dict)
    began: str = ""
    reopens_at: Instant | None = None
    touches: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    muted: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    base: int = 0
    kept_until: Instant | None = None
    about_alerts: bool = False
    test_of: str = ""

    @property
    def is_alive(self) -> bool:
        return self.state not in (PageState.CANCELLED, PageState.RESOLVED)

    def is_muted(self, more: Collection[str] = ()) -> bool:
        """A maintenance silences each thing that it still owes; or would, were `more` of them
        silent.
        """
        return bool(self.obligations) and all(
            owed in self.muted or owed in more for owed in self.obligations
        )


class Check(Value):
    """A code that is to be sent to a contact method, and has no outcome yet. `id` is that of the
    request.
    """

    id: str
    person: str
    method: str
    asked_at: Instant
    version: int


class Lane(Row):
    """`tombstones`: taken back before they were asked for. `settled`: no longer owed, nothing will
    come of them again. `alerts`: the last episode of each alert, by the alert's name.

    The lane of a person's contact methods has no pages, only `checks`.
    """

    pages: dict[str, Page] = Field(default_factory=dict)
    tombstones: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    checks: dict[str, Check] = Field(default_factory=dict)
    alerts: dict[str, AlertEpisode] = Field(default_factory=dict)

    def open_page(self) -> Page | None:
        """The page nobody has acknowledged: a lane has two only where one was opened again."""
        return next((page for page in self.pages.values() if page.state is PageState.OPEN), None)

    def silenced_page(self) -> Page | None:
        """The page that waits for the end of a maintenance."""
        return next(
            (page for page in self.pages.values() if page.state is PageState.SILENCED), None
        )

    def page_of(self, obligation: str) -> Page | None:
        """The page that still owes `obligation`."""
        return next((page for page in self.pages.values() if obligation in page.obligations), None)


def due_at(lane: Lane) -> datetime | None:
    """The earliest escalation or retry."""
    return min((at for page in lane.pages.values() for at in _instants(page)), default=None)


def _instants(page: Page) -> Iterator[datetime]:
    if page.next_at is not None:
        yield page.next_at
    if page.reopens_at is not None:
        yield page.reopens_at
    if page.kept_until is not None:
        yield page.kept_until
    for attempt in page.attempts.values():
        if attempt.retry_at is not None:
            yield attempt.retry_at
