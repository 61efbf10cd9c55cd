"""Spans for OpenTelemetry, by OTLP over HTTP, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

Off, it costs a look at one variable; the packages (extra `otel`) are not even imported. Spans are
handed to a thread that sends them in batches; what it cannot send is dropped, and no work waits.

Trace ids are ours (`tracing.py`), the same as in the answers and the log lines. A span of a record
is a child of the span that wrote it, so a ticket's trace shows the request, the decision, the page,
the mail.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from shared.telemetry.tracing import Trace, parse
from shared.wire import Message

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Kind = Literal["server", "consumer", "client"]
Attributes = Mapping[str, str | int]

_exporter: Any = None


class ExporterNotInstalled(Exception):
    """The setting asks for what is not installed."""


def start(service: str, endpoint: str | None = None) -> None:
    """Export from now on, where the setting (or `endpoint`) says so. Raises Missing."""
    global _exporter
    endpoint = endpoint or os.environ.get(ENDPOINT)
    if not endpoint or _exporter is not None:
        return
    try:
        # Imported only here: the SDK is large, and most installations export nothing.
        from shared.telemetry.trace_spans import Exporter
    except ImportError as error:
        raise ExporterNotInstalled(
            f"{ENDPOINT} is set and the packages are missing: pip install 'signalbox[otel]' "
            f"({error})"
        ) from error
    _exporter = Exporter(service, endpoint)
    # Spans still wait in memory when the process ends.
    atexit.register(stop)


def stop() -> None:
    """Send what is left, and export no more."""
    global _exporter
    exporter, _exporter = _exporter, None
    if exporter is not None:
        exporter.close()


def is_on() -> bool:
    return _exporter is not None


def tell(
    name: str,
    trace: Trace,
    seconds: float,
    *,
    kind: Kind,
    attributes: Attributes = {},  # noqa: B006 - never written to
    failed: str | None = None,
) -> None:
    """A span that has just ended and took so many seconds. Nothing happens while export is off, or
    where the caller has asked for no sample (W3C: flag 00).
    """
    if _exporter is not None and trace.flags == "01":
        ended = time.time_ns()
        # The duration is measured with a clock that never goes back; only the end is read off the
        # wall clock.
        begun = ended - int(seconds * 1e9)
        _exporter.add(name, trace, begun, ended, kind, dict(attributes), failed)


def tell_of_records(worker: str, messages: Iterable[Message], seconds: float) -> None:
    """A span for each record that was handled in a turn or batch of so many seconds."""
    if _exporter is None:
        return
    for message in messages:
        wrote = parse(message.headers.get("traceparent"))
        # A record from before tracing belongs to no trace.
        if wrote is None:
            continue
        kind = message.headers.get("ce_type", b"").decode("ascii", "replace").rpartition(".")[2]
        tell(
            f"{worker} {kind or 'record'}",
            wrote.child(),
            seconds,
            kind="consumer",
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.name": message.topic,
                "messaging.destination.partition.id": str(message.partition),
                "messaging.kafka.offset": message.offset,
                "signalbox.key": message.key,
            },
        )
