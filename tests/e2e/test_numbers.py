"""The whole system told by numbers: one trace from a customer's call to the last notice, and every
process's metrics at its own port.
"""

from __future__ import annotations

import json
import re

import httpx

from tests.support.desk import Desk, FarEnd
from tests.support.stack import Stack
from tests.support.waiting import eventually

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
URGENT = {
    "subject": "Checkout answers H12",
    "body": "Since 07:55 UTC, everyone.",
    "priority": "urgent",
}
CONSUMERS = {
    "router": {"router"},
    "sla": {"sla"},
    "front": {"notifier.front"},
    "pager": {"pager"},
    "courier": {"courier", "replica-directory"},
    "projector": {"portal-projector"},
    "pulse": {"pulse"},
    "intake": {"intake.timers", "replica-directory", "replica-policies", "replica-status"},
    "status": {"replica-status"},
}


def metrics(stack: Stack, name: str) -> str:
    port = stack.processes()[name]["ports"][f"{name}-metrics"]
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
    assert answer.status_code == 200
    return answer.text


def labels(text: str, metric: str, label: str) -> set[str]:
    return set(re.findall(rf'^{metric}\{{[^}}]*{label}="([^"]*)"', text, re.MULTILINE))


def value(text: str, metric: str) -> float:
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if re.match(rf"{metric}[ {{]", line)
    )


def test_one_trace_from_the_call_to_the_page(stack: Stack, desk: Desk, far_end: FarEnd) -> None:
    customer = desk.new_customer("premier")
    answer = customer.client.post(
        f"{customer.base}/v1/tickets",
        json={**URGENT, "app": f"{customer.name}-app"},
        headers={"Authorization": f"Bearer {customer.token}", **CALLERS},
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["x-trace-id"] == TRACE_ID
    ticket = answer.json()["ticket_id"]

    def decisions() -> list[dict[str, object]]:
        found = desk.person("agent").call("GET", f"/v1/tickets/{ticket}/explain")
        listed: list[dict[str, object]] = found.json().get("decisions", [])
        return listed

    eventually(
        lambda: "TicketRouted" in {one["type"] for one in decisions()}, what="it is explained"
    )
    assert {one["trace_id"] for one in decisions()} == {TRACE_ID}

    def page_traces() -> set[object]:
        import asyncio

        from shared.storage.store import Store

        async def look() -> set[object]:
            store = Store(stack.mongodb, "signalbox")
            try:
                found = await store["timeline"].find({"ticket": ticket, "topic": "pages"})
                return {entry.get("trace") for entry in found}
            finally:
                store.close()

        return asyncio.run(look())

    eventually(lambda: page_traces() == {TRACE_ID}, what="its page is of the same trace")


def test_every_process_tells_its_numbers(stack: Stack, desk: Desk) -> None:
    customer = desk.new_customer("free")
    assert customer.call("POST", "/v1/tickets", {"subject": "x", "body": "y"}).status_code == 202
    for name, consumers in CONSUMERS.items():
        eventually(
            lambda name=name, consumers=consumers: (
                consumers  # type: ignore[misc]
                <= labels(metrics(stack, name), "signalbox_behind_seconds", "consumer")
            ),
            what=f"{name} tells how late it is",
        )
        text = metrics(stack, name)
        assert labels(text, "signalbox_build_info", "version") == {"0.1.0"}, name
        assert value(text, "signalbox_consumer_partitions") > 0, name
    eventually(
        lambda: value(metrics(stack, "router"), "signalbox_time_to_route_seconds_count") > 0,
        what="time to route",
    )
    assert value(metrics(stack, "router"), "signalbox_rebalances_total") >= 1
    eventually(
        lambda: (
            labels(metrics(stack, "courier"), "signalbox_outbox_open", "phase")
            == {"ready", "sending", "waiting"}
        ),
        what="the outbox is measured",
    )
    for name in ("portal", "intake"):
        text = metrics(stack, name)
        routes = labels(text, "signalbox_http_requests_total", "route")
        assert any("/v1/tickets" in route or route.startswith("/v1/") for route in routes), routes
        assert not any(re.search("tkt_|req_", route) for route in routes), routes
    assert "smtp-metrics" in stack.processes()["smtp"]["ports"]


def test_lines_about_a_ticket_name_it(stack: Stack) -> None:
    """Whatever was logged about a record or request in the whole run names what it was about."""
    about = ("a partition waits", "dead letter", "a fact cannot be read")
    for name in CONSUMERS:
        for line in stack.log(name).splitlines():
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            if said.get("event") in about:
                assert "record" in said, said
