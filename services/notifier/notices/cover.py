"""Who is told of an ask for cover: those who are asked, and whoever asked of the answer. Pure.

A version of the on-call document tells of what was done in it alone: of the asks whose time of
asking, or of ending, is the version's own. A document that is put back tells nobody again.

| in the version | told |
|---|---|
| an ask | those who may accept it: `cover-asked` |
| accepted, declined by all | whoever asked: `cover-answered` |

A withdrawal tells nobody: who looks at it finds it withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from services.notifier.notices.told import DirectoryIndex, Rule, SenderIdentity, Told, mail
from shared.events import PolicyPublished
from shared.people.folding import fold_address
from shared.people.time_zones import time_zones
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.on_call.cover import asked_people
from shared.policy.on_call.shifts import CoverAsk


def tell_cover(
    fact: PolicyPublished, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    if fact.key != ON_CALL:
        return
    try:
        policy = OnCallPolicy.model_validate(fact.document, extra="ignore")
    except ValidationError:
        return  # nobody goes by it, so nobody is told of it
    for schedule, one in policy.schedules.items():
        for ask in one.asks:
            if ask.asked_at == fact.at and not ask.end:
                for person in asked_people(policy, schedule, ask.by, ask.of):
                    yield _asked(fact, policy, schedule, ask, person, directory, house)
            elif ask.ended_at == fact.at and ask.end in ("accepted", "declined"):
                yield _answered(fact, policy, schedule, ask, directory, house)


def _asked(
    fact: PolicyPublished,
    policy: OnCallPolicy,
    schedule: str,
    ask: CoverAsk,
    person: str,
    directory: DirectoryIndex,
    house: SenderIdentity,
) -> Told:
    to = policy.people[person].email
    body = {
        "by_name": _name(policy, ask.by, directory),
        "word": ask.word,
        **_about(policy, schedule, ask, to, directory, house),
    }
    return mail(fact, to, "cover-asked", body, directory, house)


def _answered(
    fact: PolicyPublished,
    policy: OnCallPolicy,
    schedule: str,
    ask: CoverAsk,
    directory: DirectoryIndex,
    house: SenderIdentity,
) -> Told:
    to = policy.people[ask.by].email
    body = {
        "by_name": _name(policy, ask.ended_by, directory),
        "accepted": ask.end == "accepted",
        **_about(policy, schedule, ask, to, directory, house),
    }
    return mail(fact, to, "cover-answered", body, directory, house)


def _about(
    policy: OnCallPolicy,
    schedule: str,
    ask: CoverAsk,
    to: str,
    directory: DirectoryIndex,
    house: SenderIdentity,
) -> dict[str, str]:
    """The shift in the time zone of the reader's account, or else of the schedule."""
    account = directory.get("accounts", fold_address(to)) or {}
    chosen = str(account.get("time_zone") or "")
    zone = chosen if chosen in time_zones() else policy.schedules[schedule].zone
    return {
        "schedule": schedule,
        "since": _shown(ask.since, zone),
        "until": _shown(ask.until, zone),
        "zone": zone.replace("_", " "),
        "url": f"{house.public_url}/on-call#cover",
        "link": "Look at the rota",
    }


def _name(policy: OnCallPolicy, person: str, directory: DirectoryIndex) -> str:
    one = policy.people.get(person)
    account = directory.get("accounts", fold_address(one.email)) if one else None
    return str((account or {}).get("name") or "") or person.capitalize()


def _shown(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%A %-d %B %Y, %H:%M}"


POLICIES: Mapping[type[PolicyPublished], Rule] = {PolicyPublished: tell_cover}
