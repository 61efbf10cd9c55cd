"""What every part of a policy document is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class PolicyPart(BaseModel):
    """A part of a policy document: unknown fields are an error, so a typing mistake is found and
    not ignored.
    """

    # Versions that were published earlier are read with `extra="ignore"` (`book.py`).
    model_config = ConfigDict(extra="forbid", frozen=True)
