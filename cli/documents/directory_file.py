"""A directory as a file (`shared/people/directory_text.py`), checked as intake would."""

from __future__ import annotations

from services.intake.world.directory import check, id_of
from shared.people.directory_text import (
    Checks,
    DirectoryEntry,
    DirectoryText,
    batches,
    plain,
    read_table,
)
from shared.people.directory_text import read as read_text

__all__ = ["DirectoryEntry", "DirectoryText", "batches", "plain", "read", "read_csv"]

_CHECKS = Checks(id_of, check)


def read(text: str) -> DirectoryText:
    """The file, with every mistake in it. What the directory itself must know (who else there is)
    is asked of intake.
    """
    return read_text(text, _CHECKS)


def read_csv(text: str) -> DirectoryText:
    """The same of a table."""
    return read_table(text, _CHECKS)
