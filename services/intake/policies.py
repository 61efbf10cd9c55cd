"""What is checked before a policy document is published: a mistake is told with its place, and never reaches the log. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.errors import Refused
from shared.mistakes import invalid
from shared.policy import COMPONENTS, DESK, ON_CALL, ComponentsPolicy, DeskPolicy, OnCallPolicy
from shared.policy.checks import mistakes_in

MODELS: dict[str, type[BaseModel]] = {DESK: DeskPolicy, ON_CALL: OnCallPolicy, COMPONENTS: ComponentsPolicy}
"""Policy document → its shape."""


def check_policy(name: str, document: Mapping[str, Any]) -> BaseModel:
    """The document as its model. Raises Refused: `no-such-policy` (404) or `invalid` with every mistake."""
    model = MODELS.get(name)
    if model is None:
        raise Refused("no-such-policy", f"There is no policy {name!r}; there are {', '.join(MODELS)}.", status=404)
    try:
        found = model.model_validate(document)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from error
    if mistakes := mistakes_in(found):
        raise invalid([{"loc": place, "msg": words} for place, words in mistakes])
    return found
