"""Policy documents as files: read and checked (`shared/policy/writing/written.py`)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from shared.channels.apprise import is_address
from shared.policy import DESK, DeskPolicy
from shared.policy.writing import written
from shared.policy.writing.documents import MODELS
from shared.policy.writing.written import CheckedFile, Mistake, path_of

__all__ = ["DEFAULT", "CheckedFile", "Mistake", "check", "desk_policy", "path_of", "read"]

DEFAULT = Path(__file__).parents[2] / "deploy" / "policies" / "default.yaml"


def check(
    text: str, name: str | None = None, *, is_sent: bool = False, now: datetime | None = None
) -> CheckedFile:
    """`shared.policy.writing.written.check`, at this moment where no other is said."""
    return written.check(text, name, now or datetime.now(UTC), is_address, is_sent=is_sent)


def read(path: Path, name: str | None = None, *, is_sent: bool = False) -> CheckedFile:
    """The document in a file, or on standard input for `-`. Ends the command where it cannot be
    read.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error
    # `on-call.yaml` says its kind by its name; else the document does.
    kind = name or (path.stem if path.stem in MODELS else None)
    return check(text, kind, is_sent=is_sent)


def desk_policy(path: Path) -> DeskPolicy:
    """The desk policy in `path`. Ends the command with what is wrong where it cannot be used."""
    found = read(path, DESK)
    if not isinstance(found.policy, DeskPolicy):
        told = "\n".join(str(mistake) for mistake in found.mistakes)
        raise typer.BadParameter(f"{path.name} is no policy:\n{told}", param_hint="--policy")
    return found.policy
