"""How many examples a property test draws: as many as the test says, or a share of them.

`HYPOTHESIS_PROFILE` chooses: `quick` (`make unit`) draws a fifth, `whole` (`make test`) what the
test says, `long` (`make fuzz`) twenty times as many. Without a number of its own a test draws 100
in `whole`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROFILES = {"quick": 20, "whole": 100, "long": 2000}
"""Examples of a test that names no number."""


def choose_profile() -> None:
    """Called by conftest before any test is read. How long one example takes says more about the
    machine than about us.
    """
    for name, most in PROFILES.items():
        settings.register_profile(
            name,
            max_examples=most,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "whole"))


def examples(whole: int) -> int:
    """The number for a test that wants `whole` of them in `make test`; at least 5."""
    return max(min(whole, 5), whole * settings.default.max_examples // PROFILES["whole"])
