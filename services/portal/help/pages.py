"""The help pages: search, articles, what is new, the enterprise shelf, and the way out of a ticket
that is not needed.

All of it comes from disk, so it is there while MongoDB is away; what is counted then is not.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from services.portal.help import atom
from services.portal.help.api import library_of
from services.portal.help.library import Library
from services.portal.incidents.api import Reads
from services.portal.opening import plans_by_hours
from services.portal.web.form_body import fields_of
from services.portal.web.render import see_other
from services.portal.web.visitors import Drawn, Parts, Perhaps, Who, not_found

MOST_HITS = 10
MOST_SUGGESTED = 3
MOST_TRENDING = 4
LEAST_TYPED = 4
"""Letters of subject and description together, below which there is nothing to go by."""

router = APIRouter(include_in_schema=False)

Shelf = Annotated[Library, Depends(library_of)]


@router.get("/help")
async def help_page(
    request: Request, actor: Perhaps, portal: Parts, screens: Drawn, library: Shelf, q: str = ""
) -> Response:
    """For anyone. With `q` what was found, without it what others read, and everything by topic."""
    asked = q.strip()
    return screens.page(
        request,
        "help.html",
        actor=actor,
        place="help",
        q=asked,
        hits=library.articles.search(asked, MOST_HITS) if asked else [],
        trending=await library.trending(MOST_TRENDING),
        topics=library.by_topic(),
        plan_hours=plans_by_hours(portal.published.desk),
        # A figure for the desk.
        solved=await library.count_solved_lately()
        if actor is not None and actor.is_staff
        else None,
    )


@router.post("/help/suggestions")
async def suggestions(
    request: Request, portal: Parts, screens: Drawn, library: Shelf, incidents: Reads
) -> Response:
    """A part of the form for new tickets: open incidents and articles that fit what is being
    written. It is posted, so that it stands in no access log.
    """
    fields = await fields_of(request, portal.settings.max_body)
    text = f"{fields.get('subject', '')}\n{fields.get('body', '')}"
    # Too little text would suggest the same articles to everybody.
    hits = library.articles.search(text, MOST_SUGGESTED) if len(text.strip()) >= LEAST_TYPED else []
    open_now = (
        await incidents.matching(fields.get("subject", ""), fields.get("body", ""))
        if len(text.strip()) >= LEAST_TYPED
        else []
    )
    return screens.page(request, "suggested.html", hits=hits, incidents=open_now)


@router.post("/help/solved")
async def record_solved(request: Request, actor: Who, portal: Parts, library: Shelf) -> Response:
    """'This solved it': counted, once per form, and no ticket is made."""
    fields = await fields_of(request, portal.settings.max_body)
    article = library.articles.get(fields.get("slug", ""))
    if article is None:
        raise not_found()
    # An address and a form make one count, however often it is sent.
    await library.count_solved(article.slug, fields.get("idempotency_key", "")[:200], actor.email)
    return see_other(f"{article.url}/thanks")


@router.get("/help/{slug}")
async def article_page(
    slug: str, request: Request, actor: Perhaps, portal: Parts, screens: Drawn, library: Shelf
) -> Response:
    article = library.articles.get(slug)
    if article is None:
        raise not_found()
    response = screens.page(
        request,
        "article.html",
        actor=actor,
        place="help",
        article=article,
        related=library.find_related(article),
        key=f"read:{article.slug}:{portal.clock.now():%Y-%m-%d}",
    )
    response.background = BackgroundTask(library.count_read, article.slug)
    return response


@router.get("/help/{slug}/thanks")
async def thanks_page(
    slug: str, request: Request, actor: Perhaps, screens: Drawn, library: Shelf
) -> Response:
    article = library.articles.get(slug)
    if article is None:
        raise not_found()
    return screens.page(request, "thanks.html", actor=actor, place="help", article=article)


@router.get("/changelog")
async def changelog_page(
    request: Request, actor: Perhaps, screens: Drawn, library: Shelf
) -> Response:
    return screens.page(
        request, "changelog.html", actor=actor, place="help", entries=library.changelog
    )


@router.get("/changelog/feed.atom")
async def changelog_feed(request: Request, portal: Parts, library: Shelf) -> Response:
    # A feed is read elsewhere, so its addresses are whole.
    base = (portal.settings.public_url or str(request.base_url)).rstrip("/")
    entries = [
        atom.FeedEntry(
            f"urn:signalbox:changelog:{entry.slug}",
            entry.title,
            f"{base}/changelog#{entry.slug}",
            entry.at,
            entry.updated_at,
            # Links in a text are of our pages, and must lead here from a reader too.
            entry.html.replace('href="/', f'href="{base}/'),
        )
        for entry in library.changelog
    ]
    body = atom.feed(
        feed_id="urn:signalbox:changelog",
        title="Signalbox changelog",
        author="Signalbox",
        self_url=f"{base}/changelog/feed.atom",
        page_url=f"{base}/changelog",
        entries=entries,
        now=portal.clock.now(),
    )
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(body, media_type=atom.MEDIA_TYPE, headers=headers)


@router.get("/resources")
async def resources_page(
    request: Request, actor: Perhaps, screens: Drawn, library: Shelf
) -> Response:
    """The enterprise portal of seed 001; anyone may read it."""
    return screens.page(
        request, "resources.html", actor=actor, place="resources", shelves=library.resources
    )
