"""Paging by intake itself, with Kafka away or the disk in trouble: what is owed, and what is tried
next. Pure; `paging.py` does it.

The ids and dedup keys are those the pager would make, so the far side sees one key however the page
comes. The first urgent of a lane opens a page, later ones join it until somebody acknowledges, as
at the pager (`services.notifier.pager.decide`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from shared import events as e
from shared.events import Instant, Value
from shared.ids import attempt_id, dedup_key, derive, obligation_id, page_id
from shared.policy.on_call.document import ContactMethod, OnCallPolicy
from shared.policy.on_call.steps import FALLBACK_EVERY, Step, next_method, next_step, pause_after
from shared.text.reading import began_in_words

AFTER = timedelta(seconds=30)
"""So long without Kafka, and intake pages by itself (RELIABILITY)."""

TRIES = 3
"""Of one contact method without a receipt, before the person's next one is tried."""

MOST_TRIES = 60
"""Of one page: beyond it nothing is gained by trying on."""

ONE_OUTAGE = timedelta(minutes=15)
"""Processes that notice Kafka's absence in the same quarter of an hour page ops under the same
key.
"""

OPS = "ops"
"""The escalation policy that is woken for the platform itself; where there is none, the desk's."""


class ContactTry(Value):
    """One try of one contact method. `pending`: recorded, no outcome yet. `at`: when it began, then
    when its outcome was known.
    """

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


class OutagePage(Value):
    """A page intake owes. `joined`: obligations it covers besides its own; `told`: the log has it,
    the pager goes on with it. `over_at`: since when its cause is over, and `over_told`: the log has
    that too.
    """

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
    tries: tuple[ContactTry, ...] = ()
    next_at: Instant | None = None
    acknowledged: bool = False
    told: bool = False
    over_at: Instant | None = None
    over_told: bool = False

    @property
    def is_open(self) -> bool:
        return not self.acknowledged and not self.told and self.over_at is None

    @property
    def is_news(self) -> bool:
        """The log does not have all of it yet."""
        return not self.told or (self.over_at is not None and not self.over_told)


def about_kafka(
    since: datetime, policy: OnCallPolicy, otherwise: str, stamp: e.Stamp
) -> OutagePage:
    """The page for ops."""
    # By the quarter of an hour, so that every process makes the same id.
    quarter = int(since.timestamp() // ONE_OUTAGE.total_seconds())
    owed = derive("obl", e.KAFKA_AWAY, str(quarter))
    return OutagePage(
        key=e.KAFKA_AWAY,
        lane=e.KAFKA_AWAY,
        page=page_id(e.KAFKA_AWAY, owed),
        obligation=owed,
        # No ticket: the page is about the platform.
        ticket_id="",
        request_id=owed,
        subject=(
            f"Kafka has not answered since {since:%H:%M:%S} UTC; submissions wait on intake's disk"
        ),
        requester="signalbox",
        accepted_at=since,
        policy=stamp,
        # A house without an `ops` policy wakes the desk's people: better than nobody.
        escalation=OPS if OPS in policy.escalation else otherwise,
    )


def about_ticket(ticket: e.OpenTicket, escalation: str) -> OutagePage:
    """The page for an urgent ticket, as the pager would open it."""
    owed = obligation_id(ticket.key, ticket.id)
    return OutagePage(
        key=ticket.key,
        lane=ticket.lane,
        page=page_id(ticket.lane, owed),
        obligation=owed,
        ticket_id=ticket.key,
        request_id=ticket.id,
        subject=ticket.subject,
        requester=ticket.for_whom,
        app=ticket.app,
        accepted_at=ticket.at,
        policy=ticket.policy,
        escalation=escalation,
        began=began_in_words(ticket.times),
    )


def find_changed_pages(
    wanted: Iterable[OutagePage], known: Mapping[str, OutagePage]
) -> list[OutagePage]:
    """The pages of `known` (by page id) that change, and the new ones, in the order of `wanted`."""
    pages = dict(known)
    changed: dict[str, OutagePage] = {}
    for owed in wanted:
        # Covered already, by a page of its own or by one it joined.
        if any(
            owed.obligation == page.obligation or owed.obligation in page.joined
            for page in pages.values()
        ):
            continue
        # One open page for each lane: its people are on the way, a second one adds only noise.
        into = next(
            (page for page in pages.values() if page.lane == owed.lane and page.is_open), None
        )
        found = (
            into.model_copy(update={"joined": (*into.joined, owed.obligation)}) if into else owed
        )
        pages[found.page] = changed[found.page] = found
    return list(changed.values())


def next_try(page: OutagePage, policy: OnCallPolicy, now: datetime) -> OutagePage | None:
    """`page` with the try that is due now, recorded as pending; None: nothing is."""
    last = page.tries[-1] if page.tries else None
    # One try at a time: its outcome decides what comes next.
    if (
        not page.is_open
        or len(page.tries) >= MOST_TRIES
        or (last is not None and last.outcome == "pending")
    ):
        return None
    # The first call of this page.
    if last is None:
        return _begin_step(page, policy, next_step(policy, page.escalation, 0, 0, now), now)
    # Accepted means that it reached the channel: the person has until `next_at` to acknowledge.
    if last.outcome == "accepted":
        is_due = page.next_at is not None and page.next_at <= now
        return (
            _begin_step(
                page, policy, next_step(policy, page.escalation, last.step, last.round, now), now
            )
            if is_due
            else None
        )
    # It may work in a moment: the same method again, under the same key, up to TRIES.
    if last.outcome != "refused" and last.tries < TRIES:
        again = ContactTry(
            **{
                **last.model_dump(),
                "tries": last.tries + 1,
                "at": now,
                "outcome": "pending",
                "reason": "",
            }
        )
        return _add_try(page, again) if last.at + pause_after(last.tries) <= now else None
    # Refused, or tried often enough: another method of the same person.
    method = next_method(
        policy, last.to, {made.method for made in page.tries if made.dedup_key == last.dedup_key}
    )
    if method is not None:
        return _add_try(page, _make_try(page, last.step, last.round, last.to, method, now))
    # All methods of this person are used up: the next step at once, without its wait.
    then = next_step(policy, page.escalation, last.step, last.round, now)
    # Without this pause the fallback person would be called in a tight loop.
    if then.is_fallback and then.person == last.to and last.at + FALLBACK_EVERY > now:
        return None
    return _begin_step(page, policy, then, now)


def settle_try(
    page: OutagePage, outcome: str, receipt: str, reason: str, now: datetime
) -> OutagePage:
    """With the outcome of the try that was pending."""
    last = ContactTry(
        **{
            **page.tries[-1].model_dump(),
            "outcome": outcome,
            "receipt": receipt,
            "reason": reason,
            "at": now,
        }
    )
    return page.model_copy(update={"tries": (*page.tries[:-1], last)})


def after_a_restart(page: OutagePage, now: datetime) -> OutagePage:
    """A try without an outcome may have reached them: it is unknown, and repeated under its key."""
    if page.tries and page.tries[-1].outcome == "pending":
        return settle_try(
            page, "unknown", "", "intake ended before it could record the outcome of this send", now
        )
    return page


def event_for(page: OutagePage, now: datetime) -> e.PagedDirectly:
    """What the log is told. The same state makes the same event. What was told before is left
    out.
    """
    # Attempts that the log has already are not told twice.
    tries = () if page.told else after_a_restart(page, now).tries
    # The id is made of the state, so telling the same state again is seen as a repeat.
    state = [f"{made.attempt}:{made.tries}:{made.outcome}" for made in page.tries]
    if page.over_at is not None:
        state.append(f"over:{page.over_at.isoformat()}")
    return e.PagedDirectly(
        id=derive("dir", page.page, *state),
        key=page.key,
        at=now,
        lane=page.lane,
        page=page.page,
        obligation=page.obligation,
        ticket_id=page.ticket_id,
        request_id=page.request_id,
        subject=page.subject,
        requester=page.requester,
        app=page.app,
        accepted_at=page.accepted_at,
        policy=page.policy,
        escalation=page.escalation,
        began=page.began,
        next_at=page.next_at or now,
        attempts=tuple(e.DirectAttempt.model_validate(made.model_dump()) for made in tries),
        over_at=page.over_at,
    )


def _begin_step(
    page: OutagePage, policy: OnCallPolicy, step: Step, now: datetime
) -> OutagePage | None:
    """Begin `step`, or the first after it whose person can be reached."""
    # Skip steps that reach nobody, but stop at the fallback: behind it come only repeats of it.
    while (method := next_method(policy, step.person)) is None:
        if step.is_fallback:
            return None
        step = next_step(policy, page.escalation, step.number, step.round, now)
    made = _make_try(page, step.number, step.round, step.person, method, now)
    return _add_try(page, made).model_copy(update={"next_at": now + step.wait})


def _make_try(
    page: OutagePage, step: int, round_: int, to: str, method: ContactMethod, now: datetime
) -> ContactTry:
    key = dedup_key(page.page, step, round_)
    return ContactTry(
        attempt=attempt_id(key, to, method.name, "page"),
        step=step,
        round=round_,
        to=to,
        channel=str(method.channel),
        method=method.name,
        dedup_key=key,
        at=now,
    )


def _add_try(page: OutagePage, made: ContactTry) -> OutagePage:
    return page.model_copy(update={"tries": (*page.tries, made)})
