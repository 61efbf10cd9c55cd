"""The only module that knows OpenTelemetry's SDK; imported where export is on."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.telemetry.tracing import Trace

_KINDS = {
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}
_TIMEOUT_S = 5
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Exporter:
    """Sends spans in batches from a thread of its own; `endpoint` is the collector's base URL."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._resource = Resource.create({"service.name": f"signalbox.{service}"})
        self._scope = InstrumentationScope("signalbox")
        sending = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
        self._batches = BatchSpanProcessor(sending)

    def add(
        self,
        name: str,
        trace: Trace,
        begun: int,
        ended: int,
        kind: str,
        attributes: dict[str, str | int],
        failed: str | None,
    ) -> None:
        """A span that is over; times in nanoseconds."""
        parent = None
        if trace.parent:
            parent = _context(trace.trace_id, trace.parent, is_remote=True)
        status = Status(StatusCode.ERROR, failed) if failed else Status(StatusCode.UNSET)
        # Spans are made by hand: the SDK's own tracer would draw other ids than those in the
        # answers.
        self._batches.on_end(
            ReadableSpan(
                name,
                context=_context(trace.trace_id, trace.span_id, is_remote=False),
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                kind=_KINDS[kind],
                instrumentation_scope=self._scope,
                status=status,
                start_time=begun,
                end_time=ended,
            )
        )

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._batches.force_flush(_TIMEOUT_S * 1000)
        self._batches.shutdown()  # type: ignore[no-untyped-call]


def _context(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, _SAMPLED)
