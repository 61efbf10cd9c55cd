"""Asks for cover: each step makes the next version of the policy document `on-call`. Accepting adds
the override that an administrator would add, in the same version as the answer: so of two who
accept, one wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from services.intake.forms import ONE_LINE
from services.intake.policies.rota import StandInForm, check_schedule, with_override
from shared.access import may_handle_pages
from shared.errors import Refused
from shared.events import Actor
from shared.policy import OnCallPolicy
from shared.policy.on_call.cover import (
    AskStep,
    CoverWish,
    Names,
    asked_people,
    person_of,
    why_not_answer,
    why_not_ask,
)

MOST_OVER = 50
"""So many asks that are over stand in the newest version; the versions before keep the others."""

Document = Mapping[str, Any]


class AskForm(StandInForm):
    """`of`: one colleague of the schedule; empty: whoever has the time. `word`: for those who
    read it.
    """

    of: Annotated[str, StringConstraints(max_length=100, pattern=ONE_LINE)] = ""
    word: Annotated[
        str, StringConstraints(max_length=300, strip_whitespace=True, pattern=ONE_LINE)
    ] = ""


def with_ask(
    document: Document,
    schedule: str,
    form: AskForm,
    ask_id: str,
    actor: Actor,
    now: datetime,
    names: Names,
) -> dict[str, Any]:
    """The document with one more ask. Raises Refused."""
    policy = OnCallPolicy.model_validate(document, extra="ignore")
    person = _who(policy, schedule, actor)
    wish = CoverWish(person, form.of, form.since, form.until)
    _check(why_not_ask(policy, schedule, wish, now, names))
    ask = {
        "id": ask_id,
        "by": person,
        "of": form.of,
        "since": form.since.isoformat(),
        "until": form.until.isoformat(),
        "word": form.word,
        "asked_at": now.isoformat(),
    }
    asks = _without_old(document["schedules"][schedule].get("asks", ()), now)
    return _with(document, schedule, [*asks, ask])


def with_answer(
    document: Document,
    schedule: str,
    ask_id: str,
    step: AskStep,
    actor: Actor,
    now: datetime,
    names: Names,
) -> dict[str, Any]:
    """The document after somebody accepted, declined or withdrew an ask. Raises Refused."""
    policy = OnCallPolicy.model_validate(document, extra="ignore")
    person = _who(policy, schedule, actor)
    ask = next((one for one in policy.schedules[schedule].asks if one.id == ask_id), None)
    if ask is None:
        raise Refused("no-such-ask", "There is no such ask for cover, or no more.", status=404)
    _check(why_not_answer(policy, schedule, ask, step, person, now, names))
    declined = (*ask.declined, person) if step is AskStep.DECLINE else ask.declined
    ends = {AskStep.ACCEPT: "accepted", AskStep.WITHDRAW: "withdrawn"}
    end = ends.get(step, "")
    if step is AskStep.DECLINE and set(asked_people(policy, schedule, ask.by, ask.of)) <= set(
        declined
    ):
        end = "declined"
    change: dict[str, Any] = {"declined": list(declined)} if declined else {}
    if end:
        change |= {"end": end, "ended_by": person, "ended_at": now.isoformat()}
    raw = document["schedules"][schedule]["asks"]
    changed = _with(
        document, schedule, [{**one, **change} if one["id"] == ask_id else one for one in raw]
    )
    if step is AskStep.ACCEPT:
        return with_override(changed, schedule, person, ask.since, ask.until, now)
    return changed


def note_of_ask(schedule: str) -> str:
    """What the version says it is about; who it was stands beside it."""
    return f"cover asked for on {schedule}"


def note_of_answer(schedule: str, step: AskStep) -> str:
    said = {
        AskStep.ACCEPT: "takes the shift that was asked for",
        AskStep.DECLINE: "declines to cover",
        AskStep.WITHDRAW: "withdraws an ask for cover",
    }
    return f"{said[step]} on {schedule}"


def _who(policy: OnCallPolicy, schedule: str, actor: Actor) -> str:
    person = person_of(policy, actor.email)
    if person is None or not may_handle_pages(actor):
        raise Refused(
            "forbidden", "Cover is asked and given by the people of the rota.", status=403
        )
    check_schedule(policy.schedules, schedule)
    return person


def _check(refusal: Refused | None) -> None:
    if refusal is not None:
        raise refusal


def _with(document: Document, schedule: str, asks: list[Any]) -> dict[str, Any]:
    schedules = document["schedules"]
    return {**document, "schedules": {**schedules, schedule: {**schedules[schedule], "asks": asks}}}


def _without_old(asks: Any, now: datetime) -> list[Any]:
    """Those that wait, and the last of those that are over."""
    over = [
        one["id"]
        for one in asks
        if one.get("end") or datetime.fromisoformat(one["since"].upper()) <= now
    ]
    old = frozenset(over[:-MOST_OVER])
    return [one for one in asks if one["id"] not in old]
