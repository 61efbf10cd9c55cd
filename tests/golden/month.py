"""A month of requests as intake would have recorded them: seeded, so always the same. March 2027:
the clocks change in it.

People answer late or early, review, hand back, reopen and acknowledge; both policy documents change
on the 15th.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from deploy.demo.directory import documents, policies
from deploy.demo.scenario import Story, stories
from shared import ids
from shared.events import (
    Acknowledge,
    Actor,
    AddonKnown,
    AddReply,
    Admission,
    AssignTicket,
    HandBack,
    OpenTicket,
    PolicyPublished,
    Priority,
    Reopen,
    Request,
    ReviewPriority,
    Role,
    Solve,
    UrgentDetails,
)
from shared.policy import DESK, ON_CALL, DeskPolicy, lane_for, priority_at_opening

TICKETS = 5000
BEGIN = datetime(2027, 3, 1, tzinfo=UTC)
SPAN = timedelta(days=31)
CHANGE = datetime(2027, 3, 15, 12, tzinfo=UTC)
"""When version 2 of both documents is published."""
LASTS = timedelta(days=40)
"""After so long everything has ended, reopen windows included."""


@cache
def published() -> tuple[PolicyPublished, ...]:
    """Two versions of each document: the second promises premier customers more and puts somebody
    else on call.
    """
    first = policies()
    desk, on_call = policies()[DESK], policies()[ON_CALL]
    for target in desk["targets"]:
        if target["plan"] == "premier":
            target["within"] = {"30m": "15m", "2h": "1h"}.get(target["within"], target["within"])
    on_call["schedules"]["support-primary"]["rotation"]["people"] = ["secondary", "primary"]
    return tuple(
        PolicyPublished(
            id=f"pol_{name}_{version}", key=name, at=at, version=version, document=document
        )
        for name, version, at, document in (
            (DESK, 1, BEGIN, first[DESK]),
            (ON_CALL, 1, BEGIN, first[ON_CALL]),
            (DESK, 2, CHANGE, desk),
            (ON_CALL, 2, CHANGE, on_call),
        )
    )


@cache
def desk_policy(version: int) -> DeskPolicy:
    return DeskPolicy.model_validate(
        next(p.document for p in published() if (p.key, p.version) == (DESK, version))
    )


def stamp_at(at: datetime) -> dict[str, int]:
    version = 1 if at < CHANGE else 2
    return {DESK: version, ON_CALL: version}


def requests(tickets: int, seed: int = 27) -> Iterator[Request]:
    """Every request of the month, in the order of time; the first tickets of a larger month are
    others.
    """
    waiting: list[tuple[datetime, int, Request]] = []
    for number, story in enumerate(stories(tickets, seed)):
        rng = random.Random(f"month:{seed}:{number}")
        opened_at = BEGIN + SPAN * (number / tickets) + timedelta(seconds=rng.randrange(60))
        for order, request in enumerate(_asked(rng, story, opened_at)):
            heapq.heappush(waiting, (request.at, number * 100 + order, request))
        while waiting and waiting[0][0] < opened_at:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _asked(rng: random.Random, story: Story, opened_at: datetime) -> Iterator[Request]:
    ticket = ids.derive("tkt", story.key)
    opening = _opening(story, ticket, opened_at)
    yield opening
    asked = _Asked(ticket, opening)
    at = opened_at
    if opening.pages:
        page = ids.page_id(opening.lane, ids.obligation_id(ticket, opening.id))
        yield asked.by("primary", Acknowledge, opened_at + _until_answered(rng), key=page)
    if rng.random() < 0.06:
        at += timedelta(minutes=rng.randrange(1, 60))
        priority = rng.choice([Priority.URGENT, Priority.HIGH, Priority.LOW])
        review = asked.by(
            "reviewer", ReviewPriority, at, priority=priority, reason="as it looks from here"
        )
        yield review
        if priority is Priority.URGENT:
            page = ids.page_id(opening.lane, ids.obligation_id(ticket, review.id))
            yield asked.by("primary", Acknowledge, at + _until_answered(rng), key=page)
    if rng.random() < 0.08:
        at += timedelta(minutes=rng.randrange(1, 90))
        yield asked.by("agent", AssignTicket, at, provider="redisco")
        if rng.random() < 0.4:
            at += timedelta(minutes=rng.randrange(5, 400))
            yield asked.by("redisco", HandBack, at, reason="not ours")
    for step in story.steps:
        at += timedelta(seconds=int(60 * rng.lognormvariate(4.2, 1.4)))
        if step.action == "solve":
            yield asked.by(step.who, Solve, at, resolution=step.fields["resolution"])
        else:
            yield asked.by(
                step.who, AddReply, at, body=step.fields["body"], audience=step.fields["audience"]
            )
    if story.steps and story.steps[-1].action == "solve" and rng.random() < 0.1:
        at += timedelta(hours=rng.randrange(1, 200))
        yield asked.by(story.who, Reopen, at, reason="It is back.")


def _until_answered(rng: random.Random) -> timedelta:
    """Mostly minutes; one in five sleeps through it, until morning."""
    return timedelta(
        seconds=rng.randrange(20, 900) if rng.random() < 0.8 else rng.randrange(3600, 36_000)
    )


class _Asked:
    """Numbers the requests on one ticket."""

    def __init__(self, ticket: str, opening: OpenTicket) -> None:
        self._ticket, self._count, self._opening = ticket, 0, opening

    def by(
        self, who: str, kind: type[Request], at: datetime, key: str = "", **fields: Any
    ) -> Request:
        self._count += 1
        name = ids.derive("req", self._ticket, str(self._count))
        return kind(
            id=name,
            key=key or self._ticket,
            at=at,
            actor=actor(who),
            policy=stamp_at(at),
            digest=name,
            **fields,
        )


def _opening(story: Story, ticket: str, at: datetime) -> OpenTicket:
    known = admission(story.who, story.fields["app"])
    priority = Priority(story.fields["priority"]) if story.fields.get("priority") else None
    if (
        story.who in ("legacy", "premier")
        and story.key.endswith(("3", "7"))
        and story.fields["kind"] == "problem"
    ):
        priority = Priority.URGENT
    stamp = stamp_at(at)
    verdict = priority_at_opening(desk_policy(stamp[DESK]), known, priority)
    fields = {
        name: story.fields[name]
        for name in ("subject", "body", "kind", "app", "addon")
        if name in story.fields
    }
    urgent = (
        UrgentDetails.model_validate(story.fields["urgent"], extra="ignore")
        if "urgent" in story.fields
        else None
    )
    # as if every customer had five of them
    component = (
        f"{story.fields['app']}-{story.key.split('-')[1]}-{int(story.key.rpartition('-')[2]) % 5}"
    )
    return OpenTicket(
        id=ids.derive("req", ticket),
        key=ticket,
        at=at,
        actor=actor(story.who),
        policy=stamp,
        digest=story.key,
        admission=known,
        priority=priority,
        urgent=urgent,
        lane=lane_for(actor(story.who).email, known, component),
        pages=verdict.pages,
        **fields,
    )


@cache
def _directory() -> dict[tuple[str, str], dict[str, Any]]:
    return {(document.kind, document.id): document.body for document in documents()}


@cache
def actor(name: str) -> Actor:
    account = _directory()["accounts", f"{name}@example.com"]
    roles = tuple(Role(role) for role in account["roles"])
    return Actor(
        email=account["email"], name=account["name"], roles=roles, provider=account.get("provider")
    )


@cache
def admission(who: str, app: str) -> Admission:
    found = _directory()["apps", app]
    providers = [_directory()["providers", slug] for slug in found["addons"]]
    return Admission(
        plan=_directory()["accounts", f"{who}@example.com"]["plan"],
        requester_name=actor(who).name,
        app_owner=found["owner"],
        app_stage=found["stage"],
        app_collaborators=tuple(found["collaborators"]),
        addons=tuple(
            AddonKnown(
                slug=p["slug"], name=p["name"], aliases=tuple(p["aliases"]), hosts=tuple(p["hosts"])
            )
            for p in providers
        ),
    )
