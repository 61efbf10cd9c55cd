"""A masked secret inside an address leaves the address what it was."""

from __future__ import annotations

import pytest

from services.router.evidence.names import is_in_mail_address
from shared.text.redact import redact_quickly


@pytest.mark.parametrize(
    ("text", "host", "is_mail"),
    [
        (
            "redis://h:s3cr3t-word@ec2-9.redisco.example:6379 refuses",
            "ec2-9.redisco.example",
            False,
        ),
        ("I wrote to support@redisco.example last week", "redisco.example", True),
        ("password: hunter2hunter2 and support@redisco.example", "redisco.example", True),
    ],
)
def test_masked_or_not_it_is_the_same_kind_of_address(text: str, host: str, is_mail: bool) -> None:
    for shown in (text, redact_quickly(text)):
        assert is_in_mail_address(shown, shown.index(host)) is is_mail, shown
    assert redact_quickly(text) != text or is_mail
