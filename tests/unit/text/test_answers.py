"""Items of the urgent guide in later replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.answers import LABELS, answers_in, reply_of


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", set()),
        ("Thank you, we wait.", set()),
        ("Users affected: all", {"users_affected"}),
        ("users affected:   \nLogs: at=error code=H12", {"logs"}),
        ("About 40 % of our users cannot pay.", {"users_affected"}),
        ("We lose 3,000 orders per hour.", {"business_impact"}),
        ("To reproduce it, open /checkout twice.", {"steps_to_reproduce"}),
        ("It does not happen in staging.", {"seen_in_staging"}),
        ("WEB_CONCURRENCY=4 is what changed", {"configuration"}),
        ("No third-party services.", {"third_party_services"}),
        ("It started 2026-11-30T05:00:00Z.", {"logs", "began_at"}),
    ],
)
def test_what_a_reply_gives(text: str, fields: set[str]) -> None:
    assert set(answers_in(text)) == fields


def test_the_form_on_the_ticket_is_read_back_field_by_field() -> None:
    given_ = {
        "users_affected": "all, since 2026-11-30T05:00:00Z",
        "logs": "a\n\nb: c",
        "began_at": "",
    }
    assert answers_in(reply_of(given_)) == {name: said for name, said in given_.items() if said}


@given(st.dictionaries(st.sampled_from(sorted(LABELS)), st.text("ab \n", max_size=20)))
def test_no_answer_of_the_form_is_lost(answers: dict[str, str]) -> None:
    kept = {field: said.strip() for field, said in answers.items() if said.strip()}
    assert answers_in(reply_of(answers)) == kept
