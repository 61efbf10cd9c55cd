"""`signalbox submit`: open a ticket from the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url

# Items of the urgent form that are lists.
LISTED = frozenset({"third_party_services"})


def submit(
    subject: Annotated[str, typer.Argument(help="One line.")],
    token: Token,
    body: Annotated[
        str, typer.Option(help="What is wrong; `-` reads it from standard input.")
    ] = "-",
    app: Annotated[str | None, typer.Option(help="The app it is about.")] = None,
    addon: Annotated[str | None, typer.Option(help="The add-on it is about.")] = None,
    kind: Annotated[str, typer.Option(help="problem, question or architecture.")] = "problem",
    priority: Annotated[
        str | None,
        typer.Option(help="urgent, high, normal or low, where your plan lets you choose."),
    ] = None,
    urgent: Annotated[
        list[str] | None,
        typer.Option(help="An item of the urgent form, as name=value; may be repeated."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency-Key: the same one never opens a second ticket.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Open a ticket and print its id."""
    # `-` is the default: a text of several lines is easier to pipe than to quote.
    text = sys.stdin.read() if body == "-" else body
    given = {
        "subject": subject,
        "body": text,
        "app": app,
        "addon": addon,
        "kind": kind,
        "priority": priority,
    }
    form: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if urgent:
        form["urgent"] = dict(_item(item) for item in urgent)
    accepted = client.run(_submit(url, token, form, key), url, as_json)
    if as_json:
        client.show_json(accepted)
        return
    client.out.print(f"Received: {accepted['ticket_id']}", markup=False, soft_wrap=True)
    client.out.print(
        f"{url.rstrip('/')}/tickets/{accepted['ticket_id']}", markup=False, soft_wrap=True
    )
    for warning in accepted.get("warnings", []):
        client.out.print(f"Note: {warning}", markup=False, soft_wrap=True)


def _item(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    # `users-affected` is as good as `users_affected`.
    name = name.strip().replace("-", "_")
    if not sign or not name:
        raise typer.BadParameter(f"{text!r} is not name=value", param_hint="--urgent")
    if name == "access_granted":
        return name, value.strip().lower() in {"yes", "true", "1"}
    return name, [part.strip() for part in value.split(",")] if name in LISTED else value


async def _submit(url: str, token: str, form: dict[str, Any], key: str | None) -> dict[str, Any]:
    async with client.api(url) as api:
        accepted, _ = await api.call("POST", "/v1/tickets", token=token, json=form, key=key)
        return dict(accepted)
