"""A ticket that costs as much as one can: its texts are all names of secrets, of which none has a
value.
"""

from __future__ import annotations

from typing import Any

_PIECE = "secret="
_FIELDS = (
    "logs",
    "configuration",
    "steps_to_reproduce",
    "business_impact",
    "users_affected",
    "staging_differences",
    "seen_in_staging",
)


def costly_ticket() -> dict[str, Any]:
    """The body of `POST /v1/tickets`, within every limit of a form."""
    urgent = dict.fromkeys(_FIELDS, (_PIECE * 3000)[:19900])
    return {"subject": "logs", "body": (_PIECE * 15_000)[:99_000], "urgent": urgent}
