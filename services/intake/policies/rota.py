"""Changes of the rota: an override or a swap makes the next version of the policy document
`on-call`.

Whoever is on call may take a shift, or swap one of their own; ops and admins may say it for
anybody. An escalation that runs goes by the newest version, so a stand-in is paged from the next
step on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field

from services.intake.forms import Form, Word
from shared.access import may_handle_pages
from shared.errors import Refused
from shared.events import Actor, Role
from shared.instants import of_ours
from shared.people.folding import fold_address
from shared.policy.on_call.cover import LONGEST

REMEMBERED = timedelta(days=90)
"""Stand-ins that ended longer ago are left out of the next version; the versions before it keep
them.
"""

# Who may say a change for others.
_FOR_ANYBODY = frozenset({Role.OPS, Role.ADMIN})
_When = Annotated[AwareDatetime, Field(strict=False), AfterValidator(of_ours)]


class StandInForm(Form):
    """From `since` (now, if that is past) to `until`, at most 60 days."""

    since: _When
    until: _When


class OverrideForm(StandInForm):
    """`person` is on call instead of whoever's turn it is."""

    person: Word


class SwapForm(StandInForm):
    """Each stands in for the other."""

    one: Word
    other: Word


def with_stand_in(
    document: Mapping[str, Any],
    schedule: str,
    form: OverrideForm | SwapForm,
    actor: Actor,
    now: datetime,
) -> dict[str, Any]:
    """The document with one more override or swap. Raises Refused: no such schedule or person, not
    theirs to say, or a bad time.
    """
    # The right first: what is wrong with the form is for those who may change it.
    if not may_handle_pages(actor):
        raise Refused(
            "forbidden", "The rota is changed by those on call, ops and admins.", status=403
        )
    schedules, people = document.get("schedules", {}), document.get("people", {})
    check_schedule(schedules, schedule)
    concerned = [form.person] if isinstance(form, OverrideForm) else [form.one, form.other]
    for name in concerned:
        if name not in people:
            raise Refused(
                "invalid",
                f"{name!r} is not among the people of the on-call document: "
                f"{', '.join(sorted(people))}.",
            )
    if len(set(concerned)) != len(concerned):
        raise Refused("invalid", "A swap is between two people.")
    if not _FOR_ANYBODY & set(actor.roles):
        # Everybody else speaks for themselves: one of the two must be them.
        own = [
            name
            for name in concerned
            if fold_address(str(people[name].get("email", ""))) == fold_address(actor.email)
        ]
        if Role.ON_CALL not in actor.roles or not own:
            raise Refused(
                "forbidden",
                "Take a shift yourself, or swap one of your own; ops and admins say it for others.",
                status=403,
            )
    # A time that is past already begins now.
    since = max(form.since, now)
    if form.until <= since:
        raise Refused("invalid", "It must end in the future, and after it begins.")
    if form.until - since > LONGEST:
        raise Refused(
            "invalid",
            f"A stand-in lasts {LONGEST.days} days at most; change the rotation for longer.",
        )
    if isinstance(form, OverrideForm):
        return with_override(document, schedule, form.person, since, form.until, now)
    swap = {"one": form.one, "other": form.other}
    return _added(document, schedule, "swaps", swap, since, form.until, now)


def check_schedule(schedules: Mapping[str, Any], name: str) -> None:
    """Raises Refused `no-such-schedule` (404)."""
    if name not in schedules:
        raise Refused(
            "no-such-schedule",
            f"There is no schedule {name!r}; there are {', '.join(sorted(schedules))}.",
            status=404,
        )


def with_override(
    document: Mapping[str, Any],
    schedule: str,
    person: str,
    since: datetime,
    until: datetime,
    now: datetime,
) -> dict[str, Any]:
    """The document with one more override; who may is checked before."""
    return _added(document, schedule, "overrides", {"person": person}, since, until, now)


def _added(
    document: Mapping[str, Any],
    schedule: str,
    field: str,
    stand_in: Mapping[str, str],
    since: datetime,
    until: datetime,
    now: datetime,
) -> dict[str, Any]:
    schedules = document["schedules"]
    added = {**stand_in, "since": since.isoformat(), "until": until.isoformat()}
    # Old stand-ins go, or the document would grow for ever.
    kept = [
        one
        for one in schedules[schedule].get(field, ())
        if datetime.fromisoformat(one["until"]) > now - REMEMBERED
    ]
    changed = {**schedules[schedule], field: [*kept, added]}
    return {**document, "schedules": {**schedules, schedule: changed}}


def note_of(form: OverrideForm | SwapForm, schedule: str) -> str:
    """What the version says it is about."""
    return (
        f"{form.person} stands in on {schedule}"
        if isinstance(form, OverrideForm)
        else f"{form.one} and {form.other} swap on {schedule}"
    )
