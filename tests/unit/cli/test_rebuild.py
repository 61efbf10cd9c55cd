"""`signalbox rebuild` knows every view there is."""

from __future__ import annotations

from cli.log.rebuild import VIEWS, canonical
from services.portal.projector.loop import INDEXES

WITHOUT_INDEX = {"requests", "counts", "shelves", "mail_deliveries"}
"""Views that are only read by their ids."""


def test_every_view_with_an_index_is_rebuilt() -> None:
    assert set(INDEXES) | WITHOUT_INDEX == set(VIEWS), (
        "a view that is left out stays as it was, wrong or right"
    )


def test_names_of_files_are_not_compared_and_all_else_is() -> None:
    """A name that came late stands elsewhere among the words than one that was there at once."""
    late = {"_id": "t", "words": ["down", ":file*", "log"], "unnamed": [], "status": "new"}
    early = {"_id": "t", "words": ["log", "down", ":file*"], "status": "new"}
    assert canonical("tickets", late) == canonical("tickets", early)
    assert canonical("tickets", early) != canonical("tickets", {**early, "status": "open"})
    other = {"_id": "t", "words": ["down"], "status": "new"}
    assert canonical("tickets", other) != canonical("tickets", {**other, "words": ["up"]})
