"""`GET /v1/articles` and the changelog's feed as clients read them. MongoDB is away all the time:
neither needs it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest
from starlette.testclient import TestClient

from services.portal.help.atom import FeedEntry, feed
from services.portal.settings import PortalSettings
from shared.knowledge import read_changelog
from tests.support.preview import directory, make_app, make_portal
from tests.support.waiting import stretched

pytestmark = pytest.mark.costly

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    away = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200&connectTimeoutMS=200"
    settings = PortalSettings(
        mongodb_uri=away, mongodb_database="nowhere", demo=True, public_url="https://help.example/"
    )  # type: ignore[call-arg]
    with TestClient(
        make_app(make_portal(settings, directory())), base_url="https://help.example"
    ) as asking:
        yield asking


def get(client: TestClient, path: str, **options: Any) -> Any:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_code_matches_exactly_first(client: TestClient) -> None:
    found = get(client, "/v1/articles", params={"q": "R14 and H12, mostly H12"})
    assert [item["slug"] for item in found["items"][:2]] == [
        "h12-request-timeout",
        "r14-memory-quota-exceeded",
    ]
    assert set(found["items"][0]) == {"slug", "title", "url", "excerpt"}
    assert found["items"][0]["url"] == "/help/h12-request-timeout"
    assert found["trending"]
    assert set(found["trending"][0]) == {"slug", "title", "url", "excerpt"}


def test_nothing_is_found_and_all_are_listed(client: TestClient) -> None:
    assert get(client, "/v1/articles", params={"q": "qqqqxxxx"})["items"] == []
    assert len(get(client, "/v1/articles")["items"]) >= 45
    assert len(get(client, "/v1/articles", params={"q": "database", "limit": 2})["items"]) == 2


@pytest.mark.parametrize("query", ['"', "' OR 1=1 --", "NEAR(", "\x00", "x" * 10_000, "🚂 H12"])
def test_any_query_is_answered(client: TestClient, query: str) -> None:
    get(client, "/v1/articles", params={"q": query})


def test_one_article(client: TestClient) -> None:
    article = get(client, "/v1/articles/h12-request-timeout")
    assert article["codes"] == ["H12"]
    assert article["body"].startswith("## What it means")
    assert "<h2>What it means</h2>" in article["html"]

    missing = client.get("/v1/articles/no-such")
    assert missing.status_code == 404
    assert missing.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "path", ["/help", "/help?q=H12", "/help/h12-request-timeout/thanks", "/changelog", "/resources"]
)
def test_pages_are_there_without_mongodb_and_soon(client: TestClient, path: str) -> None:
    client.get("/help")  # the first asks MongoDB for counts, and gives up
    begun = time.monotonic()
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert time.monotonic() - begun < stretched(2.5)


def test_an_article_is_there_without_mongodb(client: TestClient) -> None:
    """How long it takes is not measured: this client waits for the counting, too, which goes on
    after the answer.
    """
    assert (
        "30 seconds"
        in client.get("/help/h12-request-timeout", headers={"accept": "text/html"}).text
    )


def test_a_reader_reads_the_feed(client: TestClient) -> None:
    answer = client.get("/changelog/feed.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    read = feedparser.parse(answer.content)

    assert not read.bozo, read.get("bozo_exception")
    assert read.version == "atom10"
    assert read.feed.id == "urn:signalbox:changelog"
    assert [link.href for link in read.feed.links if link.rel == "self"] == [
        "https://help.example/changelog/feed.atom"
    ]
    entries = read_changelog()
    assert [entry.title for entry in read.entries] == [entry.title for entry in entries]
    assert len({entry.id for entry in read.entries}) == len(entries)
    assert datetime(*read.entries[0].published_parsed[:6], tzinfo=UTC) == entries[0].at
    assert all(entry.link.startswith("https://help.example/changelog#") for entry in read.entries)
    assert 'href="/' not in read.entries[0].content[0].value


def test_a_feed_keeps_every_sign_and_knows_when_it_changed() -> None:
    hard = 'Ünïcode <b>&amp; ]]> "quotes" 💥'
    made = FeedEntry(
        "urn:x:1",
        hard,
        "https://e.example/#1",
        NOW - timedelta(days=2),
        NOW - timedelta(hours=1),
        f"<p>{hard}</p>",
    )
    common = {
        "feed_id": "urn:x",
        "title": "T",
        "self_url": "https://e.example/f",
        "page_url": "https://e.example/",
        "author": "A",
    }

    read = feedparser.parse(feed(**common, entries=[made], now=NOW))
    assert not read.bozo
    assert read.entries[0].title_detail.value == hard
    assert read.feed.updated == "2026-11-22T08:00:00Z"

    empty = feedparser.parse(feed(**common, entries=[], now=NOW))
    assert not empty.bozo
    assert empty.feed.updated == "2026-11-22T09:00:00Z"
