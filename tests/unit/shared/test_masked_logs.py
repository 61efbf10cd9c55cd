"""The last defence: a secret that reaches a log line is masked there."""

from __future__ import annotations

from shared.telemetry.logs import mask_secrets
from tests.unit.text.samples import PW

ADDRESS = f"postgres://u:{PW}@h.example.com/d"


def test_texts_errors_and_collections_are_masked_and_numbers_stay() -> None:
    event = {
        "event": ADDRESS,
        "error": ValueError(ADDRESS),
        "many": [ADDRESS, 1],
        "by": {"a": ADDRESS},
        "n": 5,
        "fine": ["a", 2],
    }
    shown = mask_secrets(None, "info", dict(event))
    assert PW not in str(shown)
    assert (shown["n"], shown["fine"]) == (5, ["a", 2])
