"""Mail in: how many are taken a second over SMTP and how soon the log has what became of them, what
each costs, and what it costs the API.

`make bench`; or against a stack that runs, with SIGNALBOX_BENCH_SMTP (host:port), _SMTP_METRICS
(address), _PORTAL and _INTAKE (addresses), and _UP (its up.json, for the CPU of each process).
Goals: 200 a second of 5 kB each, half of them signed; the API's p99 beside 100 mails a second at
most twice what it is alone. No number judges, the figures are printed, with the machine's load.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.bench.intake import cpu_seconds, free_port
from tests.bench.mailing import LINE, SIZE
from tests.bench.table import Figure, at_share
from tests.support.desk import Person
from tests.support.posting import MailDesk
from tests.support.stack import ROOT, running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(400)]

SECONDS, LINES = 12, 16
TURNS, SECONDS_API, API_RATE, MAIL_RATE = 3, 6, 20, 100


@dataclass
class Place:
    """Where mail is sent and tickets are asked for; `up` is the stack's up.json, None where there
    is none at hand.
    """

    smtp: str
    metrics: str
    portal: str
    intake: str
    up: Path | None

    @property
    def mails(self) -> MailDesk:
        return MailDesk(Person("agent", "demo-agent", self.portal))

    def told(self, name: str) -> float:
        """A metric of the SMTP process, all its labels together."""
        with urllib.request.urlopen(f"{self.metrics}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[ {{]", line)
        )

    def cpu(self) -> dict[str, float]:
        """Seconds of each process so far; the children that read are told apart from their parent."""
        if self.up is None:
            return {}
        pids = {
            entry["name"]: entry["pid"] for entry in json.loads(self.up.read_text())["processes"]
        }
        found = {name: cpu_seconds(pid) for name, pid in pids.items()}
        children = [
            int(pid)
            for task in Path(f"/proc/{pids['smtp']}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        return {**found, "readers of mail": sum(map(cpu_seconds, children))}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A stack of its own, where one sender may send as much as it likes."""
    if address := os.environ.get("SIGNALBOX_BENCH_SMTP"):
        of = {
            name: os.environ[f"SIGNALBOX_BENCH_{name}"]
            for name in ("SMTP_METRICS", "PORTAL", "INTAKE")
        }
        up = os.environ.get("SIGNALBOX_BENCH_UP")
        yield Place(
            address, of["SMTP_METRICS"], of["PORTAL"], of["INTAKE"], Path(up) if up else None
        )
        return
    port = free_port()
    with running(
        env={"SIGNALBOX_MAIL_TICKETS_HOURLY": "100000", "SIGNALBOX_SMTP_METRICS_PORT": str(port)}
    ) as stack:
        yield Place(
            stack.smtp,
            f"http://127.0.0.1:{port}",
            stack.portal,
            stack.intake,
            stack.data / "up.json",
        )


@pytest.mark.parametrize("kind", ["signed", "plain"])
def test_mails_a_second(place: Place, kind: str) -> None:
    """Until the last 250, and until the log has what became of the last one. Signed: DKIM of 2048
    bits is checked; else SPF alone.
    """
    known = place.mails.counts()["received"]
    before, spent, begun = (
        place.told("signalbox_mail_outcomes_total"),
        place.cpu(),
        time.monotonic(),
    )
    sent = _sent(_sending(place, "premium@example.com", SECONDS, kind=kind))
    meanwhile = place.told("signalbox_mail_outcomes_total") - before
    count, took = sent["sent"], sent["took"]
    eventually(
        lambda: place.told("signalbox_mail_outcomes_total") >= before + count,
        within=120,
        every=0.2,
        what="all in the log",
    )
    settled = time.monotonic() - begun
    used = place.cpu()
    counts = eventually(
        lambda: _right(place.mails, known + count), within=120, every=0.5, what="all in the view"
    )
    figures = [
        Figure(
            f"mails of 5 kB, {kind}, accepted (250), durable, {LINES} connections",
            count / sent["seconds"],
            "a second",
            200,
            low=False,
        ),
        Figure(
            "  of them read, vouched for, decided, in the log meanwhile",
            meanwhile / sent["seconds"],
            "a second",
        ),
        Figure("  until the log has the last one", count / settled, "a second", 200, low=False),
        Figure("  until the view has the last one", count / (time.monotonic() - begun), "a second"),
        Figure("  told to come again (451)", sent["later"], "mails"),
        Figure("  from MAIL FROM to 250, p50", 1000 * at_share(took, 0.5), "ms"),
        Figure("  from MAIL FROM to 250, p99", 1000 * at_share(took, 0.99), "ms"),
        Figure("  CPU of the sender, for each mail", 1000 * sent["cpu"] / count, "ms"),
        *(
            Figure(
                f"  CPU of {name}, for each mail", 1000 * (used[name] - spent[name]) / count, "ms"
            )
            for name in spent
        ),
        Figure("  load of the machine", os.getloadavg()[0], "processes"),
    ]
    print("", *figures, sep="\n")
    assert counts["balanced"]


def test_the_api_while_mail_arrives(place: Place) -> None:
    """p99 of POST /v1/tickets at 20/s, in turns alone and beside 100 mails a second."""
    alone, beside, sent = list[float](), list[float](), 0
    for _ in range(TURNS):
        alone += asyncio.run(_api(place))
        sending = _sending(place, "free@example.com", SECONDS_API, rate=MAIL_RATE)
        beside += asyncio.run(_api(place, SECONDS_API - 1))
        sent += _sent(sending)["sent"]
        eventually(
            lambda: not place.told("signalbox_mail_in_hand"),
            within=60,
            every=0.2,
            what="nothing left in hand for the next turn",
        )
    p99 = at_share(alone, 0.99), at_share(beside, 0.99)
    figures = (
        Figure("POST /v1/tickets at 20/s alone, p50", 1000 * at_share(alone, 0.5), "ms"),
        Figure("  alone, p99", 1000 * p99[0], "ms"),
        Figure(
            f"  beside {sent / TURNS / SECONDS_API:.0f} mails a second, p50",
            1000 * at_share(beside, 0.5),
            "ms",
        ),
        Figure("  beside mail, p99", 1000 * p99[1], "ms"),
        Figure("  p99 beside mail to p99 alone", p99[1] / p99[0], "times", 2),
        Figure("  load of the machine", os.getloadavg()[0], "processes"),
    )
    print("", *figures, sep="\n")


def _sending(
    place: Place, sender: str, seconds: float, *, rate: float = 0, kind: str = "signed"
) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tests.bench.mailing",
        place.smtp,
        "--sender",
        sender,
        "--seconds",
        str(seconds),
        "--kind",
        kind,
    ]
    return subprocess.Popen(
        [*command, "--lines", str(LINES), "--rate", str(rate)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _sent(sending: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = sending.communicate(timeout=120)
    assert sending.returncode == 0
    return dict(json.loads(said))


def _right(mails: MailDesk, received: int) -> dict[str, Any] | None:
    counts = mails.counts()
    return (
        counts
        if counts["received"] >= received and counts["balanced"] and not counts["in_hand"]
        else None
    )


async def _api(place: Place, seconds: float = SECONDS_API, rate: float = API_RATE) -> list[float]:
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer demo-premium"}) as http:

        async def one() -> None:
            begun = time.monotonic()
            async with http.post(
                f"{place.intake}/v1/tickets",
                json={"subject": "Bench", "body": LINE * (SIZE // 5 // len(LINE))},
            ) as answer:
                await answer.read()
                assert answer.status == 202
            took.append(time.monotonic() - begun)

        async with asyncio.TaskGroup() as group:
            for _ in range(int(seconds * rate)):
                group.create_task(one())
                await asyncio.sleep(1 / rate)
    return took
