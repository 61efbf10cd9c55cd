"""Cover for a shift: somebody on call asks, a colleague of the schedule accepts or declines. Pure.

Intake decides by it, and the portal shows the buttons that it allows. Who is on call is decided by
overrides alone: an ask changes nothing until somebody accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.errors import Refused
from shared.people.folding import fold_address
from shared.policy.on_call.coverage import shifts
from shared.policy.on_call.document import OnCallPolicy
from shared.policy.on_call.shifts import CoverAsk

LONGEST = timedelta(days=60)
"""A stand-in, and so what can be asked for; longer is a change of the rotation."""
MOST_OPEN = 20
"""So many asks of one person may wait in a schedule."""

Names = Mapping[str, str]
"""Person of the on-call document → what people call them."""


class AskState(StrEnum):
    """`expired`: its time has begun and nobody had accepted. `moot`: the rota has changed, and who
    asked is not on call for that time any more.
    """

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    MOOT = "moot"


class AskStep(StrEnum):
    """What can be done with an ask."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


class CoverWish(NamedTuple):
    """Cover that `by` would like to have: of one colleague, or of anybody (empty)."""

    by: str
    of: str
    since: datetime
    until: datetime


def person_of(policy: OnCallPolicy, email: str) -> str | None:
    """The name that the document gives the account with this address."""
    found = (
        name
        for name, one in policy.people.items()
        if fold_address(one.email) == fold_address(email)
    )
    return next(found, None)


def asked_people(policy: OnCallPolicy, schedule: str, by: str, of: str = "") -> tuple[str, ...]:
    """Who may accept what `by` asks: the one named, or whoever else takes turns in the schedule."""
    members = policy.schedules[schedule].members
    return tuple(who for who in members if who != by and of in ("", who))


def is_on_call_throughout(
    policy: OnCallPolicy, schedule: str, person: str, since: datetime, until: datetime
) -> bool:
    """Whether nobody else is on call for one minute of [since, until), of which `LONGEST` is looked
    at.
    """
    found = shifts(policy, schedule, since, min(until, since + LONGEST))
    return all(shift.person == person for shift in found)


def state_of(policy: OnCallPolicy, schedule: str, ask: CoverAsk, now: datetime) -> AskState:
    """Where the ask stands at `now`."""
    if ask.end:
        return AskState(ask.end)
    if ask.since <= now:
        return AskState.EXPIRED
    if not is_on_call_throughout(policy, schedule, ask.by, ask.since, ask.until):
        return AskState.MOOT
    return AskState.OPEN


def why_not_ask(
    policy: OnCallPolicy, schedule: str, wish: CoverWish, now: datetime, names: Names
) -> Refused | None:
    """None: `wish` may be asked for."""
    if wish.since <= now:
        return _invalid(
            "Cover is asked for a time to come. For a shift that has begun, talk to a colleague; "
            "they can take it on the page of the rota."
        )
    if wish.until <= wish.since:
        return _invalid("It must end after it begins.")
    if wish.until - wish.since > LONGEST:
        return _invalid(f"Cover is asked for {LONGEST.days} days at most.")
    if not is_on_call_throughout(policy, schedule, wish.by, wish.since, wish.until):
        return _invalid("You are not on call for all of that time. Name a part of your shift.")
    if wish.of == wish.by:
        return _invalid("Ask somebody else than yourself.")
    if not asked_people(policy, schedule, wish.by, wish.of):
        said = f"{names.get(wish.of, wish.of)} takes no" if wish.of else "Nobody else takes"
        return _invalid(f"{said} turns in {schedule}; ops and admins can name a stand-in.")
    waiting = [
        ask
        for ask in policy.schedules[schedule].asks
        if ask.by == wish.by and state_of(policy, schedule, ask, now) is AskState.OPEN
    ]
    if any(ask.since < wish.until and wish.since < ask.until for ask in waiting):
        said = "You have asked for some of that time. Withdraw that first."
        return Refused("already-asked", said, status=409)
    if len(waiting) >= MOST_OPEN:
        said = f"{MOST_OPEN} of your asks wait. Withdraw one first."
        return Refused("too-many", said, status=409)
    return None


def why_not_answer(
    policy: OnCallPolicy,
    schedule: str,
    ask: CoverAsk,
    step: AskStep,
    person: str,
    now: datetime,
    names: Names,
) -> Refused | None:
    """None: `person` may take this step. Of two who accept, the second reads who was first."""
    asked = asked_people(policy, schedule, ask.by, ask.of)
    is_theirs = person == ask.by if step is AskStep.WITHDRAW else person in asked
    if not is_theirs:
        said = "Whoever asked withdraws it." if step is AskStep.WITHDRAW else "You were not asked."
        return Refused("forbidden", said, status=403)
    state = state_of(policy, schedule, ask, now)
    if state is not AskState.OPEN:
        return Refused("ask-over", _over(ask, state, names), status=409)
    if step is AskStep.DECLINE and person in ask.declined:
        return Refused("already-so", "You declined already.", status=409)
    return None


def _over(ask: CoverAsk, state: AskState, names: Names) -> str:
    by, ended_by = (names.get(who, who) for who in (ask.by, ask.ended_by))
    said = {
        AskState.ACCEPTED: f"{ended_by} took it already.",
        AskState.DECLINED: f"Everybody who was asked declined. {by} stays on call.",
        AskState.WITHDRAWN: f"{by} withdrew it and stays on call.",
        AskState.EXPIRED: f"Its time has begun. {by} stays on call.",
        AskState.MOOT: f"The rota has changed: {by} is not on call for all of that time any more.",
    }
    return said[state]


def _invalid(detail: str) -> Refused:
    return Refused("invalid", detail)
