"""R21: the disk under the data folder is full for a minute, then has room again.

Everything must answer honestly meanwhile, run again within 60 s of the room, and lose nothing; ops
must be paged about the disk itself, once, and the page must end by itself. The data folder is a
tmpfs of its own, so this needs root.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bench.table import Figure
from tests.chaos.goals import shown
from tests.support.desk import Desk, FarEnd
from tests.support.stack import Stack, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(600)]

FULL_S = 60
ENGINES = ("kafka", "mongod")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    assert os.geteuid() == 0, "mounting a small disk needs root"
    folder.mkdir()
    options = f"size={megabytes}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * (1 << 20)):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk was never full")


def everything_runs(stack: Stack) -> bool:
    return all(entry["pid"] for entry in stack.processes().values())


def disk_pages(far_end: FarEnd) -> list[dict[str, Any]]:
    """What the on-call phones got about the disk itself."""
    return [page for page in far_end.got("page") if page["id"].startswith("disk-trouble.")]


def submit(desk: Desk, number: int) -> httpx.Response:
    """A premier customer's ticket, every fifth urgent. While the disk is full it may be refused."""
    priority = {"priority": "urgent"} if number % 5 == 0 else {}
    document = {
        "subject": f"full {number}",
        "body": "H12 since noon.",
        "app": "premier-production",
        **priority,
    }
    return desk.premier.call("POST", "/v1/tickets", document, key=f"full-{number}")


def test_a_full_disk_stops_nothing_for_good(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1400) as disk, running(keep=disk, clock=False) as stack:
        desk, far_end = Desk(stack), FarEnd(stack.sink)
        before, filler = set(stack.processes()), fill(disk)
        accepted: list[str] = []
        until, number = time.monotonic() + FULL_S, 0
        while time.monotonic() < until:
            number += 1
            answer = submit(desk, number)
            if answer.status_code == 202:
                accepted.append(answer.json()["ticket_id"])
            else:
                assert answer.status_code == 503, answer.text
                assert "Retry-After" in answer.headers
            time.sleep(0.5)
        meanwhile = disk_pages(far_end)
        filler.unlink()
        began = time.monotonic()
        assert set(stack.processes()) == before
        eventually(lambda: everything_runs(stack), within=120, what="every process runs")
        seen = desk.agent.ticket(desk.premier.submits("after", key="after"))
        back = time.monotonic() - began
        lost = [ticket for ticket in accepted if desk.agent.cannot_see(ticket)]
        assert seen["subject"] == "after"
        assert meanwhile, "a full disk pages somebody as itself"
        assert "nearly full" in meanwhile[0]["subject"]
        assert len({page["id"] for page in disk_pages(far_end)}) == 1, "once per episode"
        shown(
            Figure("R21 everything back after the disk has room", back, "s", goal=60),
            Figure("R21 accepted tickets lost", len(lost), "", goal=0),
            Figure("R21 pages meanwhile", len(far_end.got("page")), "", goal=1, low=False),
        )
