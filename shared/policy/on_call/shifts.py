"""Who is on call when, as the policy document `on-call` says it: rotations in layers, overrides and
swaps; and who asked for cover. Shapes only.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, model_validator

from shared.policy.part import PolicyPart
from shared.policy.scalars import Moment, Span
from shared.policy.windows import Weekday, Window


class Rotation(PolicyPart):
    """`people` take turns of `every` (or of `months` calendar months, if that is set), the first
    from `starts_at`.

    The hand-over keeps its local time across daylight saving; monthly turns change on the day of
    the month of `starts_at`, or on the last day of a shorter month.
    """

    people: tuple[str, ...] = Field(min_length=1)
    starts_at: Moment
    every: Span = timedelta(days=7)
    months: int = Field(default=0, ge=0, le=12)


class Layer(PolicyPart):
    """A rotation that counts during `week` only (local time of the schedule's zone; empty: always).

    A window of the night closes the next day, as in a calendar.
    """

    name: str
    rotation: Rotation
    week: dict[Weekday, tuple[Window, ...]] = {}


class Period(PolicyPart):
    """[since, until)"""

    since: Moment
    until: Moment

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.since:
            raise ValueError("it must end after it begins")
        return self

    def covers(self, at: datetime) -> bool:
        return self.since <= at < self.until


class Override(Period):
    """`person` instead of whoever is on by rotation."""

    person: str


class Swap(Period):
    """Each of the two stands in for the other."""

    one: str
    other: str

    @model_validator(mode="after")
    def _is_between_two(self) -> Self:
        if self.one == self.other:
            raise ValueError("a swap is between two people")
        return self

    def instead_of(self, person: str) -> str:
        # Whoever is neither of the two keeps their turn.
        return {self.one: self.other, self.other: self.one}.get(person, person)


class CoverAsk(Period):
    """`by` is on call then and asks for cover: `of` one colleague, or of everybody else who takes
    turns in the schedule (empty). Whoever accepts gets an override; until then nothing changes, so
    nobody looks here to find out who is on call.

    `declined`: who will not do it. `end`: how the ask ended, with `ended_by` and `ended_at`; empty
    while it waits. It waits until `since` at the longest.
    """

    id: str
    by: str
    of: str = ""
    word: str = ""
    asked_at: Moment
    declined: tuple[str, ...] = ()
    end: Literal["", "accepted", "declined", "withdrawn"] = ""
    ended_by: str = ""
    ended_at: Moment | None = None


class Schedule(PolicyPart):
    """One `rotation`, or `layers`: of those that cover a moment the last listed counts. Then swaps,
    then overrides. `asks` change nothing of it.
    """

    zone: str
    rotation: Rotation | None = None
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    swaps: tuple[Swap, ...] = ()
    asks: tuple[CoverAsk, ...] = ()

    @model_validator(mode="after")
    def _is_a_schedule(self) -> Self:
        if self.zone not in available_timezones():
            raise ValueError(
                f"zone {self.zone!r} is not in the IANA database; an example is America/New_York"
            )
        # Exactly one of the two forms.
        if (self.rotation is None) == (not self.layers):
            raise ValueError("a schedule has either one rotation or layers")
        if len({layer.name for layer in self.layers}) != len(self.layers):
            raise ValueError("two layers have the same name")
        return self

    @property
    def stack(self) -> tuple[Layer, ...]:
        """The layers, the first that counts first."""
        if self.rotation is not None:
            return (Layer(name="rotation", rotation=self.rotation),)
        return self.layers[::-1]

    @property
    def members(self) -> tuple[str, ...]:
        """Who takes turns in it, in the order of the layers."""
        people = [who for layer in self.stack[::-1] for who in layer.rotation.people]
        return tuple(dict.fromkeys(people))

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """(where in the schedule, who) for everybody it names. Asks are left out: people may leave
        without them.
        """
        # The place is for messages only: `document.py` puts the schedule's name in front.
        found = [("rotation", who) for who in (self.rotation.people if self.rotation else ())]
        found += [
            (f"layers.{layer.name}", who) for layer in self.layers for who in layer.rotation.people
        ]
        found += [("overrides", override.person) for override in self.overrides]
        found += [("swaps", who) for swap in self.swaps for who in (swap.one, swap.other)]
        return tuple(found)
