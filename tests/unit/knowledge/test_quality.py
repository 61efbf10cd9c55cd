"""The right article comes first: as the issue demands, on the half that was tuned on and on the half that was not."""

from __future__ import annotations

import pytest

from tests.support.articles_corpus import HALVES, judged, library, queries, share

FIRST, AMONG_THREE = 85, 95


@pytest.mark.parametrize("half", HALVES)
def test_the_right_article_is_found(half: str) -> None:
    results = judged(half)
    misses = "\n".join(str(asked) for asked in results if not asked.is_first)

    assert share([asked.is_first for asked in results]) >= FIRST, misses
    assert share([asked.is_among_three for asked in results]) >= AMONG_THREE, misses


def test_the_corpus_is_large_fair_and_about_articles_that_exist() -> None:
    tuned, held_out = (queries(half) for half in HALVES)

    assert len(tuned) + len(held_out) >= 120
    assert len(held_out) >= len(tuned)
    assert not {ask for ask, _ in tuned} & {ask for ask, _ in held_out}
    assert all(library().get(slug) for _, want in tuned + held_out for slug in want)
