"""`signalbox seed`: fill a demo with tickets, replies and solutions, through the HTTP API as its
customers and staff would.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, ProblemAnswered, Url
from deploy.demo.directory import token_of
from deploy.demo.scenario import Story, stories

# With pauses of 1, 2, 4 and 8 seconds.
TRIES = 5


def seed(
    tickets: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    rate: Annotated[
        float, typer.Option(min=0, help="Tickets a second; 0: as fast as they are taken.")
    ] = 0,
    number: Annotated[
        int, typer.Option("--seed", help="The same number makes the same tickets, and none twice.")
    ] = 1,
    together: Annotated[int, typer.Option(min=1, max=200, help="Requests at once.")] = 16,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Open tickets of every kind over the demo's identities; some are answered, some solved."""
    done = client.run(_seed(url, stories(tickets, number), rate, together), url, as_json)
    if as_json:
        client.show_json(done)
        return
    client.out.print(
        f"{done['tickets']} tickets, {done['replies']} replies, {done['solve']} solved in "
        f"{done['seconds']} s; {done['refused']} refused"
    )
    for said in done["refusals"]:
        client.out.print(f"  {said}", markup=False)


async def _seed(url: str, planned: Iterator[Story], rate: float, together: int) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    refusals: list[str] = []
    began = time.monotonic()
    started = 0

    async def worker(api: client.Api) -> None:
        nonlocal started
        for story in planned:  # one iterator for all workers: each takes the next
            # Counted over all workers: the rate is that of the command, not of one of them.
            due = began + started / rate if rate else 0.0
            started += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                await _tell(api, story, counts)
            except ProblemAnswered as problem:
                counts["refused"] += 1
                refusals.append(f"{story.key}: {problem}")

    async with client.api(url, together) as api, asyncio.TaskGroup() as group:
        for _ in range(together):
            group.create_task(worker(api))
    names = ("tickets", "replies", "solve", "refused")
    return {
        **{name: counts[name] for name in names},
        "seconds": round(time.monotonic() - began, 1),
        "refusals": refusals[:10],
    }


async def _tell(api: client.Api, story: Story, counts: Counter[str]) -> None:
    accepted = await _post_until_accepted(
        api, f"{story.who}@example.com", "/v1/tickets", story.fields, story.key
    )
    counts["tickets"] += 1
    for number, step in enumerate(story.steps):
        path = f"/v1/tickets/{accepted['ticket_id']}/{step.action}"
        # A key of its own for each step: the same seed again does nothing twice.
        await _post_until_accepted(
            api, f"{step.who}@example.com", path, step.fields, f"{story.key}-{number}"
        )
        counts[step.action] += 1


async def _post_until_accepted(
    api: client.Api, email: str, path: str, fields: dict[str, Any], key: str
) -> dict[str, Any]:
    """Busy (429) and unavailable (503) are asked again under the same key, so nothing is
    doubled.
    """
    for tries in range(TRIES):
        try:
            accepted, _ = await api.call("POST", path, token=token_of(email), json=fields, key=key)
            return dict(accepted)
        except ProblemAnswered as problem:
            if problem.status not in (429, 503) or tries == TRIES - 1:
                raise
            await asyncio.sleep(2.0**tries)
    raise AssertionError("unreachable")
