"""Policy: versioned documents on the topic `policies`, and the pure questions every service asks of them.

`desk.py` is the shape of the document `default` (routing, priorities, calendars, targets), `on_call.py` that of `on-call`
(people, schedules, escalation), `components.py` that of `components` (what incidents affect), `priority.py` the answers that
intake and the router must give alike.
"""

from __future__ import annotations

from shared.policy.components import ComponentsPolicy
from shared.policy.desk import Calendar, DeskPolicy, ProviderTarget, RoutingRule, Strength, Target, Window
from shared.policy.on_call import ContactMethod, EscalationPolicy, EscalationStep, OnCallPolicy, Person
from shared.policy.priority import Verdict, entitles_to_page, is_change, lane_for, priority_at_opening, stands_first
from shared.policy.shifts import Layer, Override, Rotation, Schedule, Swap

DESK, ON_CALL, COMPONENTS = "default", "on-call", "components"
"""The names of the policy documents."""

__all__ = [
    "COMPONENTS",
    "DESK",
    "ON_CALL",
    "Calendar",
    "ComponentsPolicy",
    "ContactMethod",
    "DeskPolicy",
    "EscalationPolicy",
    "EscalationStep",
    "Layer",
    "OnCallPolicy",
    "Override",
    "Person",
    "ProviderTarget",
    "Rotation",
    "RoutingRule",
    "Schedule",
    "Strength",
    "Swap",
    "Target",
    "Verdict",
    "Window",
    "entitles_to_page",
    "is_change",
    "lane_for",
    "priority_at_opening",
    "stands_first",
]
