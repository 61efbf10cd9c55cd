"""A browser's form with files: fields as ever, files passed on, ids kept when the form is shown
again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.uploads import MOST_FILES, SubmittedForm, form_of
from shared.errors import Refused, Unavailable
from shared.events import Actor, Role, Via

ME = Actor(email="me@example.com", name="M", roles=(Role.REQUESTER,), via=Via.WEB)
MOST = 10_000


class FakeIntake:
    """Takes what is not called bad; `away` is what it raises."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.away: Exception | None = None

    async def upload(
        self, actor: Actor | None, path: str, chunks: AsyncIterator[bytes]
    ) -> IntakeAnswer:
        if self.away:
            raise self.away
        assert actor is ME
        raw = b"".join([chunk async for chunk in chunks])
        if "bad" in path:
            return IntakeAnswer(422, {}, b'{"detail": "Our virus scanner knows this file."}')
        self.taken.append((path, raw))
        return IntakeAnswer(201, {}, b'{"id": "att_%d"}' % len(self.taken))


def request_of(**form: Any) -> Request:
    made = httpx.Request("POST", "http://portal/tickets", **form)
    parts = [made.read(), b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    headers = [(name.lower().encode(), value.encode()) for name, value in made.headers.items()]
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": "/tickets",
            "headers": headers,
            "query_string": b"",
        },
        receive,
    )


async def sent(intake: FakeIntake, **form: Any) -> SubmittedForm:
    return await form_of(request_of(**form), intake, ME, MOST)  # type: ignore[arg-type]


async def test_files_become_ids() -> None:
    intake = FakeIntake()
    files = [("files", ("a b.txt", b"one")), ("files", ("ü.png", b"two"))]
    found = await sent(intake, data={"subject": "S", "body": "one\r\ntwo"}, files=files)
    assert (found.fields["subject"], found.fields["body"]) == ("S", "one\ntwo")
    assert found.ids == ["att_1", "att_2"]
    assert found.with_files({"subject": "S"}) == {"subject": "S", "attachments": ["att_1", "att_2"]}
    assert intake.taken == [
        ("/v1/attachments?name=a%20b.txt", b"one"),
        ("/v1/attachments?name=%C3%BC.png", b"two"),
    ]


async def test_what_was_taken_before_stays() -> None:
    intake = FakeIntake()
    assert (await sent(intake, data={"subject": "S", "attachments": "att_8 att_9"})).ids == [
        "att_8",
        "att_9",
    ]
    found = await sent(
        intake, data={"attachments": "att_8"}, files=[("files", ("a", b"x")), ("files", ("", b""))]
    )
    assert found.ids == ["att_8", "att_1"]
    assert found.fields["attachments"] == "att_8 att_1"


async def test_without_files_the_document_is_as_ever() -> None:
    assert (await sent(FakeIntake(), data={"subject": "S"})).with_files({"subject": "S"}) == {
        "subject": "S"
    }


async def test_a_file_that_is_not_taken_is_said() -> None:
    intake = FakeIntake()
    found = await sent(
        intake, data={"subject": "S"}, files=[("files", ("good", b"x")), ("files", ("bad", b"x"))]
    )
    assert (found.ids, found.wrong) == (["att_1"], "bad: Our virus scanner knows this file.")
    intake.away = Unavailable("intake")
    assert "try again" in (await sent(intake, data={}, files=[("files", ("good", b"x"))])).wrong


async def test_too_many_files_are_refused() -> None:
    files = [("files", (f"{n}", b"x")) for n in range(MOST_FILES + 1)]
    with pytest.raises(Refused, match="too many files"):
        await sent(FakeIntake(), data={}, files=files)
