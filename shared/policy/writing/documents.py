"""A policy document that comes in: read strictly, checked, rehearsed. Pure, and for its size quick;
a large on-call document may take a second, so a server asks in a thread.

The same for `signalbox policy check` and for every write of intake, so that what one accepts the
other does not refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from shared.policy import (
    BRAND,
    COMPONENTS,
    DESK,
    MACROS,
    ON_CALL,
    BrandPolicy,
    ComponentsPolicy,
    DeskPolicy,
    MacrosPolicy,
    OnCallPolicy,
)
from shared.policy.on_call.coverage import CoverageFinding
from shared.policy.scalars import STRICT
from shared.policy.writing.checks import Mistake, mistakes_in
from shared.policy.writing.rehearsal import rehearse, warnings_about

MODELS: dict[str, type[BaseModel]] = {
    DESK: DeskPolicy,
    ON_CALL: OnCallPolicy,
    COMPONENTS: ComponentsPolicy,
    MACROS: MacrosPolicy,
    BRAND: BrandPolicy,
}
"""Policy document → its shape."""

Problem = Mapping[str, Any]
"""A mistake as pydantic tells it: `loc`, `msg`, `type`, `input`."""


@dataclass(frozen=True)
class ExaminedDocument:
    """`policy` is None where the shape is wrong (`problems`); `mistakes` are of the right shape.
    `warnings` do not stand in the way.
    """

    policy: BaseModel | None
    problems: tuple[Problem, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[CoverageFinding, ...] = ()

    @property
    def is_usable(self) -> bool:
        return self.policy is not None and not self.mistakes


def examine(
    name: str,
    document: Mapping[str, Any],
    now: datetime,
    is_apprise: Callable[[str], bool] | None = None,
) -> ExaminedDocument:
    """Everything that is wrong with a document. KeyError for a name that is not in `MODELS`."""
    model = MODELS[name]
    # Through JSON bytes: strict mode then takes what JSON has, and no Python types by chance.
    try:
        raw = orjson.dumps(document)
    except (TypeError, RecursionError) as error:
        return ExaminedDocument(
            None, ({"loc": (), "msg": f"it is no JSON: {error}", "type": "json"},)
        )
    try:
        policy = model.model_validate_json(raw, strict=True, context=STRICT)
    except ValidationError as error:
        return ExaminedDocument(None, tuple(map(dict, error.errors(include_url=False))))
    # Only a document without mistakes can be rehearsed: a rota with a wrong name would raise.
    mistakes = mistakes_in(policy, is_apprise) or rehearse(policy, now)
    # Warnings about a document that is refused would only distract.
    warnings = [] if mistakes else warnings_about(policy, now)
    return ExaminedDocument(policy, (), tuple(mistakes), tuple(warnings))
