"""Misspelt words: the known word that is one slip away, two for long words. Candidates come from an indexed table, not from a scan."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

SHORTEST = 4
"""Below this a slip makes another word as often as not."""

LONG = 8


def deletions(word: str) -> set[str]:
    """The word, and the word without each of its letters. Two words one slip apart always share one of these."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def index(database: sqlite3.Connection, words: Iterable[tuple[str, float]]) -> None:
    """The table `deletions`: variant → word and the weight it has in the articles."""
    database.execute("CREATE TABLE deletions (variant TEXT, word TEXT, weight REAL)")
    rows = ((variant, word, weight) for word, weight in words if len(word) >= SHORTEST for variant in deletions(word))
    database.executemany("INSERT INTO deletions VALUES (?, ?, ?)", rows)
    database.execute("CREATE INDEX by_variant ON deletions (variant)")


def nearest(database: sqlite3.Connection, word: str) -> str | None:
    """The known word meant by an unknown one, None where nothing is near enough."""
    if not SHORTEST <= len(word) <= 30 or not word.isalpha():
        return None
    most = 2 if len(word) >= LONG else 1
    variants = deletions(word)
    if most == 2:
        variants |= {further for variant in tuple(variants) for further in deletions(variant)}
    marks = ",".join("?" * len(variants))
    rows = database.execute(f"SELECT DISTINCT word, weight FROM deletions WHERE variant IN ({marks})", tuple(variants))  # noqa: S608
    ranked = [(slips(word, known, most), known[0] != word[0], -weight, known) for known, weight in rows]
    best = min((row for row in ranked if row[0] <= most), default=None)
    return best[3] if best else None


def slips(one: str, other: str, most: int) -> int:
    """How many letters were added, left out, changed or swapped with their neighbour; more than `most` is `most + 1`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        last, before, row = before, row, [at]
        for place, against in enumerate(other, 1):
            cost = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != against))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == against:
                cost = min(cost, last[place - 2] + 1)
            row.append(cost)
    return min(row[-1], most + 1)
