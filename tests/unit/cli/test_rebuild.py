"""`signalbox rebuild` knows every view there is."""

from __future__ import annotations

from cli.rebuild import VIEWS
from services.portal.projector import INDEXES


def test_every_view_with_an_index_is_rebuilt() -> None:
    assert set(INDEXES) | {"requests", "counts"} == set(VIEWS), "a view that is left out stays as it was, wrong or right"
