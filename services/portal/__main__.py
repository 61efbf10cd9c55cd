"""`python -m services.portal web|projector|pulse|status`.

Each process imports its own part alone, before the collector is told what lives: the pages are
40 MB, and Faust takes 0.4 s.
"""

from __future__ import annotations

import sys
from typing import TypeVar

import uvloop

from services.portal.settings import (
    PortalSettings,
    ProjectorSettings,
    PulseSettings,
    StatusSettings,
)
from shared.process.gc_tuning import spare_what_lives
from shared.settings import Settings, load
from shared.telemetry.logs import configure_logging

# The settings of one process; each reads its own.
S = TypeVar("S", bound=Settings)


def main(arguments: list[str]) -> int:
    """Run one process until it is told to stop; its exit code."""
    match arguments:
        # Imported here, see above: only this process needs it.
        case ["status"]:
            from services.portal.status.serve import run_status

            return uvloop.run(run_status(_begin("status", StatusSettings)))
        case ["web"]:
            from services.portal.app import run_web

            return uvloop.run(run_web(_begin("web", PortalSettings)))
        case ["projector"]:
            from services.portal.projector.app import serve_projector

            return uvloop.run(serve_projector(_begin("projector", ProjectorSettings)))
        case ["pulse"]:
            from services.portal.operations.pulse import run_pulse

            # Faust runs a loop of its own.
            return run_pulse(_begin("pulse", PulseSettings))
        case _:
            sys.stderr.write("usage: python -m services.portal web|projector|pulse|status\n")
            # The code for a wrong call (sysexits.h, EX_USAGE).
            return 64


def _begin(process: str, cls: type[S]) -> S:
    # Logging after the settings that say its level; what lives by now lives to the end.
    settings = load(cls)
    configure_logging(f"portal.{process}", settings.log_level)
    spare_what_lives()
    return settings


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
