"""What the auditor of `signalbox up` signs its alerts with, and intake checks them by."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

NAME = "alerts-secret"


def make_alerts_secret(path: Path) -> None:
    """A `whsec_…` secret (Standard Webhooks) for one machine, made at the first start and readable
    by its owner alone. An empty file (the disk was full) is replaced.
    """
    if path.exists() and path.stat().st_size:
        return
    # Written beside and renamed: killed half way, nobody reads half a secret.
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
