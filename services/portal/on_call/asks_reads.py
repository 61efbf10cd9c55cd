"""Reads of the asks for cover and of one's own shifts, from the on-call document that the portal
follows in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.on_call.asks import asks_of, own_shifts
from services.portal.on_call.reads import RotaReads
from shared.access import may_handle_pages, may_see_desk
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.identity import Lookup
from shared.policy import OnCallPolicy
from shared.policy.on_call.cover import AskStep, person_of

Shape = dict[str, Any]


async def read_asks(rota: RotaReads, actor: Actor, now: datetime) -> list[Shape] | None:
    """`asks_of` as this person sees them; None for whoever is not staff."""
    if not may_see_desk(actor):
        return None
    policy = await rota.policy()
    if policy is None:
        return []
    person = person_of(policy, actor.email) if may_handle_pages(actor) else None
    mine = [person] if person else []
    return await rota.workers.run(lambda: asks_of(policy, mine, now))


async def count_asked(rota: RotaReads, actor: Actor, now: datetime) -> int:
    """How many asks wait for this person."""
    return asked_of_me(await read_asks(rota, actor, now) or [])


def asked_of_me(asks: Iterable[Shape]) -> int:
    """How many of these wait for whoever they were read for."""
    return sum(AskStep.ACCEPT in ask["steps"] for ask in asks)


async def read_own_shifts(
    rota: RotaReads, person: str, now: datetime, zone: ZoneInfo
) -> list[Shape]:
    """`own_shifts` of somebody of the document."""
    policy = await rota.policy()
    if policy is None:
        return []
    planned = await rota.shifts_of(person, now)
    return await rota.workers.run(lambda: own_shifts(policy, person, planned, now, zone))


def display_names(policy: OnCallPolicy, directory: Lookup) -> dict[str, str]:
    """Person of the document → the name of their account, or their name there with a capital."""
    accounts = {
        name: directory.get("accounts", fold_address(one.email))
        for name, one in policy.people.items()
    }
    return {
        name: str((account or {}).get("name") or "") or name.capitalize()
        for name, account in accounts.items()
    }
