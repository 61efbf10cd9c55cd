"""Times and spans that no calendar holds are mistakes, at every door that takes one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import call, is_problem

pytestmark = pytest.mark.costly

BEYOND = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:50Z",
    "9999-12-31T23:59:59-14:00",
]
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "import": (
        "/v1/import/tickets",
        "demo-admin",
        {
            "source": "zd",
            "id": "1",
            "requester": "premier@example.com",
            "subject": "s",
            "body": "b",
        },
    ),
    "maintenance": (
        "/v1/maintenances",
        "demo-ops",
        {"title": "t", "body": "b", "components": ["routing"], "override_reason": "r"},
    ),
    "override": ("/v1/on-call/support/overrides", "demo-ops", {"person": "primary"}),
}


@pytest.mark.parametrize("at", BEYOND)
@pytest.mark.parametrize("name", BODIES)
async def test_a_time_beyond_the_calendar(name: str, at: str) -> None:
    path, who, body = BODIES[name]
    times = (
        {"at": at}
        if name == "import"
        else {"since": at, "until": at}
        if name == "override"
        else {"starts_at": at, "ends_at": at}
    )
    bench = Bench()
    is_problem(await call(bench, "POST", path, {**body, **times}, who), 422, "invalid")
    assert bench.log.written == []


async def test_a_span_longer_than_any_calendar() -> None:
    is_problem(
        await call(
            Bench(),
            "POST",
            "/v1/heartbeats/backup",
            {"every": "1000000000000000000000d"},
            "demo-premier",
        ),
        422,
        "invalid",
    )
