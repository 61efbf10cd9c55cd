"""`make bench`: does the knowledge base find the right article, and how quickly; each half of the
corpus for itself, with its misses.
"""

from __future__ import annotations

import time

import pytest

from tests.bench.table import Figure, at_share
from tests.support.articles_corpus import HALVES, judged, library, queries, share

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("half", HALVES)
def test_quality(half: str) -> None:
    results = judged(half)
    print("\n" + "\n".join(str(asked) for asked in results if not asked.is_first))
    print(
        Figure(
            f"articles, {half}: right one first, of {len(results)}",
            share([r.is_first for r in results]),
            "%",
            goal=85,
            low=False,
        )
    )
    print(
        Figure(
            f"articles, {half}: among three",
            share([r.is_among_three for r in results]),
            "%",
            goal=95,
            low=False,
        )
    )


def test_speed() -> None:
    spent = []
    for query, _ in [pair for half in HALVES for pair in queries(half)] * 5:
        begun = time.thread_time()
        library().search(query)
        spent.append(1000 * (time.thread_time() - begun))
    print()
    for part in (0.5, 0.99):
        print(Figure(f"articles, a search, p{100 * part:g}", at_share(spent, part), "ms", goal=5))
