"""Sends codes to contact methods, each by that very channel. The code is derived
(shared/signed/contact_code.py) and stands in no fact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.notifier.pager.lane import Check, Lane
from services.notifier.pager.rules import Rulebook
from shared.channels import (
    CHANNELS,
    Accepted,
    ChannelContext,
    Outcome,
    PageMessage,
    Rejected,
    TryLater,
    Unknown,
)
from shared.events import AttemptOutcome
from shared.ids import derive
from shared.policy import ON_CALL
from shared.policy.on_call.document import ContactMethod, OnCallPolicy
from shared.signed.contact_code import code_for, is_over
from shared.spine.work import Effect

WORDS: dict[type[Outcome], str] = {
    Accepted: "accepted",
    Rejected: "refused",
    TryLater: "try-later",
    Unknown: "unknown",
}
# 20 looks, a tenth of a second apart: two seconds.
_LOOKS, _EVERY_S = 20, 0.1
"""The request may come before the version of the document it speaks of: two logs."""


@dataclass(frozen=True)
class CheckSend(Effect):
    check: Check


def checks_owed(lane: Lane) -> Sequence[CheckSend]:
    return [
        CheckSend(id=check.id, destination=f"check:{check.person}/{check.method}", check=check)
        for check in lane.checks.values()
    ]


class Checker:
    """Sends codes."""

    def __init__(self, rulebook: Rulebook, line: ChannelContext) -> None:
        self._rulebook, self._line = rulebook, line

    async def perform(self, send: CheckSend, *, is_ours: bool) -> AttemptOutcome:
        """`is_ours`: this process recorded it; otherwise an earlier one may have sent it."""
        check = send.check
        outcome = (
            await self._send_code(check)
            if is_ours
            else Unknown("the pager ended before it could record what became of it")
        )
        return AttemptOutcome(
            id=derive("out", check.id, "check"),
            key=f"contact:{check.person}",
            at=self._line.now(),
            page="",
            attempt=check.id,
            tries=1,
            outcome=WORDS[type(outcome)],
            receipt=outcome.receipt if isinstance(outcome, Accepted) else "",
            reason="" if isinstance(outcome, Accepted) else outcome.reason,
        )

    async def _send_code(self, check: Check) -> Outcome:
        # The code would be refused anyway, so it is not sent.
        if is_over(check.asked_at, self._line.now()):
            return Rejected("asked for too long ago: the code would be of no use")
        # The method may have been added in the very version that the request names.
        policy = await self._policy_of(check.version)
        person = policy.people.get(check.person)
        # Not `verified`: the code is what verifies it.
        method = (
            next((m for m in person.methods if m.name == check.method), None) if person else None
        )
        if method is None:
            return Rejected(f"{check.person} has no contact method {check.method!r} any more")
        return await CHANNELS[method.channel](
            self._line, method.address, self._summons(policy, check, method)
        )

    async def _policy_of(self, version: int) -> OnCallPolicy:
        """The document in force, once it is of that version or newer; after two seconds as it
        is.
        """
        for _ in range(_LOOKS):
            if self._rulebook.rules().stamp.get(ON_CALL, 0) >= version:
                break
            await asyncio.sleep(_EVERY_S)
        return self._rulebook.rules().on_call

    def _summons(self, policy: OnCallPolicy, check: Check, method: ContactMethod) -> PageMessage:
        key = derive("chk", check.id)
        return PageMessage(
            # Only what a code needs; a page's fields stay empty.
            key=key,
            purpose="verify",
            page_id="",
            ticket_id="",
            subject="",
            requester="",
            app=None,
            person=check.person,
            step=0,
            round=0,
            tries=1,
            dedup_key=key,
            accepted_at=check.asked_at,
            ack_url="",
            ticket_url="",
            timeout=policy.send_timeout,
            code=code_for(self._line.secret, check.person, method, check.asked_at),
        )
