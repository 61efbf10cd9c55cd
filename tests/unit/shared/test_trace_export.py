"""Spans as a collector gets them by OTLP; off, nothing is sent and nothing is imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shared.telemetry import trace_export
from shared.telemetry.route_metrics import RouteMeters
from shared.telemetry.tracing import Trace, begin
from shared.wire import Message

pytestmark = pytest.mark.costly

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Collector:
    """What an OpenTelemetry collector would have got."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers.get("content-encoding") in (None, "identity")
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def spans(self) -> list[tuple[str, str, str, dict[str, str]]]:
        """(service, name, trace id, attributes), by name."""
        found = []
        for request in self.requests:
            for resource in request.resource_spans:
                about = {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        attributes = {
                            each.key: each.value.string_value or str(each.value.int_value)
                            for each in span.attributes
                        }
                        trace_id = span.trace_id.hex()
                        found.append((about["service.name"], span.name, trace_id, attributes))
        return sorted(found, key=lambda span: span[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    trace_export.start("intake", made.url)
    yield made
    trace_export.stop()
    made.close()


def test_requests_and_records_are_spans_of_one_trace(collector: Collector) -> None:
    app = Starlette(routes=[Route("/v1/tickets/{ticket_id}", lambda _: PlainTextResponse("x"))])
    app.add_middleware(RouteMeters)
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    TestClient(app).get("/v1/tickets/tkt_1", headers=headers)
    record = {
        "traceparent": headers["traceparent"].encode(),
        "ce_type": b"dev.signalbox.OpenTicket",
    }
    message = Message("requests", 2, 7, "tkt_1", b"", record, 0.0)
    untraced = message._replace(headers={})
    trace_export.tell_of_records("router", [message, untraced], 0.002)
    trace_export.stop()
    first, second = collector.spans()
    assert first[:3] == ("signalbox.intake", "GET /v1/tickets/{ticket_id}", TRACE_ID)
    assert first[3]["http.response.status_code"] == "200"
    assert second[1:3] == ("router OpenTicket", TRACE_ID)
    assert second[3]["messaging.destination.name"] == "requests"


def test_whom_the_caller_does_not_sample_is_left_out(collector: Collector) -> None:
    trace_export.tell("a", begin()._replace(flags="00"), 0.1, kind="client")
    trace_export.tell(
        "b", Trace(TRACE_ID, "b7ad6b7169203331"), 0.1, kind="client", failed="Unknown"
    )
    trace_export.stop()
    assert [name for _, name, _, _ in collector.spans()] == ["b"]
    (span,) = collector.requests[0].resource_spans[0].scope_spans[0].spans
    assert (span.status.message, span.end_time_unix_nano - span.start_time_unix_nano) == (
        "Unknown",
        100_000_000,
    )


def test_packages_that_are_missing_are_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shared.telemetry.trace_spans", None)
    with pytest.raises(trace_export.ExporterNotInstalled, match=r"signalbox\[otel\]"):
        trace_export.start("x", "http://127.0.0.1:9")
