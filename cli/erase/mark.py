"""What an erasure leaves on a record for those who read it later."""

from __future__ import annotations

MARK = "ce_erased"
"""The header of a record that lost a text; its value is the pseudonym. What was decided on it
cannot be made again (`cli/proof`).
"""
