"""What a new installation begins with where there is no shipped document. Pure."""

from __future__ import annotations

from typing import Any


def on_call_of(email: str) -> dict[str, Any]:
    """An on-call document in which one person is woken for everything, by mail."""
    # The same person is step and fallback: one person is all there is on the first day.
    step = {"person": "administrator", "wait": "5m"}
    course = {"steps": [step], "repeat": 3, "fallback": "administrator"}
    mail = {"name": "mail", "channel": "email", "address": email, "verified": True}
    return {
        "people": {"administrator": {"email": email, "methods": [mail]}},
        "schedules": {},
        "escalation": {"support": course, "ops": course},
    }
