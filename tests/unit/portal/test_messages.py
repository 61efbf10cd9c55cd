"""Messages are made HTML once, and outside of the loop where they are long."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.tickets import messages
from services.portal.tickets.attachments import MOST_SHOWN, has_preview, headers_for
from services.portal.tickets.messages import Messages


def fact(name: str, body: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "data": {"body": body, **more}}


def test_what_came_by_mail_stays_as_it_was_typed() -> None:
    made = Messages()
    assert "<strong>" in made.html(fact("a", "**x**"))
    assert "**x**" in made.html(fact("b", "**x**", via="email"))
    assert "> x" in made.html(fact("c", "y", quoted="> x"), "quoted").unescape()
    assert made.html(fact("d", "")) == "" and made.html(fact("e", "x"), "resolution") == ""


def test_each_is_made_once_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def html(text: str, **_: Any) -> str:
        asked.append(text)
        return text

    monkeypatch.setattr(messages, "message_html", html)
    made = Messages(most=250)
    for name in ("a", "b", "a", "c", "a", "b"):
        made.html(fact(name, name * 100))
    assert [text[0] for text in asked] == ["a", "b", "c", "b"]


async def test_a_page_of_long_texts_is_prepared() -> None:
    made = Messages()
    facts = [fact(str(n), "*a* " * 500) for n in range(5)]
    await made.prepare(facts)
    assert len(made._kept) == 5


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({"type": "image/png", "size": 5, "scan": "clean"}, True),
        ({"type": "image/png", "size": 5, "scan": "not-scanned"}, True),
        ({"type": "image/png", "size": 5, "scan": "unscanned"}, False),
        ({"type": "image/png", "size": MOST_SHOWN + 1, "scan": "clean"}, False),
        ({"type": "image/svg+xml", "size": 5, "scan": "clean"}, False),
        ({"type": "text/html", "size": 5, "scan": "clean"}, False),
        ({}, False),
    ],
)
def test_which_files_have_a_preview(found: dict[str, Any], shown: bool) -> None:
    assert has_preview(found) is shown


def test_a_picture_comes_in_a_sandbox() -> None:
    found = {"type": "image/png", "size": 5, "name": "a.png"}
    shown = headers_for(found, is_shown=True)
    assert shown["Content-Disposition"].startswith("inline;")
    assert shown["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers_for(found)["Content-Disposition"].startswith("attachment;")
