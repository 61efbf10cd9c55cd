"""Trace context: what is taken from a caller, what is drawn here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.tracing import begin, derive_trace, parse

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_goes_on_with_a_new_span() -> None:
    caller, here = parse(CALLERS), begin(CALLERS)
    assert caller is not None
    assert (here.trace_id, here.parent, here.flags) == (caller.trace_id, caller.span_id, "01")
    assert here.span_id != caller.span_id
    assert begin(here.traceparent.encode()).trace_id == caller.trace_id


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "nonsense",
        CALLERS.upper(),
        CALLERS + "-more",
        CALLERS.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        CALLERS.replace("b7ad6b7169203331", "0" * 16),
        "ff" + CALLERS[2:],
        CALLERS.replace("0af7", "\r\nx"),
        "00-" + "\u0660" * 32 + "-" + "1" * 16 + "-01",
    ],
)
def test_what_is_no_trace_context_begins_a_new_trace(traceparent: str | None) -> None:
    assert parse(traceparent) is None
    made = begin(traceparent)
    assert made.parent == ""
    assert parse(made.traceparent) is not None


@given(st.binary(max_size=60))
def test_whatever_comes_a_trace_id_is_hex(raw: bytes) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", begin(raw).trace_id)


def test_the_same_thing_handled_again_is_the_same_trace() -> None:
    assert derive_trace("mail:1") == derive_trace("mail:1") != derive_trace("mail:2")
    assert parse(derive_trace("mail:1").traceparent) is not None


def test_no_two_spans_are_the_same() -> None:
    made = [begin() for _ in range(2000)]
    spans = [one.child() for one in made] + made
    assert len({one.trace_id for one in made}) == 2000
    assert len({one.span_id for one in spans}) == 4000
    assert all(parse(one.traceparent) is not None for one in spans)
