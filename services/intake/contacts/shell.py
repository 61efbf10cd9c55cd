"""The shell of one's own contact methods: the next version of the on-call document, or a request
that a code be sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from services.intake.contacts import methods as contacts
from services.intake.contacts.methods import ConfirmForm, MethodForm
from services.intake.domain import RequestContext, request_id
from services.intake.http.door import Allowance, too_many
from services.intake.policies.shell import publish_policy
from services.intake.shell import SOURCE, Answer, Intake, secret_of
from shared import events as e
from shared.errors import Refused
from shared.events import Actor
from shared.policy import ON_CALL
from shared.topics import REQUESTS
from shared.wire import record_for

_AGAIN = 5
"""So often is a change made anew on the version somebody else published in between."""

Change = Callable[[contacts.Document], dict[str, Any]]


class CodeRateLimit:
    """How often codes are sent and tried, by person: eight digits, five of which count, cannot be
    found out at this rate.
    """

    def __init__(
        self, sends: str = "10/15 minutes", tries: str = "20/15 minutes", copies: int = 1
    ) -> None:
        self._sends, self._tries = Allowance(sends, copies), Allowance(tries, copies)

    def send(self, person: str) -> None:
        """Raises Refused 429."""
        self._take(self._sends, person, "That is enough codes for now.")

    def attempt(self, person: str) -> None:
        """Raises Refused 429."""
        self._take(self._tries, person, "That was tried too often.")

    @staticmethod
    def _take(allowance: Allowance, person: str, why: str) -> None:
        if wait := allowance.take(person, time.monotonic()):
            raise too_many(why, wait)


def list_methods(intake: Intake, person: str, actor: Actor) -> Answer:
    """GET /v1/people/{person}/methods: in the order in which they are tried."""
    return {
        "person": person,
        "items": [
            contacts.describe_method(method)
            for method in contacts.methods_of(_document(intake)[0], person, actor)
        ],
    }


async def add(
    intake: Intake, person: str, form: MethodForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/people/{person}/methods."""
    note = f"{person} adds the contact method {form.name}"
    return await _publish_change(
        intake,
        lambda document: contacts.with_method(document, person, form, asked.actor),
        note,
        asked,
        trace,
    )


async def remove(
    intake: Intake, person: str, name: str, asked: RequestContext, trace: str
) -> Answer:
    """DELETE /v1/people/{person}/methods/{name}."""
    note = f"{person} removes the contact method {name}"
    return await _publish_change(
        intake,
        lambda document: contacts.without_method(document, person, name, asked.actor),
        note,
        asked,
        trace,
    )


async def put_first(
    intake: Intake, person: str, name: str, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/people/{person}/methods/{name}/first."""
    note = f"{person} is to be tried by {name} first"
    return await _publish_change(
        intake,
        lambda document: contacts.with_first(document, person, name, asked.actor),
        note,
        asked,
        trace,
    )


async def confirm(
    intake: Intake,
    person: str,
    name: str,
    form: ConfirmForm,
    pace: CodeRateLimit,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/people/{person}/methods/{name}/confirm."""
    secret = _secret(intake)
    # Raises for a stranger before a try is counted against the person.
    contacts.method_of(_document(intake)[0], person, name, asked.actor)
    pace.attempt(person)
    note = f"{person} has verified the contact method {name}"

    def change(document: contacts.Document) -> dict[str, Any]:
        return contacts.with_verified(
            document, person, name, form.code, asked.actor, secret, asked.at
        )

    return await _publish_change(intake, change, note, asked, trace)


async def verify(
    intake: Intake, person: str, name: str, pace: CodeRateLimit, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/people/{person}/methods/{name}/verify: a code goes out. What became of it: GET
    /v1/requests/{request_id}.

    Not spooled while Kafka is away: the code would come when it is no longer good. Raises
    Unavailable.
    """
    _secret(intake)
    contacts.method_of(_document(intake)[0], person, name, asked.actor)
    pace.send(person)
    # A lane of its own for each person: their codes keep their order.
    lane = f"contact:{person}"
    request = e.VerifyContact(
        id=request_id(e.VerifyContact, lane, asked),
        key=lane,
        at=asked.at,
        actor=asked.actor,
        policy=intake.reference.stamp(),
        digest=asked.digest,
        person=person,
        method=name,
    )
    await intake.write(record_for(REQUESTS.name, request, SOURCE, trace))
    return {
        "person": person,
        "method": name,
        "request_id": request.id,
        "links": {"request": f"/v1/requests/{request.id}"},
    }


async def _publish_change(
    intake: Intake, change: Change, note: str, asked: RequestContext, trace: str
) -> Answer:
    # Somebody else's version came first: the change is made anew on theirs.
    for left in reversed(range(_AGAIN)):
        document, version = _document(intake)
        try:
            return await publish_policy(
                intake,
                ON_CALL,
                change(document),
                note,
                asked,
                trace,
                based_on=version,
                made_of=document,
            )
        except Refused as refused:
            # Any other refusal is about the change itself.
            if refused.code != "version-conflict" or not left:
                raise
    raise AssertionError("the last try ends in an answer or a refusal")


def _document(intake: Intake) -> tuple[contacts.Document, int]:
    last = intake.reference.policy(ON_CALL)
    if last is None:
        raise Refused(
            "no-such-policy", "There is no on-call document yet; an admin publishes it.", status=404
        )
    return last.document, last.version


def _secret(intake: Intake) -> bytes:
    return secret_of(intake, "no code can be made here").encode()
