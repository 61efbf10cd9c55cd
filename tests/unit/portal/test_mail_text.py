"""What a held message says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.mail.text import MOST_RAW, MOST_TEXT, text_of

HEAD = b"From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
BOTH = (
    HEAD
    + b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
    b"<p>No</p>\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYes, the text.\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (HEAD + b"\r\nIt is down.\r\nPlease help.\r\n", "It is down.\nPlease help."),
        (BOTH, "Yes, the text."),
        (
            HEAD
            + b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>It is <b>down</b>&amp;out</p><p>Now</p>",
            "It is down&out\nNow",
        ),
        (HEAD + b"Content-Type: text/plain; charset=no-such\r\n\r\nabc", None),
        (HEAD + b"Content-Type: image/png\r\n\r\nabc", None),
        (b"", None),
        (HEAD + b"\r\n" + b"x" * MOST_RAW, None),
    ],
)
def test_the_text_of_a_message(raw: bytes, text: str | None) -> None:
    found = text_of(raw)
    assert found == text or (text is None and found in (None, "abc"))


def test_secrets_are_masked_and_long_texts_end() -> None:
    raw = HEAD + b"\r\npassword: hunter2hunter2\r\nDATABASE_URL=postgres://u:s3cretpw@h/d\r\n"
    assert "s3cretpw" not in str(text_of(raw))
    long = text_of(HEAD + b"\r\n" + b"word " * 10_000)
    assert long is not None and len(long) <= MOST_TEXT + 1 and long.endswith("…")


@given(st.binary(max_size=2000))
def test_whatever_comes_is_read_or_not_and_breaks_nothing(raw: bytes) -> None:
    text_of(raw)
    text_of(HEAD + raw)
