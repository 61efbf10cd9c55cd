"""Time to route is observed once for each new ticket, and for no import."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import REGISTRY

from services.router.handlers import work
from services.router.numbers import measure_routing
from shared.events import OpenTicket
from tests.unit.router.building import AT, open_ticket, policy_of


def observed() -> tuple[float, float]:
    name = "signalbox_time_to_route_seconds"
    return (
        REGISTRY.get_sample_value(f"{name}_count") or 0.0,
        REGISTRY.get_sample_value(f"{name}_sum") or 0.0,
    )


def test_a_ticket_that_waited_is_seen() -> None:
    decide = work(policy_of).decide
    measured = measure_routing(decide)
    request = open_ticket()
    assert isinstance(request, OpenTicket)
    before = observed()
    facts = measured(None, request, AT + timedelta(seconds=3))
    assert facts == decide(None, request, AT + timedelta(seconds=3))
    assert [after - was for after, was in zip(observed(), before, strict=True)] == [1, 3.0]
    measured(None, request.model_copy(update={"imported": "zendesk"}), AT + timedelta(days=9))
    assert observed()[0] - before[0] == 1
