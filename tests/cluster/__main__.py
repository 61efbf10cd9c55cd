"""`make cluster`: three brokers, three mongods, two copies of each worker, and a table of faults.

usage: python -m tests.cluster [--faults hang-30,kill] [--rate 3] [--port-base 24000] [--keep DIR]

Each fault has traffic before, while and after it. What is measured is measured from outside: by the
client, by a reader of `tickets`, and at the far end. At the end everything accepted is held against
the log and the receipts. Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.cluster.faults import FAULTS
from tests.cluster.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--faults", default=",".join(FAULTS), help="comma-separated")
    parser.add_argument("--rate", type=float, default=3.0, help="tickets a second")
    parser.add_argument("--port-base", type=int, default=24000)
    parser.add_argument("--keep", type=Path, help="a new folder for data and logs; else none stays")
    asked = parser.parse_args()
    names = asked.faults.split(",")
    if unknown := sorted(set(names) - FAULTS.keys()):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="signalbox-cluster-") as folder:
        data = asked.keep or Path(folder) / "data"
        figures = asyncio.run(
            run(data, names, asked.rate, asked.port_base, lambda line: print(line, flush=True))
        )
    print("\n".join(str(figure) for figure in figures))
    return 1 if any(figure.is_met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
