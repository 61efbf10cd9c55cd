"""What a set-up tries before it is needed: a page to one person, a mail to oneself, an event to a
provider's webhook. Each goes the whole way that a real one goes, and the log keeps what became of
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Request
from pydantic import StringConstraints
from starlette.responses import Response

from services.intake.contacts import methods as contacts
from services.intake.contacts.shell import CodeRateLimit
from services.intake.domain import RequestContext, request_id
from services.intake.forms import Form
from services.intake.http.door import RequestGate
from services.intake.http.responses import read_path_id, respond_accepted, trace_of
from services.intake.shell import SOURCE, Answer, Intake, admins_only
from shared import ids
from shared.errors import Refused
from shared.events import TestNotice, TestPage
from shared.ids import derive, notice_id, page_id
from shared.policy import ON_CALL
from shared.topics import REQUESTS
from shared.wire import record_for

_WORD = re.compile(r"[^\x00-\x20\x7f/]{1,100}")


class TestPageForm(Form):
    """Nothing need be said."""

    __test__ = False  # its name is no test's


class TestNoticeForm(Form):
    """POST /v1/test-notices. `provider`: whose webhook, where `kind` is `webhook`."""

    __test__ = False  # its name is no test's
    kind: Literal["mail", "webhook"]
    provider: Annotated[str, StringConstraints(max_length=100)] = ""


FORMS: tuple[type[Form], ...] = (TestPageForm, TestNoticeForm)


def install(app: FastAPI, intake: Intake, door: RequestGate, write: Callable[..., None]) -> None:
    """Put the routes on the application."""
    pace = CodeRateLimit(copies=door.copies)

    async def try_page(request: Request) -> Response:
        person = read_path_id(request, "person", _WORD)
        body, asked = await door.asked(request)
        await door.fill(TestPageForm, body, asked.actor.email)
        trying = send_page(intake, person, pace, asked, trace_of(request))
        return await respond_accepted("test-page", asked, trying)

    async def try_notice(request: Request) -> Response:
        body, asked = await door.asked(request, "admin")
        admins_only(asked.actor)  # before the form: what is wrong with it is not for others
        form = await door.fill(TestNoticeForm, body, asked.actor.email)
        trying = send_notice(intake, form, pace, asked, trace_of(request))
        return await respond_accepted("test-notice", asked, trying)

    write(app, "POST", "/v1/people/{person}/test-page", try_page, TestPageForm, name="test-page")
    write(app, "POST", "/v1/test-notices", try_notice, TestNoticeForm, name="test-notice")


async def send_page(
    intake: Intake, person: str, pace: CodeRateLimit, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/people/{person}/test-page: `{person, page_id, request_id}`. Administrators test
    everybody, others themselves. Raises Refused: 404, `cannot-be-reached` (409), 429.
    """
    last = intake.reference.policy(ON_CALL)
    # Who may test whom is the same question as who may see their methods.
    methods = contacts.methods_of(last.document if last else {}, person, asked.actor)
    # Told at once: a test that reaches nobody would look like a lost page.
    if not any(method.verified for method in methods):
        raise Refused(
            "cannot-be-reached",
            f"{person} has no way that is proved yet. Send a code first: whoever types it in can "
            "be paged.",
            status=409,
        )
    # The pace of codes: a test page rings like a real one.
    pace.send(person)
    # A paging group of its own, so that a test never joins a real page.
    lane = derive("tst", person)
    request = TestPage(
        id=request_id(TestPage, lane, asked),
        key=lane,
        at=asked.at,
        actor=asked.actor,
        policy=intake.reference.stamp(),
        digest=asked.digest,
        person=person,
    )
    await intake.write(record_for(REQUESTS.name, request, SOURCE, trace))
    return {
        "person": person,
        "page_id": page_id(lane, derive("obl", request.id)),
        "request_id": request.id,
        "links": {"request": f"/v1/requests/{request.id}"},
    }


async def send_notice(
    intake: Intake, form: TestNoticeForm, pace: CodeRateLimit, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/test-notices: `{notice_id, to}`. Raises Refused: `no-webhook` (409), 404, 429."""
    to = asked.actor.email
    if form.kind == "webhook":
        provider = intake.reference.get("providers", form.provider)
        if provider is None:
            raise Refused("not-found", "There is no provider of this name.", status=404)
        if not provider.get("webhook_url"):
            said = "They have no webhook address yet. Enter it at their page first."
            raise Refused("no-webhook", said, status=409)
        to = f"provider:{form.provider}"
    # By the receiver: so many tests to one person, whoever asks for them.
    pace.send(to)
    lane = derive("tst", form.kind, to)
    event = TestNotice(
        id=ids.request_id(lane, "TestNotice", asked.idempotency_key, asked.actor.email),
        key=lane,
        at=asked.at,
        kind=form.kind,
        provider=form.provider if form.kind == "webhook" else "",
        actor=asked.actor,
    )
    await intake.write(record_for(REQUESTS.name, event, SOURCE, trace))
    return {"notice_id": notice_id(event.id, to, form.kind), "to": to, "request_id": event.id}
