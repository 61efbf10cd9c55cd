"""`make bench`: what reading a ticket's text costs the request path, for 5 kB of each sort of text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.events import UrgentDetails
from shared.text import redact as masking
from shared.text import scanner
from shared.text.codes import codes_in
from shared.text.reading import times_of
from shared.text.redact import redact
from tests.bench.table import Figure, at_share
from tests.unit.text.samples import CLEAN, secrets

pytestmark = pytest.mark.bench

SIZE, RUNS = 5_000, 200
AT = datetime(2027, 3, 2, 16, 30, tzinfo=UTC)
TEXTS = {
    "a router's log": (CLEAN[0] + "\n") * 30,
    "logs and traces": ("\n".join(CLEAN) + "\n") * 3,
    "a log with three secrets": (CLEAN[0] + "\n") * 10
    + "\n".join(text for _, text, _ in secrets()[:3])
    + (CLEAN[0] + "\n") * 10,
}


@pytest.fixture
def scanning(tmp_path: Path) -> Iterator[None]:
    scanner.start(tmp_path).join()
    yield
    masking.use(None)


def milliseconds(work: Callable[[], object]) -> float:
    work()
    took = []
    for _ in range(RUNS):
        begun = time.thread_time()
        work()
        took.append(1000 * (time.thread_time() - begun))
    return at_share(took, 0.5)


def test_text(scanning: None) -> None:
    form = UrgentDetails(began_at="2027-03-02 07:55 PST", logs=TEXTS["a router's log"][:SIZE])
    figures = [
        Figure(f"mask 5 kB: {name}", milliseconds(lambda text=text: redact(text[:SIZE])), "ms", 2)
        for name, text in TEXTS.items()
    ]
    figures.append(
        Figure(
            "times of an urgent form with 5 kB of logs",
            milliseconds(lambda: times_of(form, "Down.", AT)),
            "ms",
            2,
        )
    )
    figures.append(
        Figure(
            "error codes in 5 kB",
            milliseconds(lambda: codes_in(TEXTS["logs and traces"][:SIZE])),
            "ms",
            1,
        )
    )
    print("\n" + "\n".join(map(str, figures)))
