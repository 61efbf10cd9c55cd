"""Opening hours in words, from the policy and from nowhere else."""

from __future__ import annotations

import pytest

import services.portal.web.render as screens
from services.portal.opening import hours_of, hours_words, plans_by_hours
from shared.events import Plan
from shared.policy import BrandPolicy, DeskPolicy
from shared.policy.desk import Calendar
from tests.unit.intake.building import POLICIES

DAY = {"opens": "09:00", "closes": "17:00"}
DESK = DeskPolicy.model_validate(POLICIES["default"])


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        ({"always": True}, "at all times"),
        (
            {"zone": "Europe/Berlin", "week": {"mon": [DAY], "tue": [DAY], "thu": [DAY]}},
            "09:00 to 17:00, Monday to Tuesday; 09:00 to 17:00, Thursday (Europe/Berlin)",
        ),
        (
            {
                "zone": "America/New_York",
                "week": {"sat": [DAY, {"opens": "18:00", "closes": "20:00"}]},
                "holidays": "US",
            },
            "09:00 to 17:00 and 18:00 to 20:00, Saturday (America/New York), except holidays",
        ),
    ],
)
def test_hours_in_words(calendar: dict[str, object], said: str) -> None:
    assert hours_words(Calendar.model_validate(calendar)) == said


def test_plans_by_their_hours() -> None:
    assert hours_of(DESK, Plan.FREE).startswith("09:00 to 21:00, Monday to Friday")
    assert {frozenset(plans) for _, plans in plans_by_hours(DESK)} == {
        frozenset({Plan.FREE, Plan.ENTERPRISE}),
        frozenset({Plan.PREMIUM, Plan.LEGACY_ENTERPRISE, Plan.PREMIER}),
    }
    assert (hours_of(None, Plan.FREE), plans_by_hours(None)) == ("", [])


def test_a_plan_without_a_name_is_called_by_its_own_word() -> None:
    words = BrandPolicy(plans={Plan.FREE: "Basic"}).plan_words

    assert (words["free"], words["legacy-enterprise"]) == ("Basic", "Legacy Enterprise")


def test_no_customer_of_ours_is_named_in_a_template() -> None:
    templates = screens.HERE / "templates"

    assert {path.name for path in templates.glob("*.html") if "Heroku" in path.read_text()} == set()
