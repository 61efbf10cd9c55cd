"""The policy document `components`: the parts of the platform that an incident can affect, and
which alerts wake ops.

Versioned like every policy, so that an old incident keeps the names it was reported under.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from shared.events import Category, Component, Phase, Severity
from shared.policy.part import PolicyPart
from shared.status.bounds import LONGEST_UPDATE

Name = Annotated[
    # No control characters: names go into mail subjects and status lines.
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]


class ListedComponent(PolicyPart):
    """One component. `words`: what it is recognised by in a ticket; `addon`: the slug of the add-on
    it is.
    """

    id: Id
    name: Name
    category: Category = Category.BOTH
    words: tuple[Name, ...] = ()
    addon: str | None = None

    @property
    def known(self) -> Component:
        """As requests and facts carry it."""
        return Component(
            id=self.id, name=self.name, category=self.category, words=self.words, addon=self.addon
        )


Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_UPDATE)]


class UpdateText(PolicyPart):
    """A text that ops may begin an update with. `phase`: the one it is for."""

    name: Name
    body: Text
    phase: Phase | None = None


class ComponentsPolicy(PolicyPart):
    """The whole document. `quiet`: severities of alerts that wake nobody (they draft an incident
    all the same).

    `stacks` are those whose scope of impact an incident tells apart (seed 004: Cedar and Bamboo).
    """

    components: tuple[ListedComponent, ...] = ()
    stacks: tuple[Name, ...] = ()
    quiet: frozenset[Severity] = frozenset({Severity.INFO})
    texts: tuple[UpdateText, ...] = ()
    """Texts for updates of incidents."""

    @model_validator(mode="after")
    def _tells_them_apart(self) -> Self:
        ids = [component.id for component in self.components]
        if len(set(ids)) != len(ids):
            raise ValueError("components: two have the same id")
        # In one case, as `find` looks for them.
        names = [component.name.casefold() for component in self.components]
        if len(set(names)) != len(names):
            raise ValueError("components: two have the same name")
        return self

    def find(self, named: str) -> Component | None:
        """A component by its id or its name, in any case."""
        wanted = named.strip().casefold()
        return next(
            (
                found.known
                for found in self.components
                if wanted in (found.id, found.name.casefold())
            ),
            None,
        )

    def of_addon(self, slug: str) -> tuple[Component, ...]:
        """The components that are this add-on."""
        return tuple(found.known for found in self.components if found.addon == slug)
