"""What came of an import: sums that add up, and each problem with its file and record. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

TAKEN_AS_BODY = "it is the ticket's first message"
"""Why a comment is no reply: Zendesk lists the first message among the comments, too."""


@dataclass(frozen=True)
class Problem:
    """Something that was not taken over, or not as it was. `line`: 0 where the file has no lines of
    its own. `record`: such as `ticket 101`, empty where the file itself is meant.
    """

    file: str
    line: int
    record: str
    words: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.record}: {self.words}" if self.record else f"{place}: {self.words}"

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "record": self.record, "problem": self.words}


@dataclass
class ImportCounts:
    """`read` = `imported` + all of `skipped`, whose keys are the reasons."""

    read: int = 0
    imported: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str, many: int = 1) -> None:
        if many:
            self.skipped[reason] += many

    @property
    def adds_up(self) -> bool:
        # Tests hold every import to this: nothing may disappear without a reason.
        return self.read == self.imported + self.skipped.total()

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "imported": self.imported,
            "skipped": dict(sorted(self.skipped.items())),
        }

    def __str__(self) -> str:
        reasons = "; ".join(f"{many} {reason}" for reason, many in self.skipped.most_common())
        left = self.skipped.total()
        return (
            f"{self.read} read, {self.imported} imported, {left} "
            f"not{f': {reasons}' if left else ''}"
        )


@dataclass
class ImportReport:
    """`stand_ins`: address → name of people who have no address of their own."""

    tickets: ImportCounts = field(default_factory=ImportCounts)
    comments: ImportCounts = field(default_factory=ImportCounts)
    users: int = 0
    stand_ins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
