"""`signalbox page list|ack`: pages as whoever is on call sees them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url

app = typer.Typer(help="Pages: look, and acknowledge.", no_args_is_help=True)


@app.command("list")
def list_(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """The latest pages, open ones first."""
    found = client.run(_list(url, token), url, as_json)
    if as_json:
        client.show_json(found)
        return
    if not found:
        client.out.print("No pages.")
        return
    table = Table("state", "opened", "subject", "page", box=None, pad_edge=False)
    table.columns[3].no_wrap = True
    for page in found:
        table.add_row(
            *(Text(str(page[name] or "")) for name in ("state", "opened_at", "subject", "id"))
        )
    client.out.print(table, soft_wrap=True)


@app.command()
def ack(
    page: Annotated[str, typer.Argument(help="Its id.")],
    token: Token,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Acknowledge a page: every channel stops. Exit code 1 where it is refused, with the reason."""
    outcome = client.run(_ack(url, token, page), url, as_json)
    if as_json:
        client.show_json(outcome)
    else:
        # Three ends of a request, in words.
        said = {"done": "acknowledged", "pending": "asked; not decided yet"}.get(
            outcome["state"], f"refused: {outcome.get('reason')}"
        )
        client.out.print(said, markup=False)
    if outcome["state"] == "refused":
        raise typer.Exit(client.REFUSED)


async def _list(url: str, token: str) -> list[dict[str, Any]]:
    async with client.api(url) as api:
        found, _ = await api.call("GET", "/v1/pages", token=token)
        return list(found["items"])


async def _ack(url: str, token: str, page: str) -> dict[str, Any]:
    async with client.api(url) as api:
        asked, _ = await api.call("POST", f"/v1/pages/{page}/acknowledge", token=token, json={})
        # Reading with `after` waits for the request to be decided; what became of it is told apart
        # from the page.
        await api.call("GET", f"/v1/pages/{page}", token=token, after=asked["request_id"])
        outcome, _ = await api.call("GET", f"/v1/requests/{asked['request_id']}", token=token)
        return dict(outcome)
