"""What people type (`tests/corpus/knowledge/queries.yaml`), and how often the right article comes
first, or among the first three.

`held_out` was never looked at while search and articles were tuned, so its figures are the honest
ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from shared.knowledge import Articles

FILE = Path(__file__).parents[1] / "corpus" / "knowledge" / "queries.yaml"
HALVES = ("tuned", "held_out")


@dataclass(frozen=True)
class Asked:
    """A query, the articles that answer it, and the first three that were found."""

    query: str
    want: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def is_first(self) -> bool:
        return bool(self.found) and self.found[0] in self.want

    @property
    def is_among_three(self) -> bool:
        return any(slug in self.want for slug in self.found)

    def __str__(self) -> str:
        line = " ".join(self.query.split())
        return f"{'third' if self.is_among_three else 'MISSED':<7} {line[:70]:<70} {', '.join(self.found) or 'nothing'}"


@cache
def library() -> Articles:
    return Articles()


def queries(half: str) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (str(row["ask"]), tuple(row["want"]))
        for row in yaml.safe_load(FILE.read_text("utf-8"))[half]
    ]


def judged(half: str) -> list[Asked]:
    return [
        Asked(ask, want, tuple(hit.slug for hit in library().search(ask, 3)))
        for ask, want in queries(half)
    ]


def share(results: Sequence[bool]) -> float:
    """In percent."""
    return 100 * sum(results) / len(results)
