"""A link lets its holder do one thing to one page until it expires, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.signed.links import ACKNOWLEDGE, Link, ack_url, sign, verify

SECRET, PAGE = b"a secret of some length", "lane_a.xyz"
NOW = datetime(2025, 3, 3, 3, tzinfo=UTC)
EXPIRES = NOW + timedelta(days=7)
TOKEN = sign(SECRET, ACKNOWLEDGE, PAGE, "primary", EXPIRES)


def test_what_was_signed_is_read_back() -> None:
    assert verify(SECRET, TOKEN, ACKNOWLEDGE, PAGE, NOW) == Link("primary", EXPIRES)
    assert (
        ack_url(SECRET, "https://help.example/", PAGE, "primary", EXPIRES)
        == f"https://help.example/pages/{PAGE}/ack?token={TOKEN}"
    )


@pytest.mark.parametrize(
    ("secret", "purpose", "page", "now"),
    [
        (b"another secret", ACKNOWLEDGE, PAGE, NOW),
        (SECRET, "resolve-page", PAGE, NOW),
        (SECRET, ACKNOWLEDGE, "lane_a.other", NOW),
        (SECRET, ACKNOWLEDGE, PAGE, EXPIRES),
    ],
)
def test_it_counts_for_nothing_else(secret: bytes, purpose: str, page: str, now: datetime) -> None:
    assert verify(secret, TOKEN, purpose, page, now) is None


@given(place=st.integers(0, len(TOKEN) - 1), sign_=st.sampled_from("Aa0._-\x00é"))
def test_no_character_of_it_can_be_changed(place: int, sign_: str) -> None:
    changed = TOKEN[:place] + sign_ + TOKEN[place + 1 :]
    found = verify(SECRET, changed, ACKNOWLEDGE, PAGE, NOW)
    assert changed == TOKEN or found is None or found == Link("primary", EXPIRES)


@given(st.text(max_size=60))
def test_rubbish_is_refused_quietly(token: str) -> None:
    assert verify(SECRET, token, ACKNOWLEDGE, PAGE, NOW) is None
