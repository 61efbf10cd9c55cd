"""The three workers as they are checked: router and sla under the version each request is stamped with, the pager under the
versions that were in force when it decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cli.proof.log import InForce, Policies
from cli.proof.recorded import Light
from cli.proof.redeciding import Subject
from services.notifier import domain as pager
from services.notifier import pager_lane
from services.notifier.pager import NAME, owed
from services.notifier.pager_lane import Lane, Sending
from services.notifier.pager_steps import Rules
from services.router import handlers as router
from services.sla import handlers as sla
from shared.errors import Poisonous, Unavailable
from shared.events import AttemptOutcome, ContactChecked, Event, PageAccepted, PageFailed
from shared.ids import derive
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.topics import CLOCKS, PAGE_INBOX, PAGES, STATUS, TICKETS
from shared.work import Work

JUST_CHANGED = timedelta(minutes=1)
"""The pager reads a new version within seconds; for so long the one before is as good."""


def stamped(policies: Policies) -> Any:
    """What router and sla ask: the desk policy that a stamp names."""

    def of(stamp: dict[str, int]) -> DeskPolicy:
        version = stamp.get(DESK)
        if version is None:
            raise Poisonous(f"the request is stamped with no version of policy {DESK!r}")
        if version not in policies.desk:
            raise Unavailable(f"policy {DESK!r} version {version}", "it is not in the log")
        found = policies.desk[version].document
        assert isinstance(found, DeskPolicy)
        return found

    return of


def router_subject(policies: Policies) -> Subject:
    """It writes two topics, which one the key says."""
    work = router.work(stamped(policies))
    return Subject(work, TICKETS.name, under=lambda light: (work,), other=dict.fromkeys(("inc_", "mnt_", "ann_"), STATUS.name))


def sla_subject(policies: Policies) -> Subject:
    work = sla.work(stamped(policies))
    return Subject(work, CLOCKS.name, under=lambda light: (work,))


def pager_subject(policies: Policies) -> Subject:
    works: dict[tuple[int, int], Work[Lane]] = {}

    def under(light: Light | None) -> Sequence[Work[Any]]:
        found = []
        for on_call in in_force(policies.on_call, light.at if light else None):
            desks: list[InForce | None] = [*in_force(policies.desk, light.at if light else None)]
            for desk in desks or [None]:
                place = (on_call.version, desk.version if desk else 0)
                if place not in works:
                    works[place] = pager_work(rules_of(on_call, desk))
                found.append(works[place])
        return found or [pager_work(None)]

    return Subject(pager_work(None), PAGES.name, under=under, outcomes=outcomes, owes=sends_owed)


def in_force(versions: Mapping[int, InForce], at: datetime | None) -> list[InForce]:
    """The versions that a reader of the topic may have had for the newest at `at`, the newest first; None: the newest."""
    ordered = sorted(versions.values(), key=lambda version: -version.version)
    if at is None:
        return ordered[:1]
    found: list[InForce] = []
    for version in ordered:
        if version.at <= at + JUST_CHANGED:
            found.append(version)
            if version.at <= at - JUST_CHANGED:
                break
    return found


def rules_of(on_call: InForce, desk: InForce | None) -> Rules:
    document, desk_document = on_call.document, desk.document if desk else None
    assert isinstance(document, OnCallPolicy)
    escalation = desk_document.escalation if isinstance(desk_document, DeskPolicy) else DeskPolicy.model_fields["escalation"].default
    return Rules(document, escalation, {ON_CALL: on_call.version, **({DESK: desk.version} if desk else {})})


def pager_work(rules: Rules | None) -> Work[Lane]:
    """The pager without its lines out: nothing can be sent. `rules` None: none was published, so nothing could be decided."""

    def known() -> Rules:
        if rules is None:
            raise Unavailable("policies", f"no version of {ON_CALL!r} was in force")
        return rules

    return Work(
        name=NAME, input=PAGE_INBOX.name, outputs=(PAGES.name,), row=Lane, evolve=pager_lane.evolve, due_at=pager_lane.due_at,
        decide=lambda lane, event, now: pager.decide(lane, event, known(), now), fire=lambda lane, now: pager.fire(lane, known(), now),
    )  # fmt: skip


def outcomes(lane: Lane, light: Light) -> Sequence[Event]:
    """What the far side may have said, where `light` is what the pager made of it: the send must be owed by the row."""
    fact = light.fact
    if isinstance(fact, ContactChecked):
        return _check_outcomes(lane, fact)
    if not isinstance(fact, PageAccepted | PageFailed) or (page := lane.pages.get(fact.page)) is None:
        return ()
    attempt = page.attempts.get(fact.attempt)
    if attempt is None or attempt.sending is not Sending.OWED or derive("out", attempt.id, str(attempt.tries)) != fact.cause:
        return ()
    about: dict[str, Any] = {
        "id": fact.cause, "key": fact.key, "at": fact.at, "page": fact.page, "attempt": fact.attempt, "tries": attempt.tries
    }  # fmt: skip
    if isinstance(fact, PageAccepted):
        return (AttemptOutcome(**about | {"at": fact.accepted_at}, outcome="accepted", receipt=fact.receipt),)
    words: tuple[Any, ...] = ("unknown",) if fact.unknown else ("try-later", "refused")
    return tuple(AttemptOutcome(**about, outcome=word, reason=fact.reason) for word in words)


def _check_outcomes(lane: Lane, fact: ContactChecked) -> Sequence[Event]:
    """What a contact method may have said of the code that was sent to it."""
    if fact.check not in lane.checks:
        return ()
    about: dict[str, Any] = {"id": derive("out", fact.check, "check"), "key": fact.key, "at": fact.at, "page": "", "attempt": fact.check}
    return (AttemptOutcome(**about, tries=1, outcome=fact.outcome, receipt=fact.receipt, reason=fact.reason),)


def sends_owed(lane: Lane) -> Sequence[str]:
    return [
        f"the {send.attempt.purpose} to {send.attempt.to} by {send.attempt.method}, step {send.attempt.step}, try {send.attempt.tries}"
        for send in owed(lane)
    ]
