"""Paging with Kafka away: what is owed, and what is tried next. Pure; `paging.py` does it.

The ids and dedup keys are those the pager would make, so the far side sees one key however the page comes. The first urgent
of a lane opens a page, later ones join it until somebody acknowledges, as at the pager (`services.notifier.domain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from shared import events as e
from shared.events import Instant, Value
from shared.ids import attempt_id, dedup_key, derive, obligation_id, page_id
from shared.policy.on_call import ContactMethod, OnCallPolicy
from shared.policy.steps import FALLBACK_EVERY, Step, following, next_method, pause_after
from shared.text.reading import began_in_words

AFTER = timedelta(seconds=30)
"""So long without Kafka, and intake pages by itself (RELIABILITY)."""

TRIES = 3
"""Of one contact method without a receipt, before the person's next one is tried."""

MOST_TRIES = 60
"""Of one page: beyond it nothing is gained by trying on."""

ONE_OUTAGE = timedelta(minutes=15)
"""Processes that notice Kafka's absence in the same quarter of an hour page ops under the same key."""

OPS = "ops"
"""The escalation policy that is woken for the platform itself; where there is none, the desk's."""


class Made(Value):
    """One try of one contact method. `pending`: recorded, no outcome yet. `at`: when it began, then when its outcome was known."""

    attempt: str
    step: int
    round: int
    to: str
    channel: str
    method: str
    dedup_key: str
    tries: int = 1
    at: Instant
    outcome: Literal["pending", "accepted", "refused", "try-later", "unknown"] = "pending"
    receipt: str = ""
    reason: str = ""


class Direct(Value):
    """A page intake owes. `joined`: obligations it covers besides its own; `told`: the log has it, the pager goes on with it."""

    key: str
    lane: str
    page: str
    obligation: str
    ticket_id: str
    request_id: str
    subject: str
    requester: str
    app: str | None = None
    accepted_at: Instant
    policy: e.PolicyStamp
    escalation: str
    began: str = ""
    joined: tuple[str, ...] = ()
    tries: tuple[Made, ...] = ()
    next_at: Instant | None = None
    acknowledged: bool = False
    told: bool = False

    @property
    def is_open(self) -> bool:
        return not self.acknowledged and not self.told


def about_kafka(since: datetime, policy: OnCallPolicy, otherwise: str, stamp: e.Stamp) -> Direct:
    """The page for ops."""
    quarter = int(since.timestamp() // ONE_OUTAGE.total_seconds())
    owed = derive("obl", e.KAFKA_AWAY, str(quarter))
    return Direct(
        key=e.KAFKA_AWAY, lane=e.KAFKA_AWAY, page=page_id(e.KAFKA_AWAY, owed), obligation=owed, ticket_id="", request_id=owed,
        subject=f"Kafka has not answered since {since:%H:%M:%S} UTC; submissions wait on intake's disk", requester="signalbox",
        accepted_at=since, policy=stamp, escalation=OPS if OPS in policy.escalation else otherwise,
    )  # fmt: skip


def about_ticket(ticket: e.OpenTicket, escalation: str) -> Direct:
    """The page for an urgent ticket, as the pager would open it."""
    owed = obligation_id(ticket.key, ticket.id)
    return Direct(
        key=ticket.key, lane=ticket.lane, page=page_id(ticket.lane, owed), obligation=owed, ticket_id=ticket.key, request_id=ticket.id,
        subject=ticket.subject, requester=ticket.actor.email, app=ticket.app, accepted_at=ticket.at, policy=ticket.policy,
        escalation=escalation, began=began_in_words(ticket.times),
    )  # fmt: skip


def newly_owed(wanted: Iterable[Direct], known: Mapping[str, Direct]) -> list[Direct]:
    """The pages of `known` (by page id) that change, and the new ones, in the order of `wanted`."""
    pages = dict(known)
    changed: dict[str, Direct] = {}
    for owed in wanted:
        if any(owed.obligation == page.obligation or owed.obligation in page.joined for page in pages.values()):
            continue
        into = next((page for page in pages.values() if page.lane == owed.lane and page.is_open), None)
        found = into.model_copy(update={"joined": (*into.joined, owed.obligation)}) if into else owed
        pages[found.page] = changed[found.page] = found
    return list(changed.values())


def next_try(page: Direct, policy: OnCallPolicy, now: datetime) -> Direct | None:
    """`page` with the try that is due now, recorded as pending; None: nothing is."""
    last = page.tries[-1] if page.tries else None
    if not page.is_open or len(page.tries) >= MOST_TRIES or (last is not None and last.outcome == "pending"):
        return None
    if last is None:
        return _at_step(page, policy, following(policy, page.escalation, 0, 0, now), now)
    if last.outcome == "accepted":
        is_due = page.next_at is not None and page.next_at <= now
        return _at_step(page, policy, following(policy, page.escalation, last.step, last.round, now), now) if is_due else None
    if last.outcome != "refused" and last.tries < TRIES:
        again = Made(**{**last.model_dump(), "tries": last.tries + 1, "at": now, "outcome": "pending", "reason": ""})
        return _with(page, again) if last.at + pause_after(last.tries) <= now else None
    method = next_method(policy, last.to, {made.method for made in page.tries if made.dedup_key == last.dedup_key})
    if method is not None:
        return _with(page, _made(page, last.step, last.round, last.to, method, now))
    then = following(policy, page.escalation, last.step, last.round, now)
    if then.is_fallback and then.person == last.to and last.at + FALLBACK_EVERY > now:
        return None
    return _at_step(page, policy, then, now)


def settled(page: Direct, outcome: str, receipt: str, reason: str, now: datetime) -> Direct:
    """With the outcome of the try that was pending."""
    last = Made(**{**page.tries[-1].model_dump(), "outcome": outcome, "receipt": receipt, "reason": reason, "at": now})
    return page.model_copy(update={"tries": (*page.tries[:-1], last)})


def after_a_restart(page: Direct, now: datetime) -> Direct:
    """A try without an outcome may have reached them: it is unknown, and repeated under its key."""
    if page.tries and page.tries[-1].outcome == "pending":
        return settled(page, "unknown", "", "intake ended before it could record the outcome of this send", now)
    return page


def event_for(page: Direct, now: datetime) -> e.PagedDirectly:
    """What the log is told. The same state makes the same event."""
    tries = after_a_restart(page, now).tries
    state = [f"{made.attempt}:{made.tries}:{made.outcome}" for made in page.tries]
    return e.PagedDirectly(
        id=derive("dir", page.page, *state), key=page.key, at=now, lane=page.lane, page=page.page, obligation=page.obligation,
        ticket_id=page.ticket_id, request_id=page.request_id, subject=page.subject, requester=page.requester, app=page.app,
        accepted_at=page.accepted_at, policy=page.policy, escalation=page.escalation, began=page.began, next_at=page.next_at or now,
        attempts=tuple(e.DirectAttempt.model_validate(made.model_dump()) for made in tries),
    )  # fmt: skip


def _at_step(page: Direct, policy: OnCallPolicy, step: Step, now: datetime) -> Direct | None:
    """Begin `step`, or the first after it whose person can be reached."""
    while (method := next_method(policy, step.person)) is None:
        if step.is_fallback:
            return None
        step = following(policy, page.escalation, step.number, step.round, now)
    made = _made(page, step.number, step.round, step.person, method, now)
    return _with(page, made).model_copy(update={"next_at": now + step.wait})


def _made(page: Direct, step: int, round_: int, to: str, method: ContactMethod, now: datetime) -> Made:
    key = dedup_key(page.page, step, round_)
    return Made(
        attempt=attempt_id(key, to, method.name, "page"), step=step, round=round_, to=to, channel=str(method.channel),
        method=method.name, dedup_key=key, at=now,
    )  # fmt: skip


def _with(page: Direct, made: Made) -> Direct:
    return page.model_copy(update={"tries": (*page.tries, made)})
