"""One worker process of the chaos run: `python -m tests.chaos.spine.worker`."""

from __future__ import annotations

import sys

import uvloop

from shared.runtime import run_worker
from shared.settings import Settings, load
from tests.chaos.spine.domain import WORK

if __name__ == "__main__":
    sys.exit(uvloop.run(run_worker(WORK, load(Settings))))
