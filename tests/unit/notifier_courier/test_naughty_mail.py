"""Whatever people write, a mail has the headers we gave it and no other."""

from __future__ import annotations

import pytest

from services.notifier.mail import letter
from tests.support.naughty import NAUGHTY
from tests.unit.notifier_courier.test_letter import RECEIVED, SENDER, parsed

BREAKS = [
    "\r\nBcc: victim@example.com\r\n\r\nforged",
    "\nX-Forged: 1",
    "\rX-Forged: 1",
    "\x0bX-Forged: 1",
    "\u2028X-Forged: 1",
    "\x85X-Forged: 1",
]


@pytest.mark.parametrize("text", [*NAUGHTY, *("Down" + breaks for breaks in BREAKS)])
def test_one_subject_and_no_header_of_theirs(text: str) -> None:
    plain = parsed(letter("ntc_1", "ann@example.com", "ticket-received", RECEIVED, SENDER))
    said = {**RECEIVED, "subject": text, "reason": text, "to_name": text, "missing": [text]}
    message = parsed(letter("ntc_1", "ann@example.com", "ticket-received", said, SENDER))
    assert sorted(message.keys()) == sorted(plain.keys())
    assert len(str(message["Subject"]).splitlines()) == 1
    assert message["Bcc"] is None and message["X-Forged"] is None
    page = message.get_body(("html",))
    assert page is not None
    assert not any(
        running in page.get_content()
        for running in (
            "<script",
            "<img",
            "<svg",
            "<iframe",
            "<form",
            "<base",
            '<a href="javascript',
        )
    )
