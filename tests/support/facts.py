"""Facts as the router, sla and pager would write them, for tests of whoever reads them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import events as e
from shared.ids import derive, obligation_id, page_id

BEGAN = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
POLICY = {"default": 1}


def stamped(facts: Sequence[e.Fact], key: str, first_seq: int = 1, cause: str = "") -> list[Any]:
    """As the spine stamps them."""
    return [
        fact.model_copy(
            update={
                "key": key,
                "seq": seq,
                "id": derive("fct", key, fact.type, str(seq)),
                "cause": fact.cause or cause,
            }
        )
        for seq, fact in enumerate(facts, first_seq)
    ]


class Ticket:
    """The facts of one ticket, growing: `opened()` first, then what happens; every call gives the
    new facts, stamped.
    """

    def __init__(
        self,
        name: str,
        requester: str = "rae@example.com",
        *,
        at: datetime = BEGAN,
        plan: e.Plan = e.Plan.PREMIUM,
    ) -> None:
        self.id, self.requester, self.at, self.plan = derive("tkt", name), requester, at, plan
        self.provider: str | None = None
        self.participants: tuple[str, ...] = (requester,)
        self._seq, self._clock_seq = itertools.count(1), itertools.count(1)

    def request(self, what: str = "open") -> str:
        return derive("req", self.id, what)

    def opened(
        self,
        subject: str = "It is down",
        *,
        body: str = "Since noon.",
        first: bool = False,
        priority: e.Priority = e.Priority.NORMAL,
        queue: str = "platform",
        app: str | None = "shop",
    ) -> list[Any]:
        kind, _, slug = queue.partition(":")
        self.provider = slug if kind == "provider" else None
        return self._add(
            "open",
            e.TicketOpened(
                at=self.at,
                by=self.requester,
                policy=POLICY,
                subject=subject,
                body=body,
                requester=self.requester,
                plan=self.plan,
                app=app,
                lane="lane_x",
                first=first,
            ),
            e.PrioritySet(
                at=self.at,
                by="system",
                policy=POLICY,
                requested=priority,
                priority=priority,
                plan=self.plan,
                opened_at=self.at,
                lane="lane_x",
                trail=(e.RuleTried(rule="plan_may_not_choose", matched=False),),
            ),
            e.TicketRouted(
                at=self.at,
                by="system",
                policy=POLICY,
                queue=queue,
                trail=(e.RuleTried(rule="addon_named", matched=True),),
            ),
        )

    def suggested(self, provider: str) -> list[Any]:
        return self._add(
            "open",
            e.ProviderSuggested(
                at=self.at, by="system", policy=POLICY, provider=provider, because=("its name",)
            ),
        )

    def queue_suggested(self, queue: str = "csa") -> list[Any]:
        return self._add(
            "open",
            e.QueueSuggested(
                at=self.at,
                by="system",
                policy=POLICY,
                queue=queue,
                because=("asks for advice: how many",),
                confidence=0.5,
            ),
        )

    def queue_dismissed(self, queue: str = "csa") -> list[Any]:
        return self._add(
            "dismiss",
            e.QueueSuggestionDismissed(
                at=self._later(), by="agent@example.com", policy=POLICY, queue=queue
            ),
        )

    def assigned(self, provider: str | None) -> list[Any]:
        previous, self.provider = self.provider, provider
        return self._add(
            f"assign {provider}",
            e.TicketAssigned(
                at=self._later(),
                by="agent@example.com",
                policy=POLICY,
                queue=f"provider:{provider}" if provider else "platform",
                provider=provider,
                previous=previous,
                subject="",
                requester=self.requester,
                participants=self.participants,
                priority=e.Priority.NORMAL,
            ),
        )

    def replied(
        self, body: str, author: str, side: Any, audience: e.Audience = e.Audience.EVERYONE
    ) -> list[Any]:
        return self._add(
            body,
            e.ReplyAdded(
                at=self._later(),
                by=author,
                policy=POLICY,
                author=author,
                side=side,
                audience=audience,
                via=e.Via.API,
                body=body,
                status="pending" if side != "customer" else "open",
                subject="",
                requester=self.requester,
                participants=self.participants,
                provider=self.provider,
                priority=e.Priority.NORMAL,
            ),
        )

    def noted(self, body: str) -> list[Any]:
        return self._add(
            body,
            e.NoteAdded(
                at=self._later(),
                by="agent@example.com",
                policy=POLICY,
                author="agent@example.com",
                via=e.Via.WEB,
                body=body,
            ),
        )

    def reviewed(self, priority: e.Priority) -> list[Any]:
        return self._add(
            f"review {priority}",
            e.PriorityReviewed(
                at=self._later(),
                by="agent@example.com",
                policy=POLICY,
                previous=e.Priority.NORMAL,
                priority=priority,
                reason="as it is",
                plan=self.plan,
                lane="lane_x",
            ),
        )

    def solved(self) -> list[Any]:
        return self._add(
            "solve",
            e.TicketSolved(
                at=self._later(),
                by="agent@example.com",
                policy=POLICY,
                resolution="done",
                side="staff",
                subject="",
                requester=self.requester,
                lane="lane_x",
            ),
        )

    def reopened(self, by: str) -> list[Any]:
        """Again open, as whoever solved it (staff) or the customer's side asked."""
        return self._add(
            "reopen",
            e.TicketReopened(
                at=self._later(),
                by=by,
                policy=POLICY,
                side="customer" if by == self.requester else "staff",
                subject="",
                requester=self.requester,
                priority=e.Priority.NORMAL,
            ),
        )

    def refused(self, code: str = "not-allowed") -> list[Any]:
        fact = e.RequestRefused(
            at=self._later(),
            by=self.requester,
            policy=POLICY,
            request_type="Solve",
            code=code,
            reason="It is not.",
        )
        return self._add(code, fact)

    def clock_started(self, within: timedelta = timedelta(hours=4)) -> list[Any]:
        return self._clock(
            e.ClockStarted(
                at=self.at,
                policy=POLICY,
                clock="initial-response",
                calendar="always",
                target=within,
                started_at=self.at,
                due_at=self.at + within,
                plan=self.plan,
                priority=e.Priority.NORMAL,
            )
        )

    def clock_met(self) -> list[Any]:
        at = self._later()
        return self._clock(
            e.ClockMet(
                at=at,
                policy=POLICY,
                clock="initial-response",
                met_at=at,
                due_at=self.at,
                by="agent@example.com",
                cause="fct_x",
            )
        )

    def clock_breached(self, due_at: datetime) -> list[Any]:
        fact = e.ClockBreached(
            at=due_at,
            policy=POLICY,
            clock="initial-response",
            due_at=due_at,
            detected_at=due_at,
            cause="tmr_x",
        )
        return self._clock(fact)

    def asked(self, what: str, by: str | None = None) -> e.AddReply:
        """A request of topic `requests`, whose fact is the one made under the same word."""
        actor = e.Actor(email=by or self.requester)
        return e.AddReply(
            id=self.request(what), key=self.id, at=self.at, actor=actor, policy=POLICY, body=what
        )

    def _add(self, what: str, *facts: e.Fact) -> list[Any]:
        return [stamped([fact], self.id, next(self._seq), self.request(what))[0] for fact in facts]

    def _clock(self, fact: e.Fact) -> list[Any]:
        return stamped([fact], self.id, next(self._clock_seq), fact.cause or "fct_of_ticket")

    def _later(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


def page_facts(ticket: str, lane: str = "lane_x", *, at: datetime = BEGAN) -> list[Any]:
    """Opened, escalated to step 0, attempted, accepted, acknowledged."""
    obligation = obligation_id(ticket, "req_x")
    page = page_id(lane, obligation)
    attempt = derive("att", page)
    return stamped(
        [
            e.PageOpened(
                at=at,
                page=page,
                ticket_id=ticket,
                obligation=obligation,
                request_id="req_x",
                subject="It is down",
                requester="rae@example.com",
                escalation="support",
                accepted_at=at,
                policy=POLICY,
            ),
            e.PageEscalated(
                at=at, page=page, step=0, to=("primary",), next_at=at + timedelta(minutes=5)
            ),
            e.PageAttempted(
                at=at,
                page=page,
                attempt=attempt,
                step=0,
                to="primary",
                channel="webhook",
                method="phone",
                dedup_key=f"{page}.s0",
            ),
            e.PageAccepted(at=at, page=page, attempt=attempt, receipt="r1", accepted_at=at),
            e.PageAcknowledged(
                at=at + timedelta(minutes=1),
                page=page,
                by="primary@example.com",
                via="web",
                cause="req_ackabcdef",
            ),
        ],
        lane,
        cause="inb_x",
    )
