"""Policy: versioned documents on the topic `policies`, and the pure questions every service asks of
them.

`desk.py` is the shape of the document `default` (routing, priorities, calendars, targets),
`shared/policy/on_call/document.py` that of `on-call` (people, schedules, escalation),
`components.py` that of `components` (what incidents affect), `macros.py` that of `macros` (texts
for replies), `priority.py` the answers that intake and the router must give alike.
"""

from __future__ import annotations

from shared.policy.brand import BrandPolicy
from shared.policy.components import ComponentsPolicy
from shared.policy.desk import (
    AskRules,
    Assign,
    Assignee,
    Calendar,
    DeskPolicy,
    Ownership,
    ProviderTarget,
    RoutingRule,
    Strength,
    Target,
)
from shared.policy.macros import Macro, MacrosPolicy
from shared.policy.on_call.document import (
    ContactMethod,
    EscalationPolicy,
    EscalationStep,
    OnCallPolicy,
    Person,
)
from shared.policy.on_call.shifts import Layer, Override, Rotation, Schedule, Swap
from shared.policy.priority import (
    PriorityVerdict,
    entitles_to_page,
    is_change,
    lane_for,
    page_on_review,
    priority_at_opening,
    stands_first,
)
from shared.policy.windows import Window

DESK, ON_CALL, COMPONENTS = "default", "on-call", "components"
MACROS, BRAND = "macros", "brand"
"""The names of the policy documents."""

# `macros` and `brand` are missing on purpose: they change texts, and no decision goes by a text.
DECIDING = (DESK, ON_CALL, COMPONENTS)
"""The documents that decisions go by: their versions are stamped on every request."""

__all__ = [
    "BRAND",
    "COMPONENTS",
    "DECIDING",
    "DESK",
    "MACROS",
    "ON_CALL",
    "AskRules",
    "Assign",
    "Assignee",
    "BrandPolicy",
    "Calendar",
    "ComponentsPolicy",
    "ContactMethod",
    "DeskPolicy",
    "EscalationPolicy",
    "EscalationStep",
    "Layer",
    "Macro",
    "MacrosPolicy",
    "OnCallPolicy",
    "Override",
    "Ownership",
    "Person",
    "PriorityVerdict",
    "ProviderTarget",
    "Rotation",
    "RoutingRule",
    "Schedule",
    "Strength",
    "Swap",
    "Target",
    "Window",
    "entitles_to_page",
    "is_change",
    "lane_for",
    "page_on_review",
    "priority_at_opening",
    "stands_first",
]
