"""What the log lines of now are about: a ticket, a trace, a record.

Whoever handles a record or a request says so once, by keeping the thing itself: that costs less
than a tenth of a microsecond. Its ticket and its trace are read out of it only when a line is
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import orjson

from shared.telemetry import tracing
from shared.telemetry.tracing import Trace
from shared.wire import Message

TRACE = "signalbox.trace"
"""Where a request's `Trace` stands in its ASGI scope."""
TICKET = "signalbox.ticket"
"""Where the id of the ticket stands that the request has made."""

_TICKET = re.compile(r"tkt_[a-z2-7]{26}", re.ASCII)
_LARGE = 64 * 1024
"""A record beyond this is not parsed for a log line."""


class Subject(NamedTuple):
    """What is handled where it is neither a record nor a request: a notice, a page, a timer."""

    ticket: str | None = None
    traceparent: str | bytes | None = None
    key: str | None = None


_about: ContextVar[object] = ContextVar("about", default=None)


def handle(about: Message | Subject | MutableMapping[str, Any] | None) -> None:
    """From now on, in this task, lines are about this record, subject or ASGI scope."""
    _about.set(about)


def name_ticket(ticket: str) -> None:
    """The request that is handled now is about this ticket: it has just got its id."""
    about = _about.get()
    # Only a request can be about a ticket that is made while it is handled.
    if isinstance(about, MutableMapping):
        about[TICKET] = ticket


@contextmanager
def bind_log_context(about: Message | Subject | None) -> Iterator[None]:
    """Lines inside are about this."""
    before = _about.set(about)
    try:
        yield
    finally:
        _about.reset(before)


def current_trace() -> Trace | None:
    """The trace of what is handled now."""
    return _trace_of(_about.get())


def add_subject(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: `ticket_id` and `trace_id` where there are such, and the place in the
    log of a record. What the line says itself stays.
    """
    about = _about.get()
    if about is not None:
        for name, held in words_of(about).items():
            # What the line says itself is more exact.
            event.setdefault(name, held)
    return event


def words_of(about: object) -> dict[str, str]:
    """`{ticket_id?, trace_id?, record?, key?}` of a record, a subject or an ASGI scope."""
    found: dict[str, str] = {}
    if (trace := _trace_of(about)) is not None:
        found["trace_id"] = trace.trace_id
    # Each kind of subject knows its ticket in another way.
    if isinstance(about, Message):
        found["record"] = f"{about.topic}/{about.partition}/{about.offset}"
        ticket = ticket_of(about.key, about.value)
    elif isinstance(about, Subject):
        ticket = about.ticket or _ticket_in(about.key or "")
        if about.key and about.key != ticket:
            found["key"] = about.key
    elif isinstance(about, Mapping):
        found["request"] = f"{about.get('method', '')} {template_of(about)}"
        named = about.get(TICKET) or (about.get("path_params") or {}).get("ticket_id")
        ticket = _ticket_in(str(named or ""))
    else:
        ticket = None
    if ticket:
        found["ticket_id"] = ticket
    return found


def ticket_of(key: str, value: bytes = b"") -> str | None:
    """The ticket of a record: its key, or what its event names as `ticket_id`."""
    # A key that is a ticket answers without any parsing; nearly all records have one.
    if (ticket := _ticket_in(key)) is not None or not value or len(value) > _LARGE:
        return ticket
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    named = event.get("ticket_id") or event.get("ticket")
    return _ticket_in(named) if isinstance(named, str) else None


def template_of(scope: Mapping[str, Any]) -> str:
    """The route's template, such as `/v1/tickets/{ticket_id}`; "none" where no route takes the
    path. Never the path itself: labels and lines must not grow with what strangers ask for.
    """
    # FastAPI's own place for the whole template, prefixes of routers included.
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None:
        return str(context.path)
    if (path := getattr(scope.get("route"), "path", None)) is not None:
        return str(path)
    # An endpoint without a route is a mount: its path is the template.
    return str(scope.get("root_path") or "none") if "endpoint" in scope else "none"


def _ticket_in(text: str) -> str | None:
    found = _TICKET.match(text)
    return found[0] if found else None


def _trace_of(about: object) -> Trace | None:
    if isinstance(about, Message):
        return tracing.parse(about.headers.get("traceparent"))
    if isinstance(about, Subject):
        return tracing.parse(about.traceparent)
    if isinstance(about, Mapping):
        trace = about.get(TRACE)
        return trace if isinstance(trace, Trace) else None
    return None
