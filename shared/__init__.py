"""What all services share. Importing it settles which time-zone data decides, and keeps 4 to 7 MB
out of each process.

A deadline must be the same on every machine, so every zone is read from the locked package
`tzdata`, never from the host's `/usr/share/zoneinfo` or from `PYTHONTZPATH`. Each process of ours
imports `shared` before it asks for a zone; what was cached before is forgotten.

`icalendar` and `holidays` ask `zoneinfo` too, or no zone at all. `dateparser` is only asked for
days, never for instants, and brings its own locked `pytz`.
"""

from __future__ import annotations

import sys
import zoneinfo

zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()


def _import_structlog_without_rich() -> None:
    """structlog loads `rich` where it is installed, for tracebacks that show local variables. Ours
    never do (`shared.telemetry.logs`), so `rich` is left to those who import it themselves.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


_import_structlog_without_rich()

# PyMongo loads `cryptography` (3 MB) to ask for PyOpenSSL, which is not installed. So it is told at
# once, and takes Python's own `ssl` as it does anyway.
sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]
