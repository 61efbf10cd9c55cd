"""Opening hours by form: what it shows is what is kept, and every mistake is said beside its field."""

from __future__ import annotations

import re
from typing import Any

import pytest

from services.portal.admin.policies.hours import calendar_of, closed_days, values_of
from shared.policy.desk import Calendar
from shared.yaml_text import plain_value
from tests.support.administering import Office
from tests.unit.intake.building import POLICIES
from tests.unit.portal.test_admin_policies import editor_of, table_of

pytestmark = pytest.mark.costly

BUSINESS: dict[str, Any] = POLICIES["default"]["calendars"]["business"]
HERE = "/admin/policies/default/hours"
NIGHT = {"opens": "22:00", "closes": "06:00"}


@pytest.mark.parametrize(
    "calendar",
    [
        BUSINESS,
        {"zone": "Europe/Berlin", "week": {"mon": [NIGHT]}, "special": {"2026-12-24": "closed"}},
        {
            "zone": "UTC",
            "week": {"sat": [{"opens": "09:00", "closes": "12:30"}, NIGHT]},
            "extra_holidays": ["2026-12-31"],
            "not_holidays": ["2026-07-04"],
        },
    ],
)
def test_a_calendar_survives_its_own_form(calendar: dict[str, Any]) -> None:
    made, errors = calendar_of(values_of(calendar), calendar)

    assert (made, errors) == (calendar, {})


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("mon", "9 to 5", "no hours"),
        ("tue", "09:00-12:00, 11:00-13:00", "overlap"),
        ("extra_holidays", "24.12.2026", "no day"),
        ("special", "2026-12-24 morning", "no hours"),
        ("special", "someday", "no day with hours"),
    ],
)
def test_a_mistake_is_said_beside_its_field(field: str, text: str, said: str) -> None:
    _, errors = calendar_of({**values_of(BUSINESS), field: text}, BUSINESS)

    assert list(errors) == [field]
    assert said in errors[field]


def test_the_closed_days_of_a_year() -> None:
    calendar = Calendar.model_validate(
        {
            **BUSINESS,
            "extra_holidays": ["2026-12-31"],
            "not_holidays": ["2026-11-11"],
            "special": {"2026-12-24": "09:00-13:00"},
        }
    )
    found = dict(closed_days(calendar, 2026))

    assert found["2026-12-25"] == "Christmas Day"
    assert found["2026-12-31"] == "closed"
    assert found["2026-12-24"] == "open 09:00-13:00"
    assert "2026-11-11" not in found
    assert "2026-07-03" in found  # the observed day of a Saturday's holiday


async def test_the_form_makes_a_draft_that_is_looked_at_and_applied() -> None:
    async with Office() as office:
        page = (await office.get(HERE)).text
        assert "Christmas Day" in page
        form = {**values_of(BUSINESS), "calendar": "business", "made_of": "1", "fri": "09:00-17:00"}

        shown = await office.send(HERE, form)
        assert shown.status_code == 200
        assert "calendars.business.week.fri[0].closes" in table_of(shown.text)
        assert office.bench.log.on("policies") == []

        draft = editor_of(shown.text)
        applied = await office.send("/admin/policies/default", {**draft, "does": "apply"})
        assert applied.status_code == 303
        found = office.bench.log.policies.get("default")
        assert found is not None
        assert found.document == plain_value(draft["text"])
        assert found.note == "hours and holidays of business"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"zone": "Mars"}, "is not in the IANA database"),
        ({"holidays": "ZZ"}, "no country"),
        (dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ""), "at least one window"),
    ],
)
async def test_what_no_calendar_can_be_is_refused_in_words(
    fields: dict[str, str], said: str
) -> None:
    form = {**values_of(BUSINESS), "calendar": "business", "made_of": "1", **fields}
    async with Office() as office:
        answer = await office.send(HERE, form)

    assert answer.status_code == 422
    assert re.search(f'class="error"[^>]*>[^<]*{said}', answer.text)
