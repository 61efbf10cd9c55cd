"""Intake pages by itself while Kafka is away: ops after 30 s, and whoever is on call for each
urgent that waits in the spool. And ops, wherever Kafka is, when its own disk is in trouble for 10
s: the pager on that disk may not run.

Nothing of ours stands in between: the policies are those at hand, the channels are called from
here. Each step is on the disk before the next: the obligation, the try, its outcome. So a process
that ends in between repeats a try under its own key, and none without. When Kafka is back the log
is told of all of it, before the tickets, and the pager goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import Counter

from services.intake.domain import DeskRules
from services.intake.outage.decisions import (
    AFTER,
    ContactTry,
    OutagePage,
    about_kafka,
    about_ticket,
    after_a_restart,
    event_for,
    find_changed_pages,
    next_try,
    settle_try,
)
from services.intake.outage.disk_episode import DiskEpisode, about_disk, list_unresolved_disk_pages
from services.intake.outage.journal import PageLog
from services.intake.outage.summoning import summons_for
from services.intake.spool.draining import Write
from shared import topics
from shared.channels import (
    CHANNELS,
    Accepted,
    ChannelContext,
    Outcome,
    Rejected,
    Send,
    TryLater,
    Unknown,
)
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events import Acknowledge, OpenTicket
from shared.policy import OnCallPolicy
from shared.policy.on_call.document import Channel
from shared.wire import Record, record_for

log = structlog.get_logger()

SENT = Counter(
    "signalbox_intake_pages_sent_total", "Pages that intake sent by itself", ["channel", "outcome"]
)

SOURCE = "intake"
_LOOK_EVERY_S = 0.25
# The channels' outcomes as the words that the log and the metrics use. All four must be there.
_WORDS: dict[type[Outcome], str] = {
    Accepted: "accepted",
    Rejected: "refused",
    TryLater: "try-later",
    Unknown: "unknown",
}


class PolicySource(Protocol):
    """The policies at hand (`reference.Reference`)."""

    def rules(self) -> DeskRules: ...

    def on_call(self) -> OnCallPolicy | None: ...


class SpoolState(Protocol):
    """The spool."""

    @property
    def directory(self) -> Path: ...

    def away_since(self) -> datetime | None: ...

    def notable(self) -> list[Record]: ...


def _mark_over(pages: Iterable[OutagePage], now: datetime) -> dict[str, OutagePage]:
    return {page.page: page.model_copy(update={"over_at": now}) for page in pages}


class Disk(Protocol):
    """What is known of the disk (`disk_watch.DiskWatch`)."""

    @property
    def is_well(self) -> bool: ...

    def due(self) -> DiskEpisode | None: ...


class Paging:
    """`run` beside the spool; the spool lets it `tell` the log before it drains. `tells_ops` false:
    another process does. `node` names this machine.
    """

    def __init__(
        self,
        spool: SpoolState,
        known: PolicySource,
        line: ChannelContext,
        portal_url: str,
        clock: Clock,
        *,
        channels: Mapping[Channel, Send] = CHANNELS,
        tells_ops: Callable[[], bool] = lambda: True,
        watch: Disk | None = None,
        node: str = "this machine",
    ) -> None:
        self._spool, self._known, self._line, self._clock = spool, known, line, clock
        self._portal_url, self._channels, self._tells_ops = (
            portal_url.rstrip("/"),
            channels,
            tells_ops,
        )
        self._watch, self._node = watch, node
        self._pages: dict[str, OutagePage] = {}
        # What the disk did not take yet, by page.
        self._unwritten: dict[str, OutagePage] = {}
        # The send that is under way, by page: at most one.
        self._sending: dict[str, asyncio.Task[None]] = {}
        # Guards the file: one writer at a time.
        self._disk = asyncio.Lock()
        # Guards the states: what is owed is worked out from a state that nobody changes meanwhile.
        self._changing = asyncio.Lock()
        self._telling = False

    async def run(self) -> None:
        """Until cancelled."""
        now = self._clock.now()
        try:
            kept = PageLog(self._spool.directory).read()
        except OSError as error:
            # Paging matters more than its memory: a page may be sent a second time under its key.
            log.critical("the diary of pages cannot be read", error=str(error))
            kept = {}
        # Sends without an outcome become unknown ones, and are repeated.
        await self._keep(after_a_restart(found, now) for found in kept.values())
        try:
            while True:
                await self._look()
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            # A send under way gets a moment to record its outcome.
            if self._sending:
                await asyncio.wait(self._sending.values(), timeout=3.0)

    async def tell(self, directory: Path | None, write: Write) -> None:
        """Tell the log what it has not been told: the pager goes on from there. A send under way is
        waited for, and none begins.
        """
        if directory is not None:
            await self._tell_log(directory, PageLog(directory).read(), write)
            return
        # From here on no new send begins.
        self._telling = True
        try:
            # The log must be told the outcome, or the pager would send once more.
            if self._sending:
                await asyncio.wait(self._sending.values())
            async with self._changing:
                await self._tell_log(self._spool.directory, self._pages, write)
        finally:
            self._telling = False

    async def _tell_log(
        self, directory: Path, pages: Mapping[str, OutagePage], write: Write
    ) -> None:
        now, is_own = self._clock.now(), pages is self._pages
        if not is_own:  # nobody watches any more for the process that left them
            standing = list_unresolved_disk_pages(pages.values())
            pages = {**pages, **_mark_over(standing, now)}
        # In one write, before any ticket: the pager takes over what is open.
        untold = [page for page in pages.values() if page.is_news]
        if untold:
            await write(
                [record_for(topics.URGENT.name, event_for(page, now), SOURCE) for page in untold]
            )
        # Marked only now: a write that failed is told again whole.
        if is_own:
            await self._keep(
                page.model_copy(update={"told": True, "over_told": page.over_at is not None})
                for page in untold
            )
            if list_unresolved_disk_pages(pages.values()):
                return  # after a restart it must still be known whose end is to be told
        # The diary has done its work; until it is put aside a restart would tell it all again.
        if PageLog.is_left_over(directory):
            try:
                await asyncio.to_thread(PageLog(directory).close, now.timestamp())
            except OSError as error:  # it is read again, and the log was told of all of it
                log.warning("the diary of pages cannot be put aside", error=str(error))

    async def _look(self) -> None:
        """Owe what is owed, and try what is due."""
        since, now = self._spool.away_since(), self._clock.now()
        # A short absence is Kafka's daily life: nobody is woken for it.
        if since is not None and now - since < AFTER:
            since = None
        disk = self._watch.due() if self._watch else None
        policy = self._known.on_call()
        async with self._changing:
            # First what is over: nobody may be called about a disk that is well.
            await self._note_recovery(now)
            # Without policies nobody knows who to call, and while the log is told no send may
            # begin.
            if (since is None and disk is None) or self._telling or policy is None:
                return
            await self._owe(since, disk, policy)
        # A copy of the list: tasks change the dict on the way.
        for page in list(self._pages.values()):
            if (
                not self._telling
                and page.page not in self._sending
                and (tried := next_try(page, policy, now)) is not None
            ):
                # Each in a task of its own: one slow channel must not hold up another person's
                # call.
                task = asyncio.create_task(self._try(tried, policy))
                self._sending[page.page] = task
                task.add_done_callback(lambda _, done=page.page: self._sending.pop(done, None))  # type: ignore[misc]

    async def _note_recovery(self, now: datetime) -> None:
        """The disk is well: nobody is called about it any more, and the log is told so."""
        if self._watch is None or not self._watch.is_well:
            return
        standing = list_unresolved_disk_pages(self._pages.values())
        await self._keep(
            page
            for page in _mark_over(standing, now).values()
            if page.page not in self._sending  # first its outcome
        )

    async def _owe(
        self, since: datetime | None, disk: DiskEpisode | None, policy: OnCallPolicy
    ) -> None:
        """`since`: so long Kafka has been away; None: it has not. `disk`: the trouble to page
        for.
        """
        try:
            rules = self._known.rules()
        except Unavailable:
            # No desk policy was read yet, so nobody knows who to page.
            return
        known = self._pages.values()
        wanted: list[OutagePage] = []
        # One standing page about the disk is enough, and one process of the machine sends it.
        if disk is not None and not list_unresolved_disk_pages(known) and self._tells_ops():
            wanted.append(
                about_disk(disk, self._node, known, policy, rules.policy.escalation, rules.stamp)
            )
        heard: list[OutagePage] = []
        # Kafka is away: ops, then everybody on call for the urgents that wait here.
        if since is not None:
            if self._tells_ops():
                wanted.append(about_kafka(since, policy, rules.policy.escalation, rules.stamp))
            spooled = [
                topics.read(record.value or b"", dict(record.headers).get("ce_type"))
                for record in self._spool.notable()
            ]
            wanted += [
                about_ticket(ticket, rules.policy.escalation)
                for ticket in spooled
                if isinstance(ticket, OpenTicket) and ticket.pages
            ]
            # Acknowledged through the link while Kafka is away: stop calling.
            acknowledged = {request.key for request in spooled if isinstance(request, Acknowledge)}
            heard = [
                page.model_copy(update={"acknowledged": True})
                for page in known
                if page.page in acknowledged and not page.acknowledged
            ]
        await self._keep(
            [
                *heard,
                *find_changed_pages(wanted, {**self._pages, **{page.page: page for page in heard}}),
            ]
        )

    async def _try(self, page: OutagePage, policy: OnCallPolicy) -> None:
        """Recorded, sent, its outcome recorded."""
        made = page.tries[-1]
        # On the disk before it is sent: a crash in between repeats it under its key.
        await self._keep([page])
        outcome = await self._send(page, made, policy)
        word = _WORDS[type(outcome)]
        SENT.labels(made.channel, word).inc()
        receipt, reason = (
            (outcome.receipt, "") if isinstance(outcome, Accepted) else ("", outcome.reason)
        )
        log.warning(
            "paged directly",
            page=page.page,
            to=made.to,
            step=made.step,
            outcome=word,
            reason=reason,
        )
        # From `_pages` and not from `page`: others may have joined it meanwhile.
        await self._keep(
            [settle_try(self._pages[page.page], word, receipt, reason, self._clock.now())]
        )

    async def _send(self, page: OutagePage, made: ContactTry, policy: OnCallPolicy) -> Outcome:
        method = next(
            method for method in policy.people[made.to].methods if method.name == made.method
        )
        summons = summons_for(page, made, policy, self._line.secret, self._portal_url)
        return await self._channels[method.channel](self._line, method.address, summons)

    async def _keep(self, pages: Iterable[OutagePage]) -> None:
        """On the disk, then in memory. A disk that takes nothing stops no page: it is kept in
        memory alone, and written with the next that the disk takes. A restart in between may send a
        page again, under its own key.
        """
        changed = {page.page: page for page in pages}
        if not changed:
            return
        async with self._disk:
            unwritten = {**self._unwritten, **changed}
            try:
                await asyncio.to_thread(
                    PageLog(self._spool.directory).write,
                    unwritten.values(),
                    self._clock.now().timestamp(),
                )
                self._unwritten = {}
            except OSError as error:
                self._unwritten = unwritten
                log.critical(
                    "pages cannot be recorded on the disk; they are sent all the same",
                    pages=sorted(changed),
                    error=str(error),
                )
        self._pages.update(changed)
