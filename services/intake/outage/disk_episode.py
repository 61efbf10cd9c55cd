"""The disk under intake's data in trouble: when it begins, when it pages, when it is over, and the
page for ops. Pure; `spool/disk_watch.py` looks at the disk, `paging.py` pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from services.intake.outage.decisions import ONE_OUTAGE, OPS, OutagePage
from shared import events as e
from shared.ids import derive, page_id
from shared.policy.on_call.document import OnCallPolicy

PAGE_AFTER = timedelta(seconds=10)
"""A trouble that lasts so long pages ops."""

OVER_AFTER = timedelta(seconds=10)
"""So long the disk must be well before the episode is over: one that flaps is one episode."""


class DiskEpisode(NamedTuple):
    """One time that the disk is in trouble. `what`: a clause for people. `well_at`: since when it
    is well again, while that is not sure yet.
    """

    since: datetime
    what: str
    well_at: datetime | None = None


def step(before: DiskEpisode | None, seen: str | None, now: datetime) -> DiskEpisode | None:
    """The episode after a look that saw `seen` (None: all is well); None: there is none."""
    # Any trouble goes on with the same episode; only its words may change.
    if seen is not None:
        return DiskEpisode(before.since if before else now, seen)
    if before is None:
        return None
    well_at = before.well_at or now
    return None if now - well_at >= OVER_AFTER else before._replace(well_at=well_at)


def pages(episode: DiskEpisode | None, now: datetime) -> bool:
    """Whether ops are to be woken."""
    return episode is not None and episode.well_at is None and now - episode.since >= PAGE_AFTER


def about_disk(
    trouble: DiskEpisode,
    node: str,
    pages: Iterable[OutagePage],
    policy: OnCallPolicy,
    otherwise: str,
    stamp: e.Stamp,
) -> OutagePage:
    """The page for ops about the disk of the machine `node`. `pages`: those known so far. A process
    that forgot them all, because the disk took no diary, makes the same id for the same trouble.
    """
    quarter = int(trouble.since.timestamp() // ONE_OUTAGE.total_seconds())
    # Several troubles in one quarter of an hour are told apart by their count.
    earlier = sum(
        page.lane == e.DISK_TROUBLE
        and int(page.accepted_at.timestamp() // ONE_OUTAGE.total_seconds()) == quarter
        for page in pages
    )
    owed = derive("obl", e.DISK_TROUBLE, node, str(quarter), str(earlier))
    return OutagePage(
        key=e.DISK_TROUBLE,
        lane=e.DISK_TROUBLE,
        page=page_id(e.DISK_TROUBLE, owed),
        obligation=owed,
        ticket_id="",
        request_id=owed,
        subject=f"On {node} {trouble.what}, since {trouble.since:%H:%M:%S} UTC; "
        "new tickets, mail and files may be turned away",
        requester="signalbox",
        accepted_at=trouble.since,
        policy=stamp,
        # As for Kafka: where there is no `ops`, the desk's people.
        escalation=OPS if OPS in policy.escalation else otherwise,
    )


def list_unresolved_disk_pages(pages: Iterable[OutagePage]) -> list[OutagePage]:
    """The pages about the disk whose trouble is not over."""
    return [page for page in pages if page.lane == e.DISK_TROUBLE and page.over_at is None]
