"""What is checked before a policy document is published: a mistake is told with its place, and
never reaches the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.channels.apprise import is_address
from shared.errors import FAULTS, Refused
from shared.http.mistakes import invalid
from shared.policy import OnCallPolicy
from shared.policy.writing.differences import find_differences, handovers
from shared.policy.writing.documents import MODELS, ExaminedDocument, examine

__all__ = ["MODELS", "changes_of", "check_policy", "check_policy_in_thread"]


def check_policy(
    name: str,
    document: Mapping[str, Any],
    now: datetime,
    before: Mapping[str, Any] | None = None,
) -> ExaminedDocument:
    """The document, usable. Raises Refused: `no-such-policy` (404) or `invalid` with every mistake.

    `before`: the version that a small change was made of. What was wrong with that one already
    stands in nobody's way: a swap is taken although somebody else's number has a mistake.
    """
    if name not in MODELS:
        raise Refused(
            "no-such-policy",
            f"There is no policy {name!r}; there are {', '.join(MODELS)}.",
            status=404,
        )
    # With what channels know: an Apprise address can be checked without sending.
    found = examine(name, document, now, is_address)
    if found.is_usable:
        return found
    wrong = _list_problems(found)
    # A small change is not held up by older mistakes of others.
    if before is not None:
        known = _list_problems(examine(name, before, now, is_address))
        wrong = [one for one in wrong if one not in known]
        if not wrong:
            return found
    raise invalid(wrong)


async def check_policy_in_thread(
    name: str,
    document: Mapping[str, Any],
    now: datetime,
    before: Mapping[str, Any] | None = None,
) -> ExaminedDocument:
    """`check_policy` in a thread: a rota of 90 days may take a second."""
    return await asyncio.to_thread(check_policy, name, document, now, before)


def _list_problems(found: ExaminedDocument) -> list[dict[str, Any]]:
    shapes = [{"loc": problem["loc"], "msg": problem["msg"]} for problem in found.problems]
    return [*shapes, *({"loc": place, "msg": words} for place, words in found.mistakes)]


def changes_of(
    name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """`changes`: `{path, old, new}` of every value that differs; `rota`: who would be on call
    instead of whom, in the next 90 days. Pure; the first version changes nothing.
    """
    if before is None:
        return {"changes": [], "rota": []}
    model = MODELS[name]
    # Read leniently: an old version may have fields that today's model does not know.
    try:
        old = model.model_validate(before, extra="ignore")
        new = model.model_validate(after, extra="ignore")
        changes = [
            {"path": path, "old": was, "new": shall}
            for path, was, shall in find_differences(old, new)
        ]
        people = (
            handovers(old, new, now)
            if isinstance(old, OnCallPolicy) and isinstance(new, OnCallPolicy)
            else []
        )
    except (ValidationError, *FAULTS):
        # A version nobody can use any more has no differences to show.
        return {"changes": [], "rota": []}
    rota = [
        {
            **one._asdict(),
            "since": one.since.isoformat(),
            "until": one.until.isoformat(),
        }
        for one in people
    ]
    return {"changes": changes, "rota": rota}
