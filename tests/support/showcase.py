"""Tickets and pages in every state a screen can show, as facts: for the browser tests of the pages
and for looking at them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared import events as e
from shared.ids import dedup_key, derive, obligation_id, page_id
from tests.support.facts import POLICY, stamped
from tests.support.showcase_incidents import incidents

STAMP = {**POLICY, "on-call": 1}
Log = list[tuple[str, e.Event]]
"""(topic, event) in order."""


def showcase(now: datetime) -> Log:
    """The whole log. Times are relative to `now`."""
    log: Log = []
    for builder in (_urgent, _provider, _suggested, _breached, _solved, _question):
        log += builder(now)
    for n in range(14):
        log += _plain(now, n)
    log += _for_a_human(now, log[0][1].key)
    log += incidents(now)
    minute = now.replace(second=0, microsecond=0)
    for n in range(60):
        value = float((n * 7) % 11 + (9 if 30 < n < 40 else 0))
        at = minute - timedelta(minutes=59 - n)
        log.append(
            (
                "figures",
                e.FigureComputed(
                    id=f"fig{n}",
                    key=f"tickets-opened|all|{at.isoformat()}",
                    at=at,
                    figure="tickets-opened",
                    group="all",
                    since=at,
                    until=at + timedelta(minutes=1),
                    value=value,
                ),
            )
        )
    return log


def _for_a_human(now: datetime, ticket: str) -> Log:
    """A parked ticket, a webhook given up after its days, and a mail left out on purpose."""
    letter = e.DeadLetter(
        id="dl1",
        key=ticket,
        at=now,
        worker="router",
        topic="requests",
        partition=3,
        offset=1207,
        raw="e30=",
        parked=True,
        reason="a bug in our own code, five times: KeyError: 'queue'",
    )
    about: dict[str, Any] = {"at": now, "ticket_id": ticket, "template": "ticket.replied"}
    failed = e.NoticeFailed(
        at=now,
        ticket_id=ticket,
        notice_kind="webhook",
        to="provider:redisco",
        tries=212,
        reason="503 Service Unavailable, for 72 h",
    )
    left_out = e.NoticeSuppressed(
        **about,
        notice_kind="mail",
        to="rae@redisco.example",
        reason="an automatic reply is answered by nobody",
    )
    notices: Log = [
        ("notices", stamped([fact], f"ntc{n}", 1, "fct_x")[0])
        for n, fact in enumerate((failed, left_out))
    ]
    return [("dead-letters", letter), *notices]


class Story:
    """One ticket's facts, growing in time."""

    def __init__(
        self, name: str, requester: str, requester_name: str, plan: e.Plan, at: datetime
    ) -> None:
        self.id, self.at, self.plan = derive("tkt", name), at, plan
        self.requester, self.requester_name = requester, requester_name
        self.provider: str | None = None
        self.subject = ""
        self.priority = e.Priority.NORMAL
        self._seq = self._clock_seq = 0
        self.log: Log = []

    def add(self, fact: e.Fact, cause: str = "") -> Story:
        on_clock = isinstance(fact, e.ClockFact)
        seq = (self._clock_seq if on_clock else self._seq) + 1
        self._seq, self._clock_seq = (self._seq, seq) if on_clock else (seq, self._clock_seq)
        cause = cause or derive("req", self.id, str(seq))
        self.log.append(
            ("clocks" if on_clock else "tickets", stamped([fact], self.id, seq, cause)[0])
        )
        return self

    def later(self, minutes: float) -> datetime:
        self.at += timedelta(minutes=minutes)
        return self.at

    def opened(
        self,
        subject: str,
        body: str,
        *,
        app: str | None = None,
        asked: e.Priority | None = None,
        given: e.Priority | None = None,
        reason: str = "",
        queue: str = "platform",
        kind: e.Kind = e.Kind.PROBLEM,
        first: bool = False,
        addon: str | None = None,
        urgent: e.UrgentDetails | None = None,
        pages: bool = False,
        trail: tuple[e.RuleTried, ...] = (),
        times: tuple[e.TimeRead, ...] = (),
    ) -> Story:
        self.subject, self.priority = subject, given or asked or e.Priority.NORMAL
        self.provider = queue.removeprefix("provider:") if queue.startswith("provider:") else None
        known: dict[str, Any] = {"at": self.at, "by": self.requester, "policy": STAMP}
        self.add(
            e.TicketOpened(
                **known,
                subject=subject,
                body=body,
                requester=self.requester,
                requester_name=self.requester_name,
                plan=self.plan,
                app=app,
                stage=e.Stage.PRODUCTION if app else None,
                addon=addon,
                kind=kind,
                urgent=urgent,
                lane="lane_x",
                first=first,
                via=e.Via.WEB,
                times=times,
            )
        )
        self.add(
            e.PrioritySet(
                **known,
                requested=asked,
                priority=self.priority,
                reason=reason,
                plan=self.plan,
                opened_at=self.at,
                lane="lane_x",
                pages=pages,
                obligation=obligation_id(self.id, "req_x") if pages else None,
                trail=(
                    e.RuleTried(
                        rule="urgent_of_plan_pages",
                        matched=pages,
                        because=f"{asked} of plan {self.plan}",
                    ),
                ),
            )
        )
        self.add(
            e.TicketRouted(
                **known,
                queue=queue,
                trail=trail
                or (
                    e.RuleTried(
                        rule="addon_chosen_in_form",
                        matched=queue.startswith("provider:"),
                        because=f"add-on {addon}" if addon else "none was chosen",
                    ),
                    e.RuleTried(
                        rule="architecture_question",
                        matched=queue == "csa",
                        because=f"the ticket is a {kind}",
                    ),
                ),
            )
        )
        if self.provider is not None:  # as the router does, at once
            self.add(
                e.TicketAssigned(
                    **known,
                    queue=queue,
                    provider=self.provider,
                    subject=subject,
                    body=body,
                    requester=self.requester,
                    requester_name=self.requester_name,
                    participants=(self.requester,),
                    app=app,
                    priority=self.priority,
                )
            )
        return self

    def clock(self, within: timedelta, calendar: str = "always") -> Story:
        return self.add(
            e.ClockStarted(
                at=self.at,
                policy=STAMP,
                clock="initial-response",
                calendar=calendar,
                target=within,
                started_at=self.at,
                due_at=self.at + within,
                plan=self.plan,
                priority=self.priority,
            )
        )

    def met(self, by: str) -> Story:
        return self.add(
            e.ClockMet(
                at=self.at,
                policy=STAMP,
                clock="initial-response",
                met_at=self.at,
                due_at=self.at,
                by=by,
            )
        )

    def says(
        self,
        author: str,
        name: str,
        side: Any,
        body: str,
        audience: e.Audience = e.Audience.EVERYONE,
    ) -> Story:
        status = "pending" if side != "customer" and audience is e.Audience.EVERYONE else "open"
        return self.add(
            e.ReplyAdded(
                at=self.at,
                by=author,
                policy=STAMP,
                author=author,
                author_name=name,
                side=side,
                audience=audience,
                via=e.Via.WEB,
                body=body,
                status=status,
                subject=self.subject,
                requester=self.requester,
                participants=(self.requester,),
                provider=self.provider,
                priority=self.priority,
            )
        )


def _urgent(now: datetime) -> Log:
    story = Story(
        "urgent",
        "premier@example.com",
        "Priya Premier",
        e.Plan.PREMIER,
        now - timedelta(minutes=12),
    )
    story.opened(
        "Checkout is down: every request ends in H12",
        "Since 02:29 UTC every checkout times out with H12. Restarting the dynos did not help.\n"
        "The database looks healthy, queue depth is normal.",
        app="premier-production",
        asked=e.Priority.URGENT,
        first=True,
        pages=True,
        urgent=e.UrgentDetails(
            access_granted=True,
            users_affected="all, about 40,000",
            business_impact="No orders since 02:29 UTC",
            seen_in_staging="no",
            began_at="2026-11-21 18:29 PST",
            logs="2026-11-21T18:29:04-08:00 at=error code=H12 path=/checkout\n2026-11-21T18:41:10-08:00 Error R14 (Memory quota exceeded)",
            configuration="WEB_CONCURRENCY=4\nDATABASE_URL=postgres://u1:[masked: password in an address]@ec2-1-2-3-4.example.com/d1",
            third_party_services=("Stripe",),
        ),
        times=(
            e.TimeRead(
                field="began_at",
                original="2026-11-21 18:29 PST",
                utc=datetime(2026, 11, 22, 2, 29, tzinfo=UTC),
            ),
            e.TimeRead(
                field="logs",
                original="2026-11-21T18:29:04-08:00",
                utc=datetime(2026, 11, 22, 2, 29, 4, tzinfo=UTC),
            ),
            e.TimeRead(
                field="logs",
                original="2026-11-21T18:41:10-08:00",
                utc=datetime(2026, 11, 22, 2, 41, 10, tzinfo=UTC),
            ),
        ),
    ).clock(timedelta(minutes=30))
    page = page_id("lane_x", obligation_id(story.id, "req_x"))
    return story.log + _page(page, story, now, acknowledged=False) + _second_page(now)


def _page(
    page: str, story: Story, now: datetime, *, acknowledged: bool, lane: str = "lane_x"
) -> Log:
    attempt, at = derive("att", page), story.at
    second = derive("att", page, "2")
    facts: list[e.PageFact] = [
        e.PageOpened(
            at=at,
            page=page,
            ticket_id=story.id,
            obligation=obligation_id(story.id, "req_x"),
            request_id="req_x",
            subject=story.subject,
            requester=story.requester,
            app="premier-production",
            escalation="support",
            accepted_at=at,
            policy=STAMP,
            began="2026-11-22 02:29 UTC (written: 2026-11-21 18:29 PST)",
        ),
        e.PageEscalated(
            at=at, page=page, step=1, to=("primary",), next_at=at + timedelta(minutes=5)
        ),
        e.PageAttempted(
            at=at,
            page=page,
            attempt=attempt,
            step=1,
            to="primary",
            channel="webhook",
            method="phone",
            dedup_key=dedup_key(page, 1),
        ),
        e.PageAccepted(at=at, page=page, attempt=attempt, receipt="received", accepted_at=at),
    ]
    if acknowledged:
        facts.append(
            e.PageAcknowledged(
                at=at + timedelta(minutes=2), page=page, by="primary@example.com", via="link"
            )
        )
        note = "The nightly job skipped 400 rows. I run it again with the old release."
        facts.append(
            e.PageNoted(
                at=at + timedelta(minutes=20), page=page, by="primary@example.com", body=note
            )
        )
    else:
        then = at + timedelta(minutes=5)
        facts += [
            e.PageEscalated(
                at=then, page=page, step=2, to=("secondary",), next_at=now + timedelta(minutes=3)
            ),
            e.PageAttempted(
                at=then,
                page=page,
                attempt=second,
                step=2,
                to="secondary",
                channel="webhook",
                method="phone",
                dedup_key=dedup_key(page, 2),
            ),
            e.PageFailed(
                at=then,
                page=page,
                attempt=second,
                reason="503 from the far side",
                retry_at=then + timedelta(seconds=2),
            ),
        ]
    return [("pages", fact) for fact in stamped(facts, lane, cause="inb_x")]


def _second_page(now: datetime) -> Log:
    story = Story(
        "answered",
        "legacy@example.com",
        "Leo Legacy",
        e.Plan.LEGACY_ENTERPRISE,
        now - timedelta(hours=7),
    )
    story.opened(
        "Data loss in the nightly import",
        "Rows are missing.",
        app="legacy-production",
        asked=e.Priority.URGENT,
        first=True,
        pages=True,
    )
    story.clock(timedelta(minutes=30)).later(9)
    story.says("primary@example.com", "Paula Primary", "staff", "I am looking at it.").met(
        "primary@example.com"
    )
    page = page_id("lane_y", obligation_id(story.id, "req_x"))
    story.at -= timedelta(minutes=9)
    return story.log + _page(page, story, now, acknowledged=True, lane="lane_y")


def _provider(now: datetime) -> Log:
    story = Story(
        "provider",
        "enterprise@example.com",
        "Emma Enterprise",
        e.Plan.ENTERPRISE,
        now - timedelta(hours=3),
    )
    story.opened(
        "Redis connections refused after failover",
        "Since the failover at noon about a third of our connections are refused:\n\n    ECONNREFUSED redisco.example:6379",
        app="enterprise-production",
        asked=e.Priority.HIGH,
        queue="provider:redisco",
        first=True,
        addon="redisco",
    ).clock(timedelta(hours=4))
    story.later(35)
    story.says(
        "redisco@example.com",
        "Rae of Redisco",
        "provider",
        "Thanks. One of our replicas kept its old address; we are moving you over.",
    )
    story.met("redisco@example.com").later(5)
    story.says(
        "agent@example.com",
        "Ada Agent",
        "staff",
        "Second customer today with this; is it the eu-2 cluster again?",
        e.Audience.PROVIDER,
    )
    story.later(3)
    story.add(
        e.NoteAdded(
            at=story.at,
            by="agent@example.com",
            policy=STAMP,
            author="agent@example.com",
            author_name="Ada Agent",
            via=e.Via.WEB,
            body="Watch this one: the account is up for renewal.",
        )
    )
    story.later(20)
    return story.says(
        "enterprise@example.com",
        "Emma Enterprise",
        "customer",
        "Better already, but two workers still fail.",
    ).log


def _suggested(now: datetime) -> Log:
    story = Story(
        "suggested",
        "premium@example.com",
        "Pedro Premium",
        e.Plan.PREMIUM,
        now - timedelta(minutes=50),
    )
    story.opened(
        "Mails from mailgrid arrive hours late",
        "Password resets take three hours.",
        app="premium-production",
        asked=e.Priority.NORMAL,
    )
    story.add(
        e.ProviderSuggested(
            at=story.at,
            by="system",
            policy=STAMP,
            provider="mailgrid",
            because=("the subject names mailgrid", "mailgrid is attached to premium-production"),
        )
    )
    return story.clock(timedelta(hours=12)).log


def _breached(now: datetime) -> Log:
    story = Story(
        "breached", "premium@example.com", "Pedro Premium", e.Plan.PREMIUM, now - timedelta(hours=5)
    )
    story.opened(
        "Build fails: cannot find libpq",
        "The build stopped working today.",
        app="premium-staging",
        asked=e.Priority.URGENT,
        given=e.Priority.HIGH,
        reason="urgent is for production apps only and this app is staging; you may appeal with more information",
    ).clock(timedelta(hours=4))
    due = story.at + timedelta(hours=4)
    story.add(
        e.ClockBreached(
            at=due, policy=STAMP, clock="initial-response", due_at=due, detected_at=due
        ),
        "tmr_x",
    )
    return _appealed(story).log


def _appealed(story: Story) -> Story:
    """The requester appeals, grants access and shares; a colleague joins."""
    said: dict[str, Any] = {"by": story.requester, "policy": STAMP}
    story.add(
        e.PriorityAppealed(
            **said,
            at=story.later(20),
            information="We release from it tonight.",
            priority=e.Priority.HIGH,
            changed_by="system",
        )
    )
    story.add(e.AccessGranted(**said, at=story.later(1), app="premium-staging"))
    story.add(
        e.TicketShared(
            **said, at=story.later(1), token_hash="h", expires_at=story.at + timedelta(days=30)
        )
    )
    return story.add(
        e.ParticipantJoined(
            at=story.later(5),
            by="free@example.com",
            policy=STAMP,
            participant="free@example.com",
            participant_name="Fiona Free",
            subject=story.subject,
            requester=story.requester,
            participants=(story.requester, "free@example.com"),
        )
    )


def _solved(now: datetime) -> Log:
    story = Story("solved", "free@example.com", "Fiona Free", e.Plan.FREE, now - timedelta(days=2))
    story.opened(
        "How do I set the Node version?",
        "It always takes 20.",
        app="free-production",
        kind=e.Kind.QUESTION,
    )
    story.clock(timedelta(hours=12), "business").later(80)
    story.says(
        "agent@example.com", "Ada Agent", "staff", 'Name it under "engines" in package.json.'
    ).met("agent@example.com").later(10)
    return story.add(
        e.TicketSolved(
            at=story.at,
            by="free@example.com",
            policy=STAMP,
            resolution="That was it, thank you.",
            side="customer",
            subject=story.subject,
            requester=story.requester,
            lane="lane_x",
        )
    ).log


def _question(now: datetime) -> Log:
    story = Story(
        "csa", "premier@example.com", "Priya Premier", e.Plan.PREMIER, now - timedelta(hours=6)
    )
    return (
        story.opened(
            "Preparing for a sale with ten times the traffic",
            "What should we scale first?",
            app="premier-production",
            kind=e.Kind.ARCHITECTURE,
            queue="csa",
            first=True,
            asked=e.Priority.LOW,
        )
        .clock(timedelta(hours=24))
        .log
    )


_PLAIN = (
    ("App crashes on boot after the stack upgrade (H10)", "free"),
    ("R14 memory quota exceeded every night", "premium"),
    ("Custom domain shows the wrong certificate", "enterprise"),
    ("Log drain stopped delivering", "legacy"),
    ("Cannot log in since the new phone", "free"),
    ("Release phase hangs without output", "premium"),
    ("Review apps are not created", "enterprise"),
)
_PLANS = {
    "free": e.Plan.FREE,
    "premium": e.Plan.PREMIUM,
    "enterprise": e.Plan.ENTERPRISE,
    "legacy": e.Plan.LEGACY_ENTERPRISE,
}


def _plain(now: datetime, n: int) -> Log:
    subject, who = _PLAIN[n % len(_PLAIN)]
    story = Story(
        f"plain {n}",
        f"{who}@example.com",
        who.capitalize(),
        _PLANS[who],
        now - timedelta(minutes=17 + 31 * n),
    )
    asked = None if who == "free" else (e.Priority.NORMAL, e.Priority.LOW, e.Priority.HIGH)[n % 3]
    queue = "provider:logdrain" if "drain" in subject else "platform"
    story.opened(
        subject,
        "See the subject. It began this morning and we changed nothing.",
        app=f"{who}-production",
        asked=asked,
        queue=queue,
        first=who in ("enterprise", "legacy"),
    )
    return story.clock(
        timedelta(hours=(4, 8, 12, 24)[n % 4]),
        "business" if who in ("free", "enterprise") else "always",
    ).log
