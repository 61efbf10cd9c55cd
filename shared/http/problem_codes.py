"""What each problem code means and what to do about it: the page at `/problems/<code>`, where the
`type` of a problem document leads (RFC 9457, section 3.1.1).

The table is `problem_codes.yaml`; `tests/contract/test_problem_codes.py` holds it to the code.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

_TABLE = Path(__file__).with_suffix(".yaml")


class Meaning(NamedTuple):
    """`happened`: why a request is answered with this code. `do`: what helps. Both are
    sentences.
    """

    happened: str
    do: str


UNAVAILABLE = Meaning(
    "A part that this needs does not answer just now.",
    "Send the same request again in a few seconds, with the same Idempotency-Key.",
)


# The file is part of the program and never changes while it runs.
@functools.cache
def codes() -> Mapping[str, Meaning]:
    """Every code, in the order of the table."""
    found = yaml.safe_load(_TABLE.read_text("utf-8"))
    return {code: Meaning(**said) for code, said in found.items()}


def meaning_of(code: str) -> Meaning | None:
    """What is said of the code; None: it is none of ours."""
    return codes().get(code) or (UNAVAILABLE if code.endswith("-unavailable") else None)
