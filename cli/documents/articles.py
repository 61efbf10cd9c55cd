"""`signalbox articles search|check`: the knowledge base at a terminal; both work on the files, no
service is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import client
from cli.client import AsJson
from shared.knowledge.articles import HERE

app = typer.Typer(
    help="Search the articles, and check that they are in order.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option(help="Where the articles lie.", exists=True, file_okay=False)]


@app.command()
def search(
    query: Annotated[list[str], typer.Argument(help="A question, an error code, or pasted text.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """The articles that fit, best first, as the portal finds them. Exit code 1 where none does."""
    # Imported here: building the index reads every article.
    from shared.knowledge import Articles

    hits = Articles(folder).search(" ".join(query), limit)
    if as_json:
        client.show_json({"items": [_shape(hit) for hit in hits]})
    for hit in hits if not as_json else ():
        client.out.print(
            f"[b]{hit.title}[/b]  {hit.url}\n  {hit.excerpt}", highlight=False, soft_wrap=True
        )
    if not hits:
        if not as_json:
            client.out.print("no article is about that")
        raise typer.Exit(1)


@app.command()
def check(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Front matter, length, links, and an article for every error code. Exit code 1 if something is
    not in order.
    """
    from shared.knowledge.checks import mistakes

    found = mistakes(folder)
    if as_json:
        client.show_json({"ok": not found, "mistakes": [mistake._asdict() for mistake in found]})
    for mistake in found if not as_json else ():
        client.out.print(
            f"{mistake.file or folder.name}: {mistake.text}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if not found and not as_json:
        client.out.print(f"{len(list(folder.glob('*.md')))} articles, all in order")
    # For CI: a mistake in an article fails the build.
    raise typer.Exit(1 if found else 0)


def _shape(hit: Any) -> dict[str, Any]:
    return {
        "slug": hit.slug,
        "title": hit.title,
        "url": hit.url,
        "score": hit.score,
        "excerpt": hit.excerpt,
    }
