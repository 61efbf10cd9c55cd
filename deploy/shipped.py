"""The policy documents that come with Signalbox (`deploy/policies/`): ours, a place to start
from.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.yaml_text import read_yaml

POLICIES = Path(__file__).parent / "policies"


def shipped_policies(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name → document. Raises OSError where a file is missing."""
    # Read as every policy is read, so that it means the same as a file that an operator writes.
    return {name: read_yaml((POLICIES / f"{name}.yaml").read_text()).value for name in names}
