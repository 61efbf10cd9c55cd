"""A schedule with many overrides and swaps is walked as if each were asked at each edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy import OnCallPolicy
from shared.policy.on_call.coverage import shifts
from shared.policy.on_call.rota import person_on
from tests.support.examples import examples

NOW = datetime(2026, 3, 20, tzinfo=UTC)
HOURS = st.integers(-48, 24 * 40)
PEOPLE = ("ann", "bob", "cy")


def during(begins: int, lasts: int) -> dict[str, str]:
    since = NOW + timedelta(hours=begins)
    return {"since": since.isoformat(), "until": (since + timedelta(hours=lasts)).isoformat()}


OVERRIDES = st.lists(
    st.builds(
        lambda begins, lasts, who: {**during(begins, lasts), "person": who},
        HOURS,
        st.integers(1, 300),
        st.sampled_from(PEOPLE),
    ),
    max_size=60,
)
SWAPS = st.lists(
    st.builds(
        lambda begins, lasts: {**during(begins, lasts), "one": "ann", "other": "bob"},
        HOURS,
        st.integers(1, 300),
    ),
    max_size=20,
)


@settings(max_examples=examples(60), deadline=None)
@given(overrides=OVERRIDES, swaps=SWAPS)
def test_nobody_is_on_call_by_another_rule(
    overrides: list[dict[str, str]], swaps: list[dict[str, str]]
) -> None:
    method = {"name": "m", "channel": "email", "address": "x@x.example", "verified": True}
    policy = OnCallPolicy.model_validate(
        {
            "people": {who: {"email": f"{who}@x.example", "methods": [method]} for who in PEOPLE},
            "schedules": {
                "s": {
                    "zone": "Europe/Berlin",
                    "rotation": {
                        "people": list(PEOPLE),
                        "starts_at": "2026-01-05T09:00:00+01:00",
                        "every": "1d",
                    },
                    "overrides": overrides,
                    "swaps": swaps,
                }
            },
            "escalation": {
                "support": {"steps": [{"schedule": "s", "wait": "5m"}], "fallback": "ann"},
                "ops": {"steps": [{"schedule": "s", "wait": "5m"}], "fallback": "ann"},
            },
        }
    )
    planned = shifts(policy, "s", NOW, NOW + timedelta(days=35))
    assert (planned[0].since, planned[-1].until) == (NOW, NOW + timedelta(days=35))
    assert all(one.until == other.since for one, other in pairwise(planned))
    for shift in planned:
        middle = shift.since + (shift.until - shift.since) / 2
        for at in (shift.since, middle, shift.until - timedelta(seconds=1)):
            assert person_on(policy, "s", at) == shift.person
