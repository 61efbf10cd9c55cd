"""`python -m services.portal web|projector|pulse|status`."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from services.portal.app import run_projector, run_web
from services.portal.settings import PortalSettings
from services.portal.status.serve import run_status
from shared.garbage import spare_what_lives
from shared.settings import load
from shared.telemetry import configure_logging


async def _projector(settings: PortalSettings) -> int:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    return await run_projector(settings, stopping)


def main(arguments: list[str]) -> int:
    """Run one process until it is told to stop; its exit code."""
    match arguments:
        case ["web" | "projector" | "pulse" | "status" as process]:
            settings = load(PortalSettings)
        case _:
            sys.stderr.write("usage: python -m services.portal web|projector|pulse|status\n")
            return 64
    configure_logging(f"portal.{process}", settings.log_level)
    spare_what_lives()
    if process == "status":
        return uvloop.run(run_status(settings))
    if process == "web":
        return uvloop.run(run_web(settings))
    if process == "projector":
        return uvloop.run(_projector(settings))
    from services.portal.pulse import run_pulse  # Faust takes 0.4 s to import: only this process pays

    return run_pulse(settings)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
