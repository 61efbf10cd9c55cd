"""`signalbox due`: when a promise is due, by the same arithmetic as sla's, with the working time it
counts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import orjson
import typer
from rich.console import Console

from cli.documents.policy_file import DEFAULT, desk_policy
from shared.events import Plan, Priority
from shared.policy.scalars import read_span


def due(
    plan: Annotated[Plan, typer.Option(help="The customer's plan.")],
    priority: Annotated[Priority, typer.Option(help="The effective priority.")],
    opened: Annotated[
        str,
        typer.Option(
            help=(
                "When it was opened, ISO 8601 with its offset: 2025-07-03T20:30-04:00, or with "
                "--zone."
            )
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="A target instead of the policy's, such as 240m, 4h or 2d.")
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="The zone of --opened where it has no offset, such as America/New_York."),
    ] = None,
    policy: Annotated[Path, typer.Option(help="The policy document.")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print when the initial response is due, with the working intervals that are counted."""
    # Imported here: the calendar's tables of holidays are large.
    from shared.policy.working_time import working_time

    document = desk_policy(policy)
    promised = document.target_for(plan, priority)
    calendar = document.calendars[promised.calendar]
    within, opened_at = _span(target) if target else promised.within, _instant(opened, zone)
    hours = working_time(calendar)
    due_at = hours.due_at(opened_at, within)
    shown_in = ZoneInfo(calendar.zone)
    found: dict[str, Any] = {
        "plan": plan.value,
        "priority": priority.value,
        "calendar": promised.calendar,
        "zone": calendar.zone,
        "target_minutes": within / timedelta(minutes=1),
        "opened_at": opened_at,
        "due_at": due_at,
        "due_at_local": due_at.astimezone(shown_in).isoformat(),
        # The working time that was counted, so that the answer can be checked by hand.
        "intervals": [
            {
                "from": span.opens,
                "until": span.closes,
                "minutes": (span.closes - span.opens) / timedelta(minutes=1),
            }
            for span in hours.spans(opened_at, due_at)
        ],
        "warnings": [
            {"percent": percent, "at": hours.due_at(opened_at, within * percent / 100)}
            for percent in document.warn_at
        ],
    }
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_UTC_Z))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"due [bold]{_local(due_at, shown_in)}[/]  =  {due_at.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    )
    console.print(
        f"{within} of working time on calendar {promised.calendar!r} ({calendar.zone}), "
        f"opened {_local(opened_at, shown_in)}"
    )
    for interval in found["intervals"]:
        console.print(
            f"  {_local(interval['from'], shown_in)}  to  "
            f"{_local(interval['until'], shown_in)}  {interval['minutes']:g} min"
        )


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S %Z")


def _span(text: str) -> timedelta:
    found = read_span(text)
    if not isinstance(found, timedelta) or found <= timedelta(0):
        raise typer.BadParameter(
            f"{text!r} is no span of time; examples: 30m, 4h, 2d", param_hint="--target"
        )
    return found


def _instant(text: str, zone: str | None) -> datetime:
    """An aware instant in UTC. A time without offset or zone means nothing certain, so it is
    refused.
    """
    # Asked before the time is read: the plainer mistake first.
    if zone is not None and zone not in available_timezones():
        raise typer.BadParameter(
            f"{zone!r} is not in the IANA database; an example is America/New_York",
            param_hint="--zone",
        )
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not ISO 8601; an example is 2025-07-03T20:30-04:00", param_hint="--opened"
        ) from error
    if at.tzinfo is None:
        if zone is None:
            raise typer.BadParameter(
                "say the offset (2025-07-03T20:30-04:00, or Z) or name the --zone",
                param_hint="--opened",
            )
        at = at.replace(tzinfo=ZoneInfo(zone))
    return at.astimezone(UTC)
