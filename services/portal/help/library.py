"""The knowledge base as the portal keeps it: articles, changelog and resources from disk, and how
often an article was of use.

The counts are plain operational numbers in MongoDB (`article_reads`, `deflections`): nothing is
decided by them, and the log does not hold them. Losing them costs the order of a list and a figure
for the desk; with MongoDB away they are absent, the articles are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from shared.clock import Clock
from shared.errors import Unavailable
from shared.knowledge import (
    Article,
    Articles,
    HelpTopic,
    Hit,
    LinkGroup,
    News,
    read_changelog,
    read_resources,
)
from shared.storage.store import Duplicate, Store

log = structlog.get_logger()

WINDOW = timedelta(days=7)
# MongoDB removes counts by itself after this time.
KEPT = timedelta(days=60)
SOLVED_COUNTS = 3
"""A reader who says that it solved the matter tells as much as so many who only read."""

# How old the counts of a page may be.
FRESH_S = 20.0
# How long a page waits for them.
PATIENCE_S = 0.5
FEATURED = "trending"
"""The tag of the articles that are shown while nobody has read any."""


@functools.cache
def _read_what_ships() -> tuple[Articles, tuple[News, ...], tuple[LinkGroup, ...]]:
    """From disk, once in a process: it takes 300 ms, and nothing changes it."""
    return Articles(), read_changelog(), read_resources()


class Library:
    """One per process. Raises ValueError at once where an article, an entry or a link on disk is
    not in order.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.articles, self.changelog, self.resources = _read_what_ships()
        self._weights: Counter[str] = Counter()
        # Tickets that were not needed lately.
        self._solved = 0
        self._looked_at: float | None = None
        self._is_indexed = False

    def by_topic(self) -> list[tuple[HelpTopic, list[Article]]]:
        """The shelves in their order, each by title."""
        return [
            (
                topic,
                sorted((a for a in self.articles.all if a.topic == topic), key=lambda a: a.title),
            )
            for topic in HelpTopic
        ]

    def find_related(self, article: Article, most: int = 4) -> list[Hit]:
        """Others that concern whoever reads this one."""
        # One more, since the article itself fits best.
        found = self.articles.search(f"{article.title} {' '.join(article.tags)}", most + 1)
        return [hit for hit in found if hit.slug != article.slug][:most]

    async def trending(self, most: int = 6) -> list[Article]:
        """What was of use in the last seven days, most first; featured ones fill the list."""
        await self._look()
        ranked = [slug for slug, _ in self._weights.most_common(most)]
        # Behind what was read, and never twice.
        ranked += [
            article.slug
            for article in self.articles.all
            if FEATURED in article.tags and article.slug not in ranked
        ]
        return [article for slug in ranked[:most] if (article := self.articles.get(slug))]

    async def count_solved_lately(self) -> int:
        """How many tickets were not needed in the last seven days."""
        await self._look()
        return self._solved

    async def count_read(self, slug: str) -> None:
        """Somebody read it. Not counted while MongoDB is away."""
        # One counter for an article and a day, so that a week can be summed.
        day = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            await self._index()
            where = {"_id": f"{slug}:{day:%Y-%m-%d}", "slug": slug, "day": day}
            await self._store["article_reads"].update(where, {"$inc": {"n": 1}}, upsert=True)
        except (Unavailable, Duplicate) as error:
            # Two that begin the same day's counter: one reading is lost, and nothing else.
            log.info("a reading was not counted", slug=slug, error=str(error))

    async def count_solved(self, slug: str, key: str, account: str) -> bool:
        """Somebody says that it solved their matter, so no ticket is made. Counted once per form;
        False where it was counted before.

        Raises Unavailable.
        """
        await self._index()
        # By account and form, and hashed: who said so is not kept.
        name = hashlib.sha256(f"{account}\n{key}".encode()).hexdigest()[:32]
        try:
            await self._store["deflections"].insert(
                {"_id": name, "slug": slug, "at": self._clock.now()}
            )
        except Duplicate:
            return False
        # The reader who said so should see it counted.
        self._looked_at = None
        return True

    async def _look(self) -> None:
        """Bring the counts up to date, at most every so often, and never for longer than a page may
        wait.
        """
        now = asyncio.get_running_loop().time()
        if self._looked_at is not None and now - self._looked_at < FRESH_S:
            return
        # Before the question, so that a database that is away is not asked by every page.
        self._looked_at = now
        # The counts of a moment ago are good enough.
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                self._weights, self._solved = await self._count_reads(self._clock.now() - WINDOW)

    async def _count_reads(self, since: datetime) -> tuple[Counter[str], int]:
        def sums(field: str, each: int | str) -> Sequence[dict[str, object]]:
            return [
                {"$match": {field: {"$gte": since}}},
                {"$group": {"_id": "$slug", "n": {"$sum": each}}},
            ]

        reads = await self._store["article_reads"].aggregate(sums("day", "$n"))
        solved = await self._store["deflections"].aggregate(sums("at", 1))
        weights = Counter({str(row["_id"]): int(row["n"]) for row in reads})
        # Added to the reads: one list shows both.
        weights.update({str(row["_id"]): SOLVED_COUNTS * int(row["n"]) for row in solved})
        return weights, sum(int(row["n"]) for row in solved)

    async def _index(self) -> None:
        # Made at the first use: a read of an article needs no index.
        if not self._is_indexed:
            await self._store["article_reads"].index(
                [("day", 1)], expireAfterSeconds=int(KEPT.total_seconds())
            )
            await self._store["deflections"].index(
                [("at", 1)], expireAfterSeconds=int(KEPT.total_seconds())
            )
            self._is_indexed = True
