"""Asking for cover and answering: decided on the newest on-call document, published as its next
version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from services.intake.domain import RequestContext
from services.intake.policies import cover
from services.intake.policies.cover import AskForm
from services.intake.policies.shell import made_before, on_call_in_force, publish_policy
from services.intake.shell import Answer, Intake
from shared import ids
from shared.errors import Refused
from shared.people.folding import fold_address
from shared.policy import ON_CALL
from shared.policy.on_call.cover import AskStep, Names

Document = Mapping[str, Any]
Change = Callable[[Document, Names], dict[str, Any]]

TRIES = 5
"""So often a step is decided again where somebody else's version came first."""


async def ask_cover(
    intake: Intake, schedule: str, form: AskForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/on-call/{schedule}/asks. `ask` in the answer is its id."""
    asked = _at(asked, schedule)
    who, key = fold_address(asked.actor.email), asked.idempotency_key
    ask = ids.derive("ask", schedule, who, key, asked.digest)

    def change(document: Document, names: Names) -> dict[str, Any]:
        return cover.with_ask(document, schedule, form, ask, asked.actor, asked.at, names)

    done = await _publish(intake, change, cover.note_of_ask(schedule), asked, trace)
    return done | {"ask": ask}


async def answer_ask(
    intake: Intake, schedule: str, ask: str, step: AskStep, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/on-call/{schedule}/asks/{ask}/accept, decline, withdraw."""
    asked = _at(asked, schedule, ask, step.value)

    def change(document: Document, names: Names) -> dict[str, Any]:
        return cover.with_answer(document, schedule, ask, step, asked.actor, asked.at, names)

    done = await _publish(intake, change, cover.note_of_answer(schedule, step), asked, trace)
    return done | {"ask": ask}


def _at(asked: RequestContext, *where: str) -> RequestContext:
    """The bodies of two steps may be the same: what a retry is known by names the step, too."""
    return replace(asked, digest=ids.digest(asked.digest, *where))


async def _publish(
    intake: Intake, change: Change, note: str, asked: RequestContext, trace: str
) -> Answer:
    """Another version meanwhile is no conflict for whoever asks: the step is decided again on that,
    and refused where it says that a colleague was first.
    """
    for tried in range(1, TRIES + 1):
        if (before := made_before(intake.reference, ON_CALL, asked)) is not None:
            return before
        last = on_call_in_force(intake)
        names = _names_in(intake, last.document)
        document = await intake.slow.run(partial(change, last.document, names))
        try:
            return await publish_policy(
                intake,
                ON_CALL,
                document,
                note,
                asked,
                trace,
                based_on=last.version,
                made_of=last.document,
            )
        except Refused as refused:
            if refused.code != "version-conflict" or tried == TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def _names_in(intake: Intake, document: Document) -> dict[str, str]:
    """Person → the name of their account."""
    accounts = {
        who: intake.reference.get("accounts", fold_address(str(one.get("email", ""))))
        for who, one in document.get("people", {}).items()
    }
    return {
        who: str(account["name"])
        for who, account in accounts.items()
        if account and account.get("name")
    }
