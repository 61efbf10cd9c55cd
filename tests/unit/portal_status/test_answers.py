"""What the status page's JSON says has the shapes that the reference of the API names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from services.portal.answers.incidents import CurrentStatus, IncidentShown, IssueList, StatusShown
from services.portal.incidents import documents as shapes
from services.portal.status import v3
from services.portal.status.board import Board
from services.portal.status.drawing import status_of
from shared import events as e
from shared.events import Actor, Role, Via
from tests.unit.portal_status.outage import facts, told
from tests.unit.portal_status.test_board import AFTER, BEGAN, maintenance, seen

OPS = Actor(email="ops@example.com", name="Ops", roles=(Role.OPS,), via=Via.WEB)
DISKS = maintenance(e.Impact(production=e.Colour.RED), ended=False)
BOARDS = {
    "begun": seen(2, BEGAN + timedelta(minutes=1)),
    "over": seen(),
    "maintained": seen(now=AFTER - timedelta(days=1, hours=1), more=DISKS),
}


def check(shape: type[BaseModel], answer: Any) -> None:
    """As JSON, where nothing is coerced."""
    shape.model_validate_json(orjson.dumps(answer), strict=True)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_status_and_the_api_of_2012(board: Board) -> None:
    check(StatusShown, status_of(board))
    check(CurrentStatus, v3.current_status(board, "https://status.example"))
    check(IssueList, v3.issues(board, "https://status.example"))
    assert board.everything


@pytest.mark.parametrize("actor", [OPS, None], ids=["ops", "anybody"])
def test_incidents_and_maintenances(actor: Actor | None) -> None:
    found = told([*facts(), *DISKS])
    assert {one.doc["aggregate"] for one in found} == {"incident", "maintenance"}
    for one in found:
        check(IncidentShown, shapes.describe_incident(one.doc, actor, AFTER))
