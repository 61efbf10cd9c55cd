"""The parts of the policy that clocks go by: what is promised, and what a policy may not say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.demo.directory import policies
from shared.events import ClockName, Plan, Priority
from shared.policy import DESK, DeskPolicy
from tests.unit.sla.watching import every

PREMIER = every("2h", "always", Plan.PREMIER)
DAY = {"opens": "09:00", "closes": "17:00"}


def changed(**fields: Any) -> DeskPolicy:
    return DeskPolicy.model_validate({**policies()[DESK], **fields})


def calendar(**fields: Any) -> dict[str, Any]:
    return {
        "calendars": {**policies()[DESK]["calendars"], "mine": {"week": {"mon": [DAY]}, **fields}}
    }


def test_what_is_promised() -> None:
    policy = changed(resolution=PREMIER)
    assert policy.target_for(Plan.PREMIER, Priority.URGENT).within == timedelta(minutes=30)
    promised = policy.promise(ClockName.RESOLUTION, Plan.PREMIER, Priority.LOW)
    assert promised is not None and promised.within == timedelta(hours=2)
    assert policy.promise(ClockName.RESOLUTION, Plan.FREE, Priority.LOW) is None
    assert policy.promise(ClockName.NEXT_REPLY, Plan.PREMIER, Priority.LOW) is None
    assert policy.reopen_window == timedelta(days=7)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"resolution": PREMIER[:3]}, "resolution: no target for premier/"),
    (
        {"next_reply": [*PREMIER, PREMIER[0]]},
        "next_reply: two targets for the same plan and priority",
    ),
    (
        {"next_reply": every("2h", "nights", Plan.FREE)},
        "calendar 'nights' is named by a target but not defined",
    ),
    ({"targets": PREMIER}, "targets: no target for"),
    ({"reopen_window": "soon"}, "reopen_window"),
    ({"warn_at": [0]}, "between 1 and 99"),
    (
        {"calendars": {"always": {"week": {"mon": [DAY]}}, "business": {"always": True}}},
        "'always' is plain elapsed time",
    ),
    (calendar(zone="America/Springfield"), "not in the IANA database"),
    (calendar(week={"mon": [DAY, {"opens": "16:00", "closes": "18:00"}]}), "windows overlap"),
    (calendar(week={}), "at least one window"),
    (calendar(holidays="Atlantis"), "no country"),
    (calendar(extra_holidays=["Easter"]), "extra_holidays"),
]


@pytest.mark.parametrize(("fields", "said"), BAD, ids=[said for _, said in BAD])
def test_what_a_policy_may_not_say(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        changed(**fields)
    assert said in str(refused.value)


@pytest.mark.parametrize("country", ["US", "USA", "UnitedStates", "DE"])
def test_countries_by_name_or_code(country: str) -> None:
    assert changed(**calendar(holidays=country)).calendars["mine"].holidays == country
