"""Texts that make careless software run, break or lie, and a log in which every text is one of
them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared import events as e
from shared.ids import dedup_key, derive, obligation_id, page_id
from tests.support.facts import stamped
from tests.support.showcase import STAMP, Log, Story

RUN = "window.hacked=1"

NAUGHTY = [
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg/onload={RUN}>",
    f"' onmouseover='{RUN}' autofocus onfocus='{RUN}",
    f'" autofocus tabindex=1 onfocus="{RUN}" x="',
    f"javascript:{RUN}//",
    f'<a href="javascript:{RUN}">click</a>',
    f"</textarea></title></style></script><script>{RUN}</script>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    "<iframe src=//evil.example></iframe>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css'; body { display: none }</style>",
    "<img src=//evil.example/pixel.png>",
    '<div hx-get="/logout" hx-trigger="load" hx-target="body">x</div>',
    '<form action="//evil.example"><button autofocus>Send</button></form>',
    "<!-- ",
    "]]> --> */ `${7*7}` {{ 7*7 }} {% raw %} <%= 7*7 %> #{7*7}",
    "&lt;script&gt;&#60;script&#62;&amp;amp;",
    "%s%s%n %x {0} \\u0000 \\x00 \\",
    "'; DROP TABLE tickets; -- \" ) OR 1=1",
    '{"$ne": 1} [object Object] undefined null NaN -1',
    "\u202egnol si siht\u202c \u2066\u200b\u200d\ufeff",
    "Z̴̡̛͔̹a̶̢l̷̨g̶̡o̵̧ 田中さん Ω≈ç√∫ İıﬀß 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "A" * 190,
]


def naughty_log(now: datetime) -> Log:
    """For each text an urgent ticket, with replies, facts and a page, that holds it in every field
    people can fill.
    """
    log: Log = []
    for n, text in enumerate(NAUGHTY):
        log += _ticket(now - timedelta(minutes=n), n, text)
    letter = e.DeadLetter(
        id="dl",
        key="tkt_x",
        at=now,
        worker="router",
        topic="requests",
        partition=0,
        offset=1,
        raw="e30=",
        reason=NAUGHTY[1],
    )
    return [*log, ("dead-letters", letter)]


def _ticket(at: datetime, n: int, text: str) -> Log:
    story = Story(f"naughty{n}", "premier@example.com", text, e.Plan.PREMIER, at)
    details: dict[str, Any] = {
        name: text
        for name in e.UrgentDetails.model_fields
        if name not in ("access_granted", "third_party_services")
    }
    story.opened(
        text,
        text,
        app="premier-production",
        asked=e.Priority.URGENT,
        reason=text,
        pages=True,
        urgent=e.UrgentDetails(**details, access_granted=True, third_party_services=(text, text)),
        trail=(e.RuleTried(rule="addon_named", matched=True, because=text),),
        times=(e.TimeRead(field="began_at", original=text, ambiguous_because=text),),
    ).clock(timedelta(minutes=30))
    story.says("agent@example.com", text, "staff", text)
    story.says("rae@redisco.example", text, "provider", text, e.Audience.PROVIDER)
    about: dict[str, Any] = {"at": at, "by": "agent@example.com", "policy": STAMP}
    story.add(e.ProviderSuggested(**about, provider="redisco", because=(text,), confidence=0.5))
    story.add(
        e.PriorityReviewed(
            **about,
            priority=e.Priority.HIGH,
            previous=e.Priority.URGENT,
            reason=text,
            plan=e.Plan.PREMIER,
            lane="lane_x",
            subject=text,
            requester="premier@example.com",
        )
    )
    return story.log + _page(story, n, text)


def _page(story: Story, n: int, text: str) -> Log:
    page, lane = page_id(f"lane_{n}", obligation_id(story.id, "req_x")), f"lane_{n}"
    attempt = derive("att", page)
    facts: list[e.PageFact] = [
        e.PageOpened(
            at=story.at,
            page=page,
            ticket_id=story.id,
            obligation=obligation_id(story.id, "req_x"),
            request_id="req_x",
            subject=text,
            requester=text,
            app=text,
            escalation="support",
            accepted_at=story.at,
            policy=STAMP,
            began=text,
        ),
        e.PageEscalated(
            at=story.at,
            page=page,
            step=1,
            to=("primary",),
            next_at=story.at + timedelta(hours=5),
            reason=text,
        ),
        e.PageAttempted(
            at=story.at,
            page=page,
            attempt=attempt,
            step=1,
            to="primary",
            channel="webhook",
            method="phone",
            dedup_key=dedup_key(page, 1),
        ),
        e.PageFailed(at=story.at, page=page, attempt=attempt, reason=text),
    ]
    return [("pages", stamped([fact], lane, seq, "req_x")[0]) for seq, fact in enumerate(facts, 1)]
