"""The pager as a worker of the spine: decisions from domain.py, sends as effects of the row, outcomes back into the loop.

A send whose outcome an earlier life of the pager did not record may have reached its person: it is recorded as unknown and
repeated with the same key. A send that was still waiting for a slot when its page ended is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter, Histogram

from services.notifier import domain
from services.notifier.pager_codes import WORDS, Checker, CheckSend, checks_owed
from services.notifier.pager_lane import Attempt, Lane, Page, Sending, State, due_at, evolve
from services.notifier.pager_rules import Rulebook
from shared.channels import CHANNELS, Accepted, Line, Outcome, Refused, Summons, Unknown
from shared.events import AttemptOutcome, ContactCheckStarted, Event, PageAttempted, PageFact
from shared.ids import derive, lane_of
from shared.links import ack_url
from shared.policy.on_call import OnCallPolicy
from shared.work import Effect, Work

NAME = "pager"
LINK_LASTS = timedelta(days=7)

SENT = Counter("signalbox_pages_sent_total", "Sends by channel and outcome", ["channel", "outcome"])
TOOK = Histogram(
    "signalbox_page_latency_seconds", "From the ticket's acceptance to the first receipt", buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15)
)


@dataclass(frozen=True)
class Send(Effect):
    """One try of one attempt. `wanted`: its page is still open (or it is a stand-down)."""

    page: Page
    attempt: Attempt
    wanted: bool


def owed(lane: Lane) -> list[Send]:
    """The sends that are recorded and have no outcome."""
    return [
        Send(
            id=f"{attempt.id}:{attempt.tries}", destination=f"{attempt.channel}:{attempt.to}/{attempt.method}", page=page,
            attempt=attempt, wanted=attempt.purpose == "stand-down" or page.state is State.OPEN,
        )
        for page in lane.pages.values()
        for attempt in page.attempts.values()
        if attempt.sending is Sending.OWED
    ]  # fmt: skip


def about_url(ticket: str) -> str:
    """Where a page's matter is read: a ticket, or the incident that a monitor's alert drafted."""
    return f"/ops/incidents/{ticket}" if ticket.startswith("inc_") else f"/tickets/{ticket}"


class Pager:
    """What the worker needs at hand: the rules in force, the lines out, and what this process itself has recorded."""

    def __init__(self, rulebook: Rulebook, line: Line, portal_url: str) -> None:
        self._rulebook, self._line, self._portal_url = rulebook, line, portal_url.rstrip("/")
        self._checker = Checker(rulebook, line)
        self._recorded: set[str] = set()
        self._owed: dict[str, dict[str, Send]] = {}

    def work(self) -> Work[Lane]:
        return Work(
            name=NAME, input="page-inbox", outputs=("pages",), row=Lane, decide=self.decide, evolve=evolve, due_at=due_at,
            fire=self.fire, effects=self.effects, perform=self.perform,
        )  # fmt: skip

    def decide(self, lane: Lane | None, event: Event, now: datetime) -> Sequence[PageFact]:
        return self._noted(domain.decide(lane, event, self._rulebook.rules(), now))

    def fire(self, lane: Lane, now: datetime) -> Sequence[PageFact]:
        return self._noted(domain.fire(lane, self._rulebook.rules(), now))

    def effects(self, lane: Lane) -> Sequence[Send | CheckSend]:
        """Also notes what the newest row owes, for sends that are still waiting for a slot."""
        sends = owed(lane)
        if lane.pages:
            key = lane_of(next(iter(lane.pages)))
            self._owed.pop(key, None)
            if sends:
                self._owed[key] = {send.id: send for send in sends}
        return [*sends, *checks_owed(lane)]

    async def perform(self, send: Send | CheckSend) -> AttemptOutcome:
        if isinstance(send, CheckSend):
            is_ours = send.check.id in self._recorded
            self._recorded.discard(send.check.id)
            return await self._checker.perform(send, is_ours=is_ours)
        newest = self._owed.get(lane_of(send.page.id), {}).get(send.id)
        outcome: Outcome
        if send.id not in self._recorded:
            outcome = Unknown("the pager ended before it could record the outcome of this send")
        elif newest is None or not newest.wanted:
            outcome = Refused("not sent: the page had ended")
        else:
            outcome = await self._send(newest)
        self._recorded.discard(send.id)
        attempt, word = send.attempt, WORDS[type(outcome)]
        now = self._line.now()
        SENT.labels(attempt.channel, word).inc()
        if isinstance(outcome, Accepted) and (attempt.step, attempt.round, attempt.purpose) == (1, 0, "page"):
            TOOK.observe((now - send.page.accepted_at).total_seconds())
        return AttemptOutcome(
            id=derive("out", attempt.id, str(attempt.tries)), key=lane_of(send.page.id), at=now, page=send.page.id,
            attempt=attempt.id, tries=attempt.tries, outcome=word,
            receipt=outcome.receipt if isinstance(outcome, Accepted) else "",
            reason="" if isinstance(outcome, Accepted) else outcome.reason,
        )  # fmt: skip

    async def _send(self, send: Send) -> Outcome:
        policy, attempt = self._rulebook.rules().on_call, send.attempt
        person = policy.people.get(attempt.to)
        method = next((m for m in person.methods if m.name == attempt.method and m.verified), None) if person else None
        if method is None:
            return Refused(f"{attempt.to} has no verified contact method {attempt.method!r} any more")
        return await CHANNELS[method.channel](self._line, method.address, self._summons(policy, send))

    def _summons(self, policy: OnCallPolicy, send: Send) -> Summons:
        page, attempt = send.page, send.attempt
        return Summons(
            key=attempt.dedup_key if attempt.purpose == "page" else f"{attempt.dedup_key}.{attempt.purpose}", purpose=attempt.purpose,
            page_id=page.id, ticket_id=page.ticket_id, subject=page.subject, requester=page.requester, app=page.app, person=attempt.to,
            step=attempt.step, round=attempt.round, tries=attempt.tries, dedup_key=attempt.dedup_key, accepted_at=page.accepted_at,
            ack_url=ack_url(self._line.secret, self._portal_url, page.id, attempt.to, page.accepted_at + LINK_LASTS),
            ticket_url=self._portal_url + about_url(page.ticket_id), timeout=policy.send_timeout,
            began=page.began,
        )  # fmt: skip

    def _noted(self, facts: Sequence[PageFact]) -> Sequence[PageFact]:
        self._recorded |= {f"{fact.attempt}:{fact.tries}" for fact in facts if isinstance(fact, PageAttempted)}
        self._recorded |= {fact.check for fact in facts if isinstance(fact, ContactCheckStarted)}
        return facts
