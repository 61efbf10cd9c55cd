"""`signalbox explain TICKET`: what was decided about a ticket, by which rules, in which trace."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url


def explain(
    ticket: Annotated[str, typer.Argument(help="Its id.")],
    token: Token,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What was decided about a ticket, why, and the trace to look for in logs and traces."""
    found = client.run(_explain(url, token, ticket), url, as_json)
    if as_json:
        client.show_json(found)
        return
    for line in lines_of(found):
        client.out.print(Text(line), soft_wrap=True)


def lines_of(found: dict[str, Any]) -> list[str]:
    """The decisions in words, one after the other."""
    lines = [str(found["ticket_id"])]
    for decision in found["decisions"]:
        by = f" by {decision['by']}" if decision.get("by") else ""
        lines += ["", f"{decision['at']}  {decision['type']}{by}"]
        for name, value in decision.get("decided", {}).items():
            # What was not decided is left out: a decision is read at a glance.
            if value not in (None, "", [], {}):
                lines.append(f"    {name}: {value}")
        if decision.get("reason"):
            lines.append(f"    reason: {decision['reason']}")
        for step in decision.get("trail", []):
            mark = "+" if step.get("matched") else "-"
            lines.append(f"    {mark} {step.get('rule')}: {step.get('because', '')}")
        if decision.get("trace_id"):
            lines.append(f"    trace: {decision['trace_id']}")
    return lines


async def _explain(url: str, token: str, ticket: str) -> dict[str, Any]:
    async with client.api(url) as api:
        found, _ = await api.call("GET", f"/v1/tickets/{ticket}/explain", token=token)
        return dict(found)
