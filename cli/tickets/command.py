"""`signalbox tickets list|show|watch`: what the token's owner may see."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url
from shared.text.ansi import readable

app = typer.Typer(help="Look at tickets.", no_args_is_help=True)

COLUMNS = ("id", "status", "priority", "queue", "requester", "subject")


@app.command("list")
def list_(
    token: Token,
    queue: Annotated[str | None, typer.Option(help="platform, csa, or provider:<slug>.")] = None,
    status: Annotated[
        str | None, typer.Option(help="new, open, pending, solved or closed.")
    ] = None,
    priority: Annotated[str | None, typer.Option()] = None,
    provider: Annotated[str | None, typer.Option()] = None,
    q: Annotated[
        str | None, typer.Option("--search", "-q", help="Words of the subject or the body.")
    ] = None,
    order: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Tickets, in the order they are worked on."""
    given = {
        "queue": queue,
        "status": status,
        "priority": priority,
        "provider": provider,
        "q": q,
        "order": order,
    }
    found = client.run(
        _list(url, token, {name: value for name, value in given.items() if value}, limit),
        url,
        as_json,
    )
    if as_json:
        client.show_json(found)
        return
    if not found:
        client.out.print("No tickets.")
        return
    whole = {"id", "status", "priority"}  # an id that is cut short cannot be copied
    table = Table(
        *(
            Column(name, no_wrap=name in whole, min_width=30 if name == "id" else None)
            for name in COLUMNS
        ),
        box=None,
        pad_edge=False,
    )
    for ticket in found:
        table.add_row(*(Text(str(ticket.get(name) or "")) for name in COLUMNS))
    client.out.print(table)


@app.command()
def show(
    ticket: Annotated[str, typer.Argument(help="Its id.")],
    token: Token,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """One ticket with its replies."""
    found = client.run(_show(url, token, ticket), url, as_json)
    if as_json:
        client.show_json(found)
        return
    write = client.out.print
    write(Text(found["subject"], style="bold"))
    for name in (
        "id",
        "status",
        "queue",
        "priority",
        "requester",
        "app",
        "addon",
        "opened_at",
        "updated_at",
    ):
        # What the ticket does not have is left out.
        if found.get(name):
            write(f"{name:>11}  {found[name]}", markup=False, soft_wrap=True)
    for clock in found.get("clocks", []):
        write(
            f"{'clock':>11}  {clock['name']}: {clock['state']}, due {clock['due_at']}",
            markup=False,
            soft_wrap=True,
        )
    for reply in found.get("replies", []):
        write(Text(f"\n{reply['author']} to {reply['audience']}, {reply['at']}", style="dim"))
        write(readable(reply["body"]), markup=False)


@app.command()
def watch(token: Token, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Everything that happens, as it happens, until Ctrl-C."""
    client.run(_watch(url, token, as_json), url, as_json)


async def _list(url: str, token: str, query: dict[str, str], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with client.api(url) as api:
        # The first page has the query; the next ones come with whole addresses.
        page, following = await api.call("GET", "/v1/tickets", token=token, **query)
        found += page["items"]
        while following and len(found) < limit:
            page, following = await api.call("GET", following, token=token)
            found += page["items"]
    return found[:limit]


async def _show(url: str, token: str, ticket: str) -> dict[str, Any]:
    async with client.api(url) as api:
        found, _ = await api.call("GET", f"/v1/tickets/{ticket}", token=token)
        return dict(found)


async def _watch(url: str, token: str, as_json: bool) -> None:
    async with client.api(url) as api:
        async for kind, event in api.stream("/v1/stream", token=token):
            if as_json:
                client.show_json(
                    {"type": kind, **(event if isinstance(event, dict) else {"data": event})}
                )
            elif isinstance(event, dict):
                # Events of pages and incidents have no ticket: their key says what they are about.
                about = event.get("ticket_id") or event.get("ticket") or event.get("key") or ""
                client.out.print(
                    f"{event.get('at', '')}  {event.get('type', kind):<18} {about}",
                    markup=False,
                    soft_wrap=True,
                )
