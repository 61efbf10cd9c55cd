"""What words tell is what SQLite's FTS5 says, for any few documents; and what it costs is bounded."""

from __future__ import annotations

import random
import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.knowledge import Articles
from shared.knowledge.ranking import Ranking
from tests.support.articles_corpus import library
from tests.support.waiting import stretched

WORDS = st.lists(st.sampled_from(["dyno", "redis", "log", "boot", "mail", "shop"]), max_size=8)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=7), WORDS)
def test_scores_are_those_of_fts5(
    texts: list[tuple[list[str], list[str]]], asked: list[str]
) -> None:
    ranking = Ranking()
    ranking.add(
        {str(number): [(8.0, head), (1.0, body)] for number, (head, body) in enumerate(texts)}
    )
    found = ranking.scores(asked)
    expected = _by_sqlite(texts, asked)
    telling = {name for name, score in expected.items() if score > 1e-3}
    assert found.keys() >= telling
    for name in telling:
        assert found[name] == pytest.approx(expected[name], abs=1e-3)


def _by_sqlite(texts: list[tuple[list[str], list[str]]], asked: list[str]) -> dict[str, float]:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE texts USING fts5(name UNINDEXED, head, body)")
    rows = [(str(at), " ".join(head), " ".join(body)) for at, (head, body) in enumerate(texts)]
    database.executemany("INSERT INTO texts VALUES (?, ?, ?)", rows)
    if not asked:
        return {}
    wanted = " OR ".join(f'"{word}"' for word in asked)
    query = "SELECT name, -bm25(texts, 0, 8.0, 1.0) FROM texts WHERE texts MATCH ?"
    return dict(database.execute(query, (wanted,)).fetchall())


def test_words_that_all_documents_have_count_where_there_are_no_others() -> None:
    ranking = Ranking()
    ranking.add({"a": [(1.0, ["dyno", "log"])], "b": [(1.0, ["dyno"])], "c": [(1.0, ["dyno"])]})
    assert set(ranking.scores(["dyno"])) == {"a", "b", "c"}
    assert set(ranking.scores(["dyno", "log"])) == {"a"}


@given(st.text(max_size=200))
def test_any_text_is_answered_alike_in_one_step_and_in_two(text: str) -> None:
    articles = library()
    assert articles.answer(articles.understand(text), 3) == articles.search(text, 3)


def test_many_unknown_words_are_not_quick_and_pasted_text_always_is() -> None:
    articles: Articles = library()
    quick = {
        "My dyno is killed": True,
        "checkout answers 503": True,
        "databsae conection eror on heorku postgress instanze": False,
        " ".join(f"unheardofword{letter}" for letter in "abcdefghijklmno"): True,
    }
    assert {text: articles.is_quick(articles.understand(text)) for text in quick} == quick


def test_what_pasted_text_costs_is_bounded() -> None:
    """Two thousand searches in words of the articles themselves, which match most."""
    articles, drawn = library(), random.Random(7)
    words = [word for article in articles.all for word in article.body.split()]
    begun = time.process_time()
    for _ in range(200):
        articles.search(" ".join(drawn.choices(words, k=100))[:600], 3)
    assert time.process_time() - begun < stretched(200 * 0.001)
