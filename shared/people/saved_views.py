"""Saved views of the desk: a filter of the queue or a search with a name, as the directory keeps it
(kind `saved-views`). Intake writes them, the portal reads them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.events import Actor
from shared.people.folding import fold_address

SAVED_VIEWS = "saved-views"
# As `shared.ids` makes them: 26 letters of base32.
VIEW_ID = re.compile(r"viw_[a-z2-7]{26}")
MOST_OF_ONE = 30
"""Views of one person, and of the team."""


class ViewPlace(StrEnum):
    QUEUE = "queue"
    SEARCH = "search"


FIELDS: Mapping[ViewPlace, tuple[str, ...]] = {
    ViewPlace.QUEUE: ("home", "queue", "owner", "priority", "status", "q"),
    ViewPlace.SEARCH: ("q",),
}
"""Place → what of its address a view keeps."""


class SavedView(BaseModel):
    """`owner`: the address of whoever has it; empty: the team. `asked`: fields of the address."""

    model_config = ConfigDict(frozen=True)

    name: str
    place: ViewPlace
    asked: dict[str, str]
    owner: str = ""

    @property
    def href(self) -> str:
        # Only fields that this place has: a document may be older than the list, or edited by hand.
        given = {name: self.asked[name] for name in FIELDS[self.place] if self.asked.get(name)}
        return f"/{self.place}?{urlencode(given)}"

    def is_for(self, actor: Actor) -> bool:
        """Whether `actor` sees it, and may rename and remove it. The team's is everybody's."""
        return actor.is_staff and self.owner in ("", fold_address(actor.email))


def saved_view_in(document: Mapping[str, Any] | None) -> SavedView | None:
    """The view of a directory document; None for what is none."""
    if document is None:
        return None
    try:
        return SavedView.model_validate(dict(document), extra="ignore")
    # A view that cannot be read is left out; the desk works without it.
    except ValidationError:
        return None


class DocumentIndex(Protocol):
    """Documents at hand in this process: intake's replica, or the portal's."""

    def get(self, kind: str, doc_id: str) -> Mapping[str, Any] | None: ...

    def ids(self, kind: str) -> Iterable[str]: ...


def every_view(directory: DocumentIndex) -> list[tuple[str, SavedView]]:
    """(id, view) of everybody's."""
    known = ((key, directory.get(SAVED_VIEWS, key)) for key in directory.ids(SAVED_VIEWS))
    return [(key, view) for key, document in known if (view := saved_view_in(document)) is not None]


def views_of(directory: DocumentIndex, actor: Actor) -> list[tuple[str, SavedView]]:
    """(id, view) of one's own, then of the team's, by name."""
    found = [(key, view) for key, view in every_view(directory) if view.is_for(actor)]
    # The id last, so that two views of one name keep their order.
    return sorted(found, key=lambda each: (each[1].owner == "", each[1].name.lower(), each[0]))
