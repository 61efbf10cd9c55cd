"""Intake pages by itself while Kafka is away: ops after 30 s, and whoever is on call for each urgent that waits in the spool.

Nothing of ours stands in between: the policies are those at hand, the channels are called from here. Each step is on the disk
before the next: the obligation, the try, its outcome. So a process that ends in between repeats a try under its own key, and
none without. When Kafka is back the log is told of all of it, before the tickets, and the pager goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import Counter

from services.intake.diary import Diary
from services.intake.direct import AFTER, Direct, Made, about_kafka, about_ticket, after_a_restart, event_for, newly_owed, next_try, settled
from services.intake.domain import Rules
from services.intake.draining import Write
from shared import topics
from shared.channels import CHANNELS, Accepted, Line, Outcome, Refused, Send, Summons, TryLater, Unknown
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events import Acknowledge, OpenTicket
from shared.links import ack_url
from shared.policy import OnCallPolicy
from shared.policy.on_call import Channel
from shared.wire import Record, record_for

log = structlog.get_logger()

SENT = Counter("signalbox_intake_pages_sent_total", "Pages that intake sent by itself", ["channel", "outcome"])

SOURCE = "intake"
LINK_LASTS = timedelta(days=7)
_LOOK_EVERY_S = 0.25
_WORDS: dict[type[Outcome], str] = {Accepted: "accepted", Refused: "refused", TryLater: "try-later", Unknown: "unknown"}


class Known(Protocol):
    """The policies at hand (`reference.Reference`)."""

    def rules(self) -> Rules: ...

    def on_call(self) -> OnCallPolicy | None: ...


class Waiting(Protocol):
    """The spool."""

    @property
    def directory(self) -> Path: ...

    def away_since(self) -> datetime | None: ...

    def notable(self) -> list[Record]: ...


class Paging:
    """`run` beside the spool; the spool lets it `tell` the log before it drains. `tells_ops` false: another process does."""

    def __init__(
        self,
        spool: Waiting,
        known: Known,
        line: Line,
        portal_url: str,
        clock: Clock,
        *,
        channels: Mapping[Channel, Send] = CHANNELS,
        tells_ops: Callable[[], bool] = lambda: True,
    ) -> None:
        self._spool, self._known, self._line, self._clock = spool, known, line, clock
        self._portal_url, self._channels, self._tells_ops = portal_url.rstrip("/"), channels, tells_ops
        self._pages: dict[str, Direct] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._disk = asyncio.Lock()
        self._telling = False

    async def run(self) -> None:
        """Until cancelled."""
        now = self._clock.now()
        kept = {page: after_a_restart(found, now) for page, found in Diary(self._spool.directory).read().items()}
        await self._keep(kept.values())
        try:
            while True:
                try:
                    await self._look()
                except OSError as error:
                    log.critical("pages cannot be recorded, so none is sent from here", error=str(error))
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            if self._sending:
                await asyncio.wait(self._sending.values(), timeout=3.0)

    async def tell(self, directory: Path | None, write: Write) -> None:
        """Tell the log what it has not been told: the pager goes on from there. A send under way is waited for, and none begins."""
        if directory is not None:
            await self._told(directory, Diary(directory).read(), write)
            return
        self._telling = True
        try:
            if self._sending:
                await asyncio.wait(self._sending.values())
            await self._told(self._spool.directory, self._pages, write)
        finally:
            self._telling = False

    async def _told(self, directory: Path, pages: Mapping[str, Direct], write: Write) -> None:
        now = self._clock.now()
        untold = [page for page in pages.values() if not page.told]
        if untold:
            await write([record_for(topics.URGENT.name, event_for(page, now), SOURCE) for page in untold])
            if pages is self._pages:
                await self._keep([page.model_copy(update={"told": True}) for page in untold])
        if Diary.is_left_over(directory):
            await asyncio.to_thread(Diary(directory).close, now.timestamp())

    async def _look(self) -> None:
        """Owe what is owed, and try what is due."""
        since, now = self._spool.away_since(), self._clock.now()
        if since is None or now - since < AFTER or self._telling:
            return
        policy = self._known.on_call()
        if policy is None:
            return
        await self._owe(since, policy)
        for page in list(self._pages.values()):
            if not self._telling and page.page not in self._sending and (tried := next_try(page, policy, now)) is not None:
                task = asyncio.create_task(self._try(tried, policy))
                self._sending[page.page] = task
                task.add_done_callback(lambda _, done=page.page: self._sending.pop(done, None))  # type: ignore[misc]

    async def _owe(self, since: datetime, policy: OnCallPolicy) -> None:
        try:
            rules = self._known.rules()
        except Unavailable:
            return
        spooled = [topics.read(record.value or b"", dict(record.headers).get("ce_type")) for record in self._spool.notable()]
        wanted = [about_kafka(since, policy, rules.policy.escalation, rules.stamp)] if self._tells_ops() else []
        wanted += [about_ticket(ticket, rules.policy.escalation) for ticket in spooled if isinstance(ticket, OpenTicket) and ticket.pages]
        acknowledged = {request.key for request in spooled if isinstance(request, Acknowledge)}
        heard = [
            page.model_copy(update={"acknowledged": True})
            for page in self._pages.values()
            if page.page in acknowledged and not page.acknowledged
        ]
        await self._keep([*heard, *newly_owed(wanted, {**self._pages, **{page.page: page for page in heard}})])

    async def _try(self, page: Direct, policy: OnCallPolicy) -> None:
        """Recorded, sent, its outcome recorded."""
        made = page.tries[-1]
        try:
            await self._keep([page])
            outcome = await self._send(page, made, policy)
            word = _WORDS[type(outcome)]
            SENT.labels(made.channel, word).inc()
            receipt, reason = (outcome.receipt, "") if isinstance(outcome, Accepted) else ("", outcome.reason)
            log.warning("paged directly", page=page.page, to=made.to, step=made.step, outcome=word, reason=reason)
            await self._keep([settled(self._pages[page.page], word, receipt, reason, self._clock.now())])
        except OSError as error:
            log.critical("what became of a page cannot be recorded", page=page.page, to=made.to, error=str(error))

    async def _send(self, page: Direct, made: Made, policy: OnCallPolicy) -> Outcome:
        method = next(method for method in policy.people[made.to].methods if method.name == made.method)
        ticket = f"{self._portal_url}/tickets/{page.ticket_id}" if page.ticket_id else f"{self._portal_url}/status"
        summons = Summons(
            key=made.dedup_key, purpose="page", page_id=page.page, ticket_id=page.ticket_id, subject=page.subject, requester=page.requester,
            app=page.app, person=made.to, step=made.step, round=made.round, tries=made.tries, dedup_key=made.dedup_key,
            accepted_at=page.accepted_at, ticket_url=ticket, timeout=policy.send_timeout, began=page.began,
            ack_url=ack_url(self._line.secret, self._portal_url, page.page, made.to, page.accepted_at + LINK_LASTS),
        )  # fmt: skip
        return await self._channels[method.channel](self._line, method.address, summons)

    async def _keep(self, pages: Iterable[Direct]) -> None:
        """On the disk, then in memory."""
        changed = list(pages)
        if not changed:
            return
        async with self._disk:
            await asyncio.to_thread(Diary(self._spool.directory).write, changed, self._clock.now().timestamp())
        for page in changed:
            self._pages[page.page] = page
