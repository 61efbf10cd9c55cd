"""The long run: `python -m tests.chaos.spine --requests 100000 --how kill` (broker by
KAFKA_BOOTSTRAP_SERVERS).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.spine.harness import Plan, run
from tests.chaos.spine.judge import Verdict

COLUMNS = (
    "requests",
    "raw",
    "facts",
    "missing",
    "doubled",
    "conflicts",
    "gaps",
    "unrung",
    "rung_twice",
    "early",
    "unsent",
    "sent_twice",
    "wrong_rows",
    "letters",
)


def table_of(verdicts: list[tuple[str, Verdict, int]]) -> Table:
    table = Table(
        title="The spine under random ends: all but the first three and the lateness must be 0"
    )
    for name in ("run", "ended", *COLUMNS, "late p50", "late p99", "late max"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for name, verdict, ends in verdicts:
        late = [f"{verdict.late_at(share):.2f}" for share in (0.5, 0.99, 1.0)]
        table.add_row(
            name, str(ends), *(str(getattr(verdict, column)) for column in COLUMNS), *late
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second (8: sparse)")
    parser.add_argument(
        "--how", choices=["kill", "term", "stop", "mixed", "inside"], default="mixed"
    )
    parser.add_argument("--timers", type=float, default=0.02, help="share of requests with a timer")
    parser.add_argument(
        "--sends", type=float, default=0.02, help="share of requests with a side effect"
    )
    parser.add_argument("--every", type=float, nargs=2, default=(5.0, 9.0), metavar=("FROM", "TO"))
    parser.add_argument("--dynamic", action="store_true", help="without static membership")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console = Console(width=220)
    log = Path(tempfile.mkdtemp(prefix="chaos-spine-")) / "workers.log"
    verdicts = []
    for seed in range(options.seed, options.seed + options.runs):
        plan = Plan(
            requests=options.requests,
            rate=options.rate,
            how=options.how,
            timers=options.timers,
            sends=options.sends,
            every=tuple(options.every),
            is_static=not options.dynamic,
            seed=seed,
        )
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
        verdict, ends = asyncio.run(run(plan, bootstrap=bootstrap, log=log, say=console.print))
        verdicts.append((f"{options.how}, {options.rate:g}/s", verdict, ends))
        for example in verdict.examples[:20]:
            console.print("  " + example)
    console.print(table_of(verdicts))
    faults = sum(verdict.faults for _, verdict, _ in verdicts)
    if faults:
        console.print(f"faults: {faults}; the workers' log is {log}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
