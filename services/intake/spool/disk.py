"""Writing to this machine's disk so that it survives a crash, and saying no before the disk is
full.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from shared.errors import Refused

LEAST_FREE = 0.05
"""Under this share of free space nothing more is taken in (RELIABILITY): what was promised must
still fit, logs too.
"""

# Seconds, told in words and as `retry_after`, so that a client can try again by itself.
RETRY_AFTER_S = 60


def free_share(path: Path) -> float:
    """The free share (0 to 1) of the disk `path` is on."""
    found = shutil.disk_usage(path)
    return found.free / found.total


def is_short(free: float) -> bool:
    return free < LEAST_FREE


def disk_full() -> Refused:
    """What the caller is told: it was not taken, when to come again, where to look meanwhile."""
    detail = (
        "This was NOT taken: our log is away and the disk that stands in for it is nearly full. "
        f"Send it again in {RETRY_AFTER_S} seconds with the same Idempotency-Key; see /status for "
        "what is going on."
    )
    return Refused(
        "disk-full",
        detail,
        status=503,
        extra={"retry_after": RETRY_AFTER_S, "status_page": "/status"},
    )


def write_all(descriptor: int, data: bytes) -> None:
    """`os.write` until all of it is written. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def sync_directory(path: Path) -> None:
    """Make created, renamed and removed names in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """`path` holds `data`, whole or not at all, and still does after a crash. Raises OSError."""
    # A name of its own for each write, so two writers never share a half file.
    half = path.with_name(f".{path.name}.{secrets.token_hex(8)}.half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            write_all(descriptor, data)
            # The bytes first, then the name: after a crash the name never shows a torn file.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    # The new name lies in the folder, so the folder must reach the disk too.
    sync_directory(path.parent)
