"""Whether the knowledge base is in order: front matter, length, links, and an article for every
code that is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from shared.knowledge import changelog, resources
from shared.knowledge.articles import HERE, Article, read_article
from shared.knowledge.markup import links_of
from shared.text.codes import TITLES

PAGES = frozenset(
    {
        "/help",
        "/status",
        "/changelog",
        "/resources",
        "/tickets",
        "/tickets/new",
        "/changelog/feed.atom",
        "/login",
    }
)
"""Pages of the portal that an article may lead to."""

SHORTEST, LONGEST = 120, 380
"""Words of an article. Somebody reads it at three in the morning."""


class ArticleMistake(NamedTuple):
    """What is wrong, and in which file."""

    file: str
    text: str


def mistakes(
    folder: Path = HERE, news: Path = changelog.HERE, shelf: Path = resources.HERE
) -> list[ArticleMistake]:
    """All of them, by file; none where everything is in order."""
    found: list[ArticleMistake] = []
    articles: list[Article] = []
    # Files that cannot be read are told, and the others are checked all the same.
    for path in sorted(folder.glob("*.md")):
        try:
            articles.append(read_article(path))
        except ValueError as error:
            found.append(ArticleMistake(path.name, str(error).removeprefix(f"{path.name}: ")))
    slugs = {article.slug for article in articles}
    for article in articles:
        name = f"{article.slug}.md"
        words = len(article.body.split())
        if not SHORTEST <= words <= LONGEST:
            found.append(
                ArticleMistake(name, f"it has {words} words; {SHORTEST} to {LONGEST} are read")
            )
        found += [ArticleMistake(name, text) for text in _dead(links_of(article.body), slugs)]
    # Every code that a ticket may name leads to an article.
    found += [
        ArticleMistake("", f"no article has the code {code} ({title})")
        for code, title in TITLES.items()
        if code not in _codes(articles)
    ]
    found += _find_repeated(articles)
    # The changelog and the shelf lead to articles, too.
    try:
        for entry in changelog.read_changelog(news):
            found += [
                ArticleMistake(f"{entry.slug}.md", text)
                for text in _dead(links_of(entry.body), slugs)
            ]
        links = [
            link.url for part in resources.read_resources(shelf) for link in part.links if link.url
        ]
        found += [ArticleMistake(shelf.name, text) for text in _dead(links, slugs)]
    except ValueError as error:
        found.append(ArticleMistake("", str(error)))
    return found


def _codes(articles: Iterable[Article]) -> set[str]:
    return {code for article in articles for code in article.codes}


def _find_repeated(articles: Iterable[Article]) -> list[ArticleMistake]:
    """A code belongs to one article: else 'its article first' has no meaning."""
    owners: dict[str, str] = {}
    found = []
    for article in articles:
        for code in article.codes:
            if code in owners:
                found.append(
                    ArticleMistake(f"{article.slug}.md", f"{code} is {owners[code]}.md's already")
                )
            owners.setdefault(code, article.slug)
    return found


def _dead(links: Iterable[str], slugs: set[str]) -> list[str]:
    found = []
    for link in links:
        path = link.partition("#")[0].partition("?")[0]
        slug = path.removeprefix("/help/")
        # Links to other sites are not followed: a check must not need the network.
        if (
            link.startswith(("https://", "mailto:", "#"))
            or path in PAGES
            or (path.startswith("/help/") and slug in slugs)
        ):
            continue
        found.append(f"the link {link} leads nowhere")
    return found
