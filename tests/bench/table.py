"""How figures are shown: a name, a value, the goal and whether it was met, and what it was in the
last record; the same lines as JSON with --json.

    make bench | tee bench.txt
    python -m tests.bench.table bench.txt    puts the figures of that run into the record
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("record.json")
_NAME_WIDTH = 58
_LINE = re.compile(r"(?P<name>\S.{57,}?) +(?P<value>-?[\d,]+\.\d) (?P<unit>\S.{0,9})(?: |$)")


@dataclass(frozen=True)
class Figure:
    """`goal` is an upper bound where `low` is true, else a lower one; None where there is nothing
    to meet.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    low: bool = True

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value <= self.goal if self.low else self.value >= self.goal

    def __str__(self) -> str:
        goal = (
            ""
            if self.goal is None
            else f"goal {'≤' if self.low else '≥'} {self.goal:g}  {'met' if self.is_met else 'NOT MET'}"
        )
        line = f"{self.name:<{_NAME_WIDTH}} {self.value:>10,.1f} {self.unit:<10} {goal}"
        was = last_figures().get(self.name)
        return line if was is None else f"{line:<100} last {was:,.1f}"


def at_share(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lies (nearest rank); nan of nothing."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")


@functools.cache
def last_figures() -> Mapping[str, float]:
    """Name → value, from the record; empty where there is none."""
    kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return dict(kept.get("figures", {}))


def figures_in(printed: str) -> dict[str, float]:
    """Name → value of every line that is a figure; other lines are passed over. Pure."""
    found = (_LINE.match(line) for line in printed.splitlines())
    return {one["name"].strip(): float(one["value"].replace(",", "")) for one in found if one}


def main() -> int:
    kept = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    kept["figures"] = dict(kept.get("figures", {})) | figures_in(Path(sys.argv[1]).read_text())
    RECORD.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
