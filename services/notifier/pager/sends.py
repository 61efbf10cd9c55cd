"""The pager as a process: sends are effects of the row, their outcomes come back into the loop.

A send whose outcome an earlier life of the pager did not record may have reached its person: it is
recorded as unknown and repeated with the same key. A send that was still waiting for a slot when
its page ended is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from prometheus_client import Counter, Histogram

from services.notifier.pager import handlers
from services.notifier.pager.codes import WORDS, Checker, CheckSend, checks_owed
from services.notifier.pager.handlers import SendAttempt, list_owed
from services.notifier.pager.row import Lane
from services.notifier.pager.rules import Rulebook
from shared.channels import (
    CHANNELS,
    Accepted,
    ChannelContext,
    Outcome,
    PageMessage,
    Rejected,
    Unknown,
)
from shared.events import AttemptOutcome, ContactCheckStarted, Fact, PageAttempted
from shared.ids import derive, lane_of
from shared.policy.on_call.document import OnCallPolicy
from shared.signed.links import ack_url
from shared.spine.work import Work

# The link in a page; a page older than this is answered in the portal.
LINK_LASTS = timedelta(days=7)

SENT = Counter("signalbox_pages_sent_total", "Sends by channel and outcome", ["channel", "outcome"])
# Seconds: fine where a page should be, one bucket for all that is too late.
TOOK = Histogram(
    "signalbox_page_latency_seconds",
    "From the ticket's acceptance to the first receipt",
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15),
)


def about_url(ticket: str) -> str:
    """Where a page's matter is read: a ticket, or the incident that a monitor's alert drafted."""
    return f"/ops/incidents/{ticket}" if ticket.startswith("inc_") else f"/tickets/{ticket}"


class Pager:
    """What the worker needs at hand: the rules in force, the lines out, and what this process
    itself has recorded.
    """

    def __init__(self, rulebook: Rulebook, line: ChannelContext, portal_url: str) -> None:
        self._rulebook, self._line, self._portal_url = rulebook, line, portal_url.rstrip("/")
        self._checker = Checker(rulebook, line)
        self._recorded: set[str] = set()
        # The newest row decides whether a send that waits for a slot is still wanted.
        self._owed: dict[str, dict[str, SendAttempt]] = {}

    def work(self) -> Work[Lane]:
        pure = handlers.work(lambda _: self._rulebook.rules())
        assert pure.fire is not None
        decide, fire = pure.decide, pure.fire
        return replace(
            # `_note` remembers what this process recorded itself, so that sends of an earlier one
            # can be told apart.
            pure,
            decide=lambda lane, event, now: self._note(decide(lane, event, now)),
            fire=lambda lane, now: self._note(fire(lane, now)),
            effects=self.effects,
            perform=self.perform,
            documents=self._rulebook.changes,
        )

    def effects(self, lane: Lane) -> Sequence[SendAttempt | CheckSend]:
        """Also notes what the newest row owes, for sends that are still waiting for a slot."""
        sends = list_owed(lane)
        if lane.pages:
            key = lane_of(next(iter(lane.pages)))
            # The lane's entry is replaced as a whole: a send that is no longer owed must not stay.
            self._owed.pop(key, None)
            if sends:
                self._owed[key] = {send.id: send for send in sends}
        return [*sends, *checks_owed(lane)]

    async def perform(self, send: SendAttempt | CheckSend) -> AttemptOutcome:
        # Codes for one's own method have their own sender.
        if isinstance(send, CheckSend):
            is_ours = send.check.id in self._recorded
            self._recorded.discard(send.check.id)
            return await self._checker.perform(send, is_ours=is_ours)
        newest = self._owed.get(lane_of(send.page.id), {}).get(send.id)
        outcome: Outcome
        # An earlier process recorded it and may have sent it: nobody knows, so it is tried again.
        if send.id not in self._recorded:
            outcome = Unknown("the pager ended before it could record the outcome of this send")
        elif newest is None or not newest.wanted:
            # The page ended while the send waited for its slot.
            outcome = Rejected("not sent: the page had ended")
        else:
            outcome = await self._send(newest)
        # Remembered once: a repeat of this very send is unknown again.
        self._recorded.discard(send.id)
        attempt, word = send.attempt, WORDS[type(outcome)]
        now = self._line.now()
        SENT.labels(attempt.channel, word).inc()
        # Only the first try of the first step tells how fast people are reached.
        if isinstance(outcome, Accepted) and (attempt.step, attempt.round, attempt.purpose) == (
            1,
            0,
            "page",
        ):
            TOOK.observe((now - send.page.accepted_at).total_seconds())
        return AttemptOutcome(
            # The id names the try, so a second outcome of it is a repeat.
            id=derive("out", attempt.id, str(attempt.tries)),
            key=lane_of(send.page.id),
            at=now,
            page=send.page.id,
            attempt=attempt.id,
            tries=attempt.tries,
            outcome=word,
            receipt=outcome.receipt if isinstance(outcome, Accepted) else "",
            reason="" if isinstance(outcome, Accepted) else outcome.reason,
        )

    async def _send(self, send: SendAttempt) -> Outcome:
        policy, attempt = self._rulebook.rules().on_call, send.attempt
        person = policy.people.get(attempt.to)
        # Looked up now and not when it was recorded: the method may have been removed since.
        method = (
            next((m for m in person.methods if m.name == attempt.method and m.verified), None)
            if person
            else None
        )
        if method is None:
            return Rejected(
                f"{attempt.to} has no verified contact method {attempt.method!r} any more"
            )
        return await CHANNELS[method.channel](
            self._line, method.address, self._summons(policy, send)
        )

    def _summons(self, policy: OnCallPolicy, send: SendAttempt) -> PageMessage:
        page, attempt = send.page, send.attempt
        return PageMessage(
            # The far side knows a page by its dedup key; a stand-down must not look like a repeat
            # of it.
            key=attempt.dedup_key
            if attempt.purpose == "page"
            else f"{attempt.dedup_key}.{attempt.purpose}",
            purpose=attempt.purpose,
            page_id=page.id,
            ticket_id=page.ticket_id,
            subject=page.subject,
            requester=page.requester,
            app=page.app,
            person=attempt.to,
            step=attempt.step,
            round=attempt.round,
            tries=attempt.tries,
            dedup_key=attempt.dedup_key,
            accepted_at=page.accepted_at,
            ack_url=ack_url(
                self._line.secret,
                self._portal_url,
                page.id,
                attempt.to,
                page.accepted_at + LINK_LASTS,
            ),
            ticket_url=self._portal_url
            + (f"/pages/{page.id}" if page.test_of else about_url(page.ticket_id)),
            timeout=policy.send_timeout,
            began=page.began,
            is_test=bool(page.test_of),
        )

    def _note(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        self._recorded |= {
            f"{fact.attempt}:{fact.tries}" for fact in facts if isinstance(fact, PageAttempted)
        }
        self._recorded |= {fact.check for fact in facts if isinstance(fact, ContactCheckStarted)}
        return facts
