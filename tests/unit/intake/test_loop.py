"""No write with the largest body it takes is worked on in the event loop's own thread.

Asked of the thread, not of a watch: a busy machine makes every time long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.intake.accounts import shell as accounts
from services.intake.app import build
from shared.process.workers import SMALL
from tests.support.threads import SeenTurns, SeenWorkers
from tests.unit.intake.building import Bench
from tests.unit.intake.test_http import ID, call

LONG = "It says at=error code=H12 since 12:30. " * 2_500
REPLY = {"body": LONG}
AT = "2024-03-01T12:00:00Z"


IMPORT = {
    "source": "file",
    "id": "1",
    "requester": "free@example.com",
    "subject": "Old",
    "body": LONG,
    "at": AT,
    "comments": [
        {
            "id": str(n),
            "author": "free@example.com",
            "author_is_staff": False,
            "body": "x",
            "at": AT,
        }
        for n in range(400)
    ],
}
LARGEST: list[tuple[str, str, str, Any]] = [
    ("POST", "/v1/tickets", "demo-premier", {"subject": "Down", "body": LONG}),
    ("POST", f"/v1/tickets/{ID}/replies", "demo-premier", REPLY),
    ("POST", "/v1/import/tickets", "demo-admin", IMPORT),
    ("POST", "/v1/incidents", "demo-ops", {"title": "Slow", "body": LONG[:9_900]}),
]


def seen() -> tuple[Bench, Callable[[], list[threading.Thread]]]:
    """A desk, and the threads that its work ran in."""
    bench, workers, turns = Bench(), SeenWorkers(), SeenTurns()
    intake, door = replace(bench.intake, slow=workers), replace(bench.door, turns=turns)
    bench.app = build(intake, door, {}, accounts=accounts.Accounts(bench.log.tokens))
    return bench, lambda: [*workers.threads, *turns.threads]


@pytest.mark.parametrize(("method", "path", "who", "body"), LARGEST, ids=[r[1] for r in LARGEST])
async def test_the_largest_bodies_are_worked_on_in_a_thread(
    method: str, path: str, who: str, body: Any
) -> None:
    bench, threads = seen()
    answer = await call(bench, method, path, body, who)
    assert answer.status_code < 300, answer.text
    assert threads(), "nobody asked the workers"
    assert threading.main_thread() not in threads() or len(str(body)) <= SMALL


async def test_a_small_ticket_takes_no_way_round() -> None:
    """Most are small, and an urgent one must not wait for a thread."""
    bench, threads = seen()
    answer = await call(bench, "POST", "/v1/tickets", {"subject": "a", "body": "b"})
    assert answer.status_code == 202
    assert set(threads()) == {threading.current_thread()}
