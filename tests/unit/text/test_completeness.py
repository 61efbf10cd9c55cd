"""The nine items of the urgent guide: given, missing, and what is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import TimeRead, UrgentDetails
from shared.text.completeness import ITEMS, items_of, measure, questions
from shared.text.reading import began_in_words, times_of

AT = datetime(2027, 3, 2, 16, 30, tzinfo=UTC)
BODY = "The checkout answers H12 for everybody since the deploy."
ALL: dict[str, Any] = {
    "access_granted": True,
    "users_affected": "all",
    "business_impact": "no sales",
    "steps_to_reproduce": "open /",
    "seen_in_staging": "no",
    "staging_differences": "smaller",
    "began_at": "2027-03-02 07:55 PST",
    "logs": "2027-03-02T15:55:01Z H12",
    "configuration": "WEB_CONCURRENCY=2",
    "third_party_services": (),
}


def missing(body: str = BODY, **changes: Any) -> list[str]:
    form = UrgentDetails(**{**ALL, **changes})
    return [
        item.name for item in items_of(form, body, times_of(form, body, AT)) if not item.is_given
    ]


def test_there_are_nine_and_a_complete_form_has_them_all() -> None:
    items = items_of(UrgentDetails(**ALL), BODY)
    assert (len(items), measure(items), questions(items)) == (ITEMS, 9, ())


def test_of_nothing_only_the_description_is_given() -> None:
    items = items_of(None, BODY)
    assert (measure(items), len(questions(items))) == (1, 8)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"access_granted": False}, ["access"]),
        ({"users_affected": " "}, ["impact"]),
        ({"business_impact": None}, ["impact"]),
        ({"steps_to_reproduce": None}, ["steps"]),
        ({"seen_in_staging": None}, ["staging"]),
        ({"staging_differences": None}, ["staging"]),
        ({"seen_in_staging": "yes", "staging_differences": None}, []),
        ({"began_at": None}, ["began"]),
        ({"began_at": "07:55"}, ["began"]),
        ({"began_at": "2027-03-02 08:00 IST"}, ["began"]),
        ({"logs": None}, ["logs"]),
        (
            {
                "logs": None,
                "body": "2027-03-02T15:55:01Z app[web.1]: Error R14 (Memory quota exceeded)",
            },
            [],
        ),
        ({"configuration": ""}, ["configuration"]),
        ({"third_party_services": None}, ["services"]),
        ({"body": "Down!"}, ["description"]),
    ],
)
def test_what_is_missing(changes: dict[str, Any], names: list[str]) -> None:
    assert missing(**changes) == names


def test_an_unclear_time_is_asked_back_with_its_reason() -> None:
    form = UrgentDetails(**{**ALL, "began_at": "2027-03-02 08:00 IST"})
    (question,) = questions(items_of(form, BODY, times_of(form, BODY, AT)))
    assert "India, Israel or Ireland" in question


def test_access_given_later_counts() -> None:
    assert (
        questions(
            items_of(UrgentDetails(**{**ALL, "access_granted": False}), BODY, access_granted=True)
        )
        == ()
    )


def test_the_times_of_a_ticket() -> None:
    form = UrgentDetails(
        began_at="2027-03-02 07:55 PST",
        logs="2027-03-02T07:55:01-08:00 a\n2027-03-02T07:56:01-08:00 b",
    )
    assert [(read.field, str(read.utc)) for read in times_of(form, BODY, AT)] == [
        ("began_at", "2027-03-02 15:55:00+00:00"),
        ("logs", "2027-03-02 15:55:01+00:00"),
        ("logs", "2027-03-02 15:56:01+00:00"),
    ]
    assert [read.field for read in times_of(None, "at 2027-03-02T07:55:01-08:00", AT)] == ["body"]
    assert times_of(None, "at 2027-03-02T15:55:01Z", AT) == ()


def test_when_it_began_in_the_words_of_a_page() -> None:
    read = TimeRead(
        field="began_at", original="07:55 PST", utc=datetime(2027, 3, 2, 15, 55, tzinfo=UTC)
    )
    assert began_in_words([read]) == "2027-03-02 15:55 UTC (written: 07:55 PST)"
    assert began_in_words([read.model_copy(update={"utc": None})]) == "07:55 PST (not clear in UTC)"
    assert began_in_words([]) == ""
    assert len(began_in_words([read.model_copy(update={"original": "x" * 300})])) < 160
