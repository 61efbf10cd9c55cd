"""`signalbox route`: what the router would decide on a request in a file, with its trail; nothing
is sent.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from cli.documents.policy_file import DEFAULT, desk_policy
from shared import ids
from shared.events import Admission, Fact, OpenTicket
from shared.policy import DESK, DeskPolicy, lane_for, priority_at_opening


def route(
    file: Annotated[Path, typer.Option(help="A request as JSON, or - for standard input.")],
    policy: Annotated[Path, typer.Option(help="The policy document.")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Decide on a new ticket as the router would.

    The file holds an OpenTicket as topic `requests` has it, or just what POST /v1/tickets takes,
    beside an `admission` (`plan`, `app_stage`, `addons`: slug, aliases, hosts); what is left out is
    filled in, the plan with `free`.
    """
    # The router's own decision: nothing is imitated here.
    from services.router.ticket.domain import decide

    document = desk_policy(policy)
    asked = _request(file, document)
    facts = decide(None, asked, lambda _: document)
    # Stamped as if it were in the log, so that its facts are whole.
    found = _summary(ids.stamp(facts, key=asked.key, first_seq=1, cause=asked.id))
    if as_json:
        typer.echo(orjson.dumps(found))
        return
    console = Console(highlight=False, soft_wrap=True)
    if found["refused"]:
        console.print(f"refused: {escape(found['refused']['reason'])}")
        raise typer.Exit(1)
    console.print(f"queue      [bold]{escape(found['queue'])}[/]")
    if found["suggestion"]:
        suggested = found["suggestion"]
        sure = f"{suggested['confidence']:.0%} sure"
        console.print(
            f"suggested  {escape(suggested['provider'])} ({sure}): "
            f"{escape('; '.join(suggested['because']))}"
        )
    if found["queue_suggestion"]:
        like = found["queue_suggestion"]
        console.print(f"suggested  queue {like['queue']}: {escape('; '.join(like['because']))}")
    console.print(
        "scope      "
        f"{found['scope']}"
        f"{' (' + escape(found['scope_reason']) + ')' if found['scope_reason'] else ''}"
    )
    told = f" ({found['reason']})" if found["reason"] else ""
    console.print(f"priority   [bold]{found['priority']}[/]{escape(told)}")
    console.print(f"pages      {'yes: it wakes the engineer on call' if found['pages'] else 'no'}")
    for line in (*found["trail"]["priority"], *found["trail"]["routing"]):
        console.print(
            f"  {'✓' if line['matched'] else '·'} {escape(line['rule'])}: {escape(line['because'])}"
        )


def _request(file: Path, policy: DeskPolicy) -> OpenTicket:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        given = orjson.loads(raw)
    except (OSError, orjson.JSONDecodeError) as error:
        raise typer.BadParameter(f"cannot be read: {error}", param_hint="--file") from error
    # A plain form of the API has no type.
    if not isinstance(given, dict) or given.get("type", "OpenTicket") != "OpenTicket":
        raise typer.BadParameter(
            "an OpenTicket is needed: other requests are decided on a ticket that is there",
            param_hint="--file",
        )
    try:
        return _fill_request(given, policy)
    except ValidationError as error:
        raise typer.BadParameter(f"is no request: {error}", param_hint="--file") from error


def _fill_request(given: dict[str, Any], policy: DeskPolicy) -> OpenTicket:
    admission = Admission.model_validate(given.get("admission") or {"plan": "free"})
    actor = given.get("actor") or {"email": "somebody@example.com"}
    usual: dict[str, Any] = {
        "id": "req_file",
        "key": "tkt_file",
        "at": datetime.now(UTC),
        "policy": {DESK: 1},
        "body": "",
        # As intake stamps it.
        "lane": lane_for(actor.get("email", ""), admission, given.get("app")),
    }
    asked = OpenTicket.model_validate({**usual, **given, "actor": actor, "admission": admission})
    # Intake decides on paging before the router does; the request carries its answer.
    verdict = priority_at_opening(policy, admission, asked.priority)
    return asked.model_copy(update={"pages": verdict.pages})


def _summary(facts: list[Fact]) -> dict[str, Any]:
    """The decision in one object; `facts` is what would stand on topic `tickets`."""
    # The decision has one fact of each type.
    said = {fact.type: fact.model_dump(mode="json") for fact in facts}
    refused, priority, routed = (
        said.get("RequestRefused"),
        said.get("PrioritySet", {}),
        said.get("TicketRouted", {}),
    )
    suggested, like = said.get("ProviderSuggested"), said.get("QueueSuggested")
    return {
        "refused": refused and {"code": refused["code"], "reason": refused["reason"]},
        "queue": routed.get("queue"),
        "provider": said.get("TicketAssigned", {}).get("provider"),
        "suggestion": suggested
        and {name: suggested[name] for name in ("provider", "because", "confidence")},
        "queue_suggestion": like
        and {name: like[name] for name in ("queue", "because", "confidence")},
        "scope": said.get("TicketOpened", {}).get("scope"),
        "scope_reason": said.get("ScopeDecided", {}).get("reason", ""),
        "priority": priority.get("priority"),
        "reason": priority.get("reason", ""),
        "pages": priority.get("pages", False),
        "trail": {"priority": priority.get("trail", []), "routing": routed.get("trail", [])},
        "facts": list(said.values()),
    }
