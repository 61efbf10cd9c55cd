"""What somebody sends by a form, passed on to intake; its answer for the page that comes next."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from services.portal.web.intake_client import IntakeAnswer
from services.portal.web.parts import Portal
from shared.errors import Unavailable
from shared.events import Actor


async def send_to_intake(
    portal: Portal, actor: Actor, path: str, document: Mapping[str, Any], fields: Mapping[str, str]
) -> IntakeAnswer:
    """Intake's answer. Where it is away that is an answer too, so that what somebody wrote is shown
    again and not lost.
    """
    try:
        return await portal.intake.forward(
            actor, "POST", path, document, idempotency_key=key_of(fields)
        )
    except Unavailable:
        # A problem document like any other, so that the callers need no second way.
        return IntakeAnswer(
            503,
            {},
            b'{"detail": "We cannot take it just now. What you wrote is still here: '
            b'try again in a moment."}',
        )


def key_of(fields: Mapping[str, str]) -> str:
    """The key made when the form was drawn: sending it twice is one request."""
    return fields.get("idempotency_key", "")[:200] or secrets.token_urlsafe(18)


def status_of(answer: IntakeAnswer) -> int:
    # An answer that is no error has no place on a page about one.
    return answer.status if 400 <= answer.status < 600 else 502
