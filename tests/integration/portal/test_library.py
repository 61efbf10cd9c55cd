"""What is counted about articles: once, for a week, and never at the cost of a page."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.portal.help.library import KEPT, Library
from shared.storage.store import Store

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


class At:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at


@pytest.fixture
async def store(mongodb_uri: str) -> AsyncIterator[Store]:
    made = Store(mongodb_uri, f"know_{secrets.token_hex(4)}")
    yield made
    await made.drop()
    made.close()


async def test_what_was_of_use_lately_comes_first(store: Store) -> None:
    clock = At(NOW - timedelta(days=8))
    library = Library(store, clock)
    for _ in range(9):
        await library.count_read("share-a-ticket")
    clock.at = NOW
    for _ in range(2):
        await library.count_read("config-vars")
    await library.count_solved("scheduler", "form-1", "ann@example.com")

    found = [article.slug for article in await Library(store, clock).trending(3)]
    assert found[:2] == ["scheduler", "config-vars"]
    assert found[2] != "share-a-ticket"


async def test_a_form_counts_once(store: Store) -> None:
    library = Library(store, At(NOW))

    assert await library.count_solved("scheduler", "form-1", "ann@example.com")
    assert not await library.count_solved("scheduler", "form-1", "ann@example.com")
    assert await library.count_solved("scheduler", "form-1", "ben@example.com")
    assert await library.count_solved("scheduler", "form-2", "ann@example.com")

    assert await library.count_solved_lately() == 3


async def test_counts_go_by_themselves(store: Store) -> None:
    library = Library(store, At(NOW))
    await library.count_read("scheduler")
    await library.count_solved("scheduler", "form-1", "ann@example.com")

    for name in ("article_reads", "deflections"):
        indexes = await store.database[name].index_information()
        assert KEPT.total_seconds() in [
            index.get("expireAfterSeconds") for index in indexes.values()
        ]


async def test_without_mongodb_articles_are_there_and_counts_are_not() -> None:
    away = Store("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", "nowhere")
    library = Library(away, At(NOW))

    await library.count_read("scheduler")
    assert await library.trending(3)
    assert await library.count_solved_lately() == 0
    assert library.articles.search("H12", 1)[0].slug == "h12-request-timeout"
    away.close()
