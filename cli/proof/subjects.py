"""The three workers as they are checked: router and sla under the version each request is stamped
with, the pager under the versions that were in force when it decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cli.proof.log import PolicyVersions, VersionInForce
from cli.proof.recorded import UnparsedFact
from cli.proof.redeciding import ProofSubject
from services.notifier.pager import handlers as pager
from services.notifier.pager.handlers import list_owed
from services.notifier.pager.pace import PagingRules
from services.notifier.pager.row import AttemptState, Lane
from services.router import handlers as router
from services.sla import handlers as sla
from shared.errors import Poisonous, Unavailable
from shared.events import AttemptOutcome, ContactChecked, Event, PageAccepted, PageFailed
from shared.ids import derive
from shared.policy import DESK, ON_CALL, DeskPolicy, OnCallPolicy
from shared.spine.work import Work
from shared.topics import CLOCKS, PAGES, STATUS, TICKETS

JUST_CHANGED = timedelta(minutes=1)
"""The pager reads a new version within seconds; for so long the one before is as good."""


def make_policy_lookup(policies: PolicyVersions) -> Any:
    """What router and sla ask: the desk policy that a stamp names."""

    def of(stamp: dict[str, int]) -> DeskPolicy:
        version = stamp.get(DESK)
        if version is None:
            # As the workers do: the input is put aside there, too.
            raise Poisonous(f"the request is stamped with no version of policy {DESK!r}")
        if version not in policies.desk:
            raise Unavailable(f"policy {DESK!r} version {version}", "it is not in the log")
        found = policies.desk[version].document
        assert isinstance(found, DeskPolicy)
        return found

    return of


def router_subject(policies: PolicyVersions) -> ProofSubject:
    """It writes two topics, which one the key says."""
    work = router.work(make_policy_lookup(policies))
    return ProofSubject(
        work,
        TICKETS.name,
        under=lambda light: (work,),
        other=dict.fromkeys(("inc_", "mnt_", "ann_"), STATUS.name),
    )


def sla_subject(policies: PolicyVersions) -> ProofSubject:
    work = sla.work(make_policy_lookup(policies))
    return ProofSubject(work, CLOCKS.name, under=lambda light: (work,))


def pager_subject(policies: PolicyVersions) -> ProofSubject:
    works: dict[tuple[int, int], Work[Lane]] = {}

    def under(light: UnparsedFact | None) -> Sequence[Work[Any]]:
        found = []
        # Every pair that may have been in force; works are kept, since each builds its rules.
        for on_call in in_force(policies.on_call, light.at if light else None):
            desks: list[VersionInForce | None] = [
                *in_force(policies.desk, light.at if light else None)
            ]
            for desk in desks or [None]:
                place = (on_call.version, desk.version if desk else 0)
                if place not in works:
                    works[place] = pager_work(rules_of(on_call, desk))
                found.append(works[place])
        return found or [pager_work(None)]

    return ProofSubject(
        pager_work(None), PAGES.name, under=under, outcomes=outcomes, owes=sends_owed
    )


def in_force(versions: Mapping[int, VersionInForce], at: datetime | None) -> list[VersionInForce]:
    """The versions that a reader of the topic may have had for the newest at `at`, the newest
    first; None: the newest.
    """
    ordered = sorted(versions.values(), key=lambda version: -version.version)
    if at is None:
        return ordered[:1]
    found: list[VersionInForce] = []
    for version in ordered:
        # Newest first, back to one that surely was in force.
        if version.at <= at + JUST_CHANGED:
            found.append(version)
            if version.at <= at - JUST_CHANGED:
                break
    return found


def rules_of(on_call: VersionInForce, desk: VersionInForce | None) -> PagingRules:
    document, desk_document = on_call.document, desk.document if desk else None
    assert isinstance(document, OnCallPolicy)
    escalation = (
        desk_document.escalation
        if isinstance(desk_document, DeskPolicy)
        else DeskPolicy.model_fields["escalation"].default
    )
    return PagingRules(
        document, escalation, {ON_CALL: on_call.version, **({DESK: desk.version} if desk else {})}
    )


def pager_work(rules: PagingRules | None) -> Work[Lane]:
    """The pager without its lines out: nothing can be sent. `rules` None: none was published, so
    nothing could be decided.
    """

    def rules_at(_: datetime) -> PagingRules:
        if rules is None:
            raise Unavailable("policies", f"no version of {ON_CALL!r} was in force")
        return rules

    return pager.work(rules_at)


def outcomes(lane: Lane, light: UnparsedFact) -> Sequence[Event]:
    """What the far side may have said, where `light` is what the pager made of it: the send must be
    owed by the row.
    """
    fact = light.fact
    if isinstance(fact, ContactChecked):
        return _check_outcomes(lane, fact)
    if (
        not isinstance(fact, PageAccepted | PageFailed)
        or (page := lane.pages.get(fact.page)) is None
    ):
        return ()
    attempt = page.attempts.get(fact.attempt)
    if (
        # Only a send that the row still owes can have an outcome.
        attempt is None
        or attempt.sending is not AttemptState.OWED
        or derive("out", attempt.id, str(attempt.tries)) != fact.cause
    ):
        return ()
    about: dict[str, Any] = {
        "id": fact.cause,
        "key": fact.key,
        "at": fact.at,
        "page": fact.page,
        "attempt": fact.attempt,
        "tries": attempt.tries,
    }
    if isinstance(fact, PageAccepted):
        return (
            AttemptOutcome(
                **about | {"at": fact.accepted_at}, outcome="accepted", receipt=fact.receipt
            ),
        )
    # The log does not say which of the two it was: both are tried.
    words: tuple[Any, ...] = ("unknown",) if fact.unknown else ("try-later", "refused")
    return tuple(AttemptOutcome(**about, outcome=word, reason=fact.reason) for word in words)


def _check_outcomes(lane: Lane, fact: ContactChecked) -> Sequence[Event]:
    """What a contact method may have said of the code that was sent to it."""
    if fact.check not in lane.checks:
        return ()
    about: dict[str, Any] = {
        "id": derive("out", fact.check, "check"),
        "key": fact.key,
        "at": fact.at,
        "page": "",
        "attempt": fact.check,
    }
    return (
        AttemptOutcome(
            **about, tries=1, outcome=fact.outcome, receipt=fact.receipt, reason=fact.reason
        ),
    )


def sends_owed(lane: Lane) -> Sequence[str]:
    return [
        (
            f"the {send.attempt.purpose} to {send.attempt.to} by {send.attempt.method}, step "
            f"{send.attempt.step}, try {send.attempt.tries}"
        )
        for send in list_owed(lane)
    ]
