"""The policy document `macros`: texts that staff and providers put into a reply, and what is done
with it.

`text` may have the fields of `FIELDS` in braces: `{customer}`. They are filled where the macro is
chosen, and the writer sees the words before they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.events import Priority
from shared.policy.part import PolicyPart

FIELDS = ("customer", "ticket", "due", "agent", "app")
"""customer: the requester's name; ticket: its short id; due: the next promise in words; agent: the
writer's name; app: the app's name. One that a ticket does not have is left out.
"""
# 40 characters bound what is looked up; a longer word in braces is plain text.
_FIELD = re.compile(r"\{(\w{1,40})\}")

Title = Annotated[
    str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]


class Macro(PolicyPart):
    """One macro. `solves`: the ticket is solved as well; `priority` (with its `reason`, which the
    customer reads): it is set as well; `is_note`: for staff alone; `providers`: providers have it,
    too.
    """

    id: Id
    title: Title
    text: str = Field(min_length=1, max_length=5_000)
    solves: bool = False
    priority: Priority | None = None
    reason: str = Field("", max_length=1_000)
    is_note: bool = False
    providers: bool = False

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        unknown = [name for name in _FIELD.findall(self.text) if name not in FIELDS]
        if unknown:
            raise ValueError(
                f"text: there is no field {{{unknown[0]}}}; there are {', '.join(FIELDS)}"
            )
        # The same rule as for an agent who changes the priority by hand.
        if self.priority is not None and not self.reason.strip():
            raise ValueError(
                "reason: a macro that sets the priority says why; the customer reads it"
            )
        if self.is_note and (self.solves or self.providers):
            raise ValueError("is_note: a note neither solves a ticket nor is it a provider's")
        return self


class MacrosPolicy(PolicyPart):
    """The whole document."""

    macros: tuple[Macro, ...] = ()

    @model_validator(mode="after")
    def _tells_them_apart(self) -> Self:
        ids = [macro.id for macro in self.macros]
        if len(set(ids)) != len(ids):
            raise ValueError("macros: two have the same id")
        return self


def fill_fields(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields filled; the blank before a field that is empty goes with it."""
    return _FIELD.sub(lambda found: values.get(found[1], found[0]), text)
