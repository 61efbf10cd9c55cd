"""The knowledge base for programs: anyone may ask (DESIGN section 7)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from services.portal.help.library import Library
from services.portal.web.json_answers import Json
from services.portal.web.visitors import not_found
from shared.knowledge import Article, Hit

router = APIRouter(prefix="/v1")


def library_of(request: Request) -> Library:
    found = request.app.state.library
    assert isinstance(found, Library)
    return found


@router.get("/articles")
async def find_articles(
    request: Request, q: str = "", limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> Response:
    """`items` are the articles that fit `q`, best first, that of an error code before all others;
    `trending` are those of use lately.

    Without `q`, `items` are all of them.
    """
    library = library_of(request)
    if q.strip():
        # The search puts an article of an error code first.
        items = [describe_hit(hit) for hit in library.articles.search(q, limit)]
    else:
        items = [
            describe_article(article) for _, articles in library.by_topic() for article in articles
        ]
    return Json(
        {
            "items": items,
            "trending": [describe_article(article) for article in await library.trending()],
        }
    )


@router.get("/articles/{slug}")
async def get_article(slug: str, request: Request) -> Response:
    library = library_of(request)
    article = library.articles.get(slug)
    if article is None:
        raise not_found()
    shape = {
        **describe_article(article),
        "topic": article.topic,
        "audience": article.audience,
        "codes": list(article.codes),
        "tags": list(article.tags),
        "updated": article.updated.isoformat(),
        "body": article.body,
        "html": article.html,
    }
    response = Json(shape)
    # Counted after the answer: nobody waits for it.
    response.background = BackgroundTask(library.count_read, article.slug)
    return response


def describe_article(article: Article) -> dict[str, Any]:
    return {
        "slug": article.slug,
        "title": article.title,
        "url": article.url,
        "excerpt": article.summary,
    }


def describe_hit(hit: Hit) -> dict[str, Any]:
    return {"slug": hit.slug, "title": hit.title, "url": hit.url, "excerpt": hit.excerpt}
