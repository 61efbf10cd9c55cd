"""`signalbox simulate`: a draft policy over a window of the log. Nothing is written: this process
has no producer at all.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from cli import client
from cli.client import AsJson
from cli.documents.policy import usable
from cli.documents.policy_file import CheckedFile
from cli.proof.command import Instant, Processes, aware
from cli.proof.parallel import quietly, spread
from cli.settings import CommandSettings
from shared.errors import Unavailable
from shared.policy import BrandPolicy, ComponentsPolicy, DeskPolicy, MacrosPolicy, OnCallPolicy
from shared.settings import load
from shared.topics import REQUESTS

if TYPE_CHECKING:
    from cli.proof.log import PolicyVersions
    from cli.what_if.compare import WhatIfSums

WINDOW = timedelta(days=30)


def simulate(
    policy: Annotated[
        Path, typer.Option(help="The draft as YAML or JSON, or - for standard input.")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="default or on-call; otherwise the file's name, or what it holds."),
    ] = None,
    since: Instant = None,
    until: Instant = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report that needs nothing but itself.")
    ] = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """What would have been different: queues, priorities, deadlines, breaches, and who would have
    been paged at what hour.

    The tickets opened in the window (the last 30 days) are decided again, under the policy of then
    and under the draft. The same policy gives an empty difference.
    """
    draft = usable(policy, name, as_json)
    # Documents that no decision goes by.
    if isinstance(draft.policy, ComponentsPolicy | MacrosPolicy | BrandPolicy):
        raise typer.BadParameter(
            f"{draft.name!r} decides on no ticket and no page: there is nothing to simulate"
        )
    settings = load(CommandSettings)
    quietly()
    began = time.monotonic()
    try:
        found = _simulate(settings, draft, aware(since), aware(until), processes)
    except Unavailable as problem:
        client.err.print(str(problem), markup=False)
        raise typer.Exit(client.AWAY) from None
    found["seconds"] = round(time.monotonic() - began, 1)
    if html is not None:
        from cli.what_if.page import html as drawn

        # Before the terminal: a closed pipe must not cost the report.
        html.write_text(drawn(found))
    if as_json:
        client.out.file.write(orjson.dumps(found, option=orjson.OPT_UTC_Z).decode() + "\n")
    else:
        _tell(found, html)


def _simulate(
    settings: CommandSettings,
    draft: CheckedFile,
    since: datetime | None,
    until: datetime | None,
    processes: int | None,
) -> dict[str, Any]:
    from cli.what_if.compare import WhatIf
    from cli.what_if.comparison import comparison
    from shared.clock import clock_from

    assert isinstance(draft.policy, DeskPolicy | OnCallPolicy)
    until = until or clock_from(settings).now()
    since = since or until - WINDOW
    policies, partitions, requests = asyncio.run(_read_beginning(settings))
    # Parts come from other processes and are added here; lanes need all of them together.
    found = WhatIf(policies, draft.policy, since, until)
    for part in spread(
        functools.partial(_part, settings, policies, draft.policy, since, until),
        partitions,
        requests,
        processes,
    ):
        found.sums.add(part)
    versions = {
        name: max(known)
        for name, known in (("default", policies.desk), ("on-call", policies.on_call))
        if known
    }
    return comparison(found, draft.name, versions)


async def _read_beginning(settings: CommandSettings) -> tuple[PolicyVersions, int, int]:
    from cli.proof.reading import open_log

    async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
        return await log.policies(), await log.partitions(), await log.length(REQUESTS.name)


def _part(
    settings: CommandSettings,
    policies: PolicyVersions,
    draft: DeskPolicy | OnCallPolicy,
    since: datetime,
    until: datetime,
    share: Sequence[int],
) -> WhatIfSums:
    """What some partitions come to; runs in a process of its own where the log is long."""
    from cli.proof.reading import open_log
    from cli.what_if.compare import WhatIf

    async def live() -> WhatIfSums:
        found = WhatIf(policies, draft, since, until)
        async with open_log(settings.kafka_bootstrap_servers, settings.topic_prefix) as log:
            for partition in share:
                found.take(await log.slice(partition, (REQUESTS.name,)))
        return found.sums

    return asyncio.run(live())


def _tell(found: dict[str, Any], html: Path | None) -> None:
    def say(words: str) -> None:
        client.out.print(words, markup=False, highlight=False, soft_wrap=True)

    changed, breaches, pages = found["changed"], found["breaches"], found["pages"]
    say(f"{found['tickets']} tickets, {found['seconds']} s; nothing was sent")
    if found["empty"]:
        say("nothing would have been different")
    else:
        fields = ", ".join(
            f"{count} another {field}" for field, count in changed.items() if field != "tickets"
        )
        say(f"{changed['tickets']} tickets change" + (f": {fields}" if fields else ""))
        say(
            f"breaches {breaches['then']} → {breaches['draft']}: {len(breaches['extra'])} "
            f"more, {len(breaches['fewer'])} fewer"
        )
        say(
            f"pages {pages['then']} → {pages['draft']}: {len(pages['extra'])} more, "
            f"{len(pages['fewer'])} fewer"
        )
        for call in pages["extra"][:20]:
            at = f"{call['local'][:16].replace('T', ' ')} ({call['zone']})"
            say(f"  would have paged {call['person']} at {at}, ticket {call['ticket_id']}")
        for item in found["items"][:20]:
            told = "; ".join(
                f"{field}: {pair['then']} → {pair['draft']}"
                for field, pair in item["changes"].items()
            )
            say(f"  {item['ticket_id']} {told}")
    if html is not None:
        say(f"report: {html}")
