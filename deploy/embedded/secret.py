"""The secrets of the embedded engines: one file each beside its folder, made at the first start."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path

from deploy.embedded.commands import CannotPrepare

_FEWEST = 32
"""Characters. mongod takes 6 to 1024 of base64's, white space left out."""


def make_secret(path: Path) -> None:
    """Make the secret if there is none, or an empty one (the disk was full), and see that its owner
    alone reads it. Raises OSError.
    """
    if not (path.exists() and path.stat().st_size):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        # A rest of a start that was killed.
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(48))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    if path.stat().st_uid == os.getuid():
        path.chmod(0o600)  # mongod refuses a key that others may read


def keep_secret(path: Path) -> str:
    """An engine's secret, made if need be. Raises CannotPrepare for a file that cannot serve as
    one, and OSError.
    """
    make_secret(path)
    try:
        secret = "".join(path.read_text("ascii").split())
    except UnicodeDecodeError:
        # Refused below, like any other text that is no secret.
        secret = ""
    if not re.fullmatch(rf"[A-Za-z0-9+/=]{{{_FEWEST},1024}}", secret):
        raise CannotPrepare(
            f"{path} is no secret: it must hold {_FEWEST} to 1024 letters and digits. Remove it, "
            "and a new one is made at the next start"
        )
    return secret


def password_of(secret: str, purpose: str) -> str:
    """A password made of the secret; none of them tells another one or the secret."""
    return hmac.digest(secret.encode(), f"signalbox.{purpose}".encode(), "sha256").hex()
