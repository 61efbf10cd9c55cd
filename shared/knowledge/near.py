"""Misspelt words: the known word that is one slip away, two for long words. Candidates come from an
index of words with letters left out, not from a look at all words. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 4
"""Below this a slip makes another word as often as not."""

# Words of 8 letters may have two slips; beyond 30 nobody typed it.
LONG, LONGEST = 8, 30


def deletions(word: str) -> set[str]:
    """The word, and the word without each of its letters. Two words one slip apart always share one
    of these.
    """
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


class Spellings:
    """The known words, each with the weight it has in the articles."""

    def __init__(self, words: Iterable[tuple[str, float]]) -> None:
        self._weights = {word: weight for word, weight in words if len(word) >= SHORTEST}
        self._by_variant: dict[str, tuple[str, ...]] = {}
        # Built once: a question then costs a few look-ups in place of a comparison with each word.
        for word in self._weights:
            for variant in deletions(word):
                self._by_variant[variant] = (*self._by_variant.get(variant, ()), word)

    def nearest(self, word: str) -> str | None:
        """The known word meant by an unknown one, None where nothing is near enough."""
        if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
            return None
        # Two slips in a short word make nearly any other word of it.
        most = 2 if len(word) >= LONG else 1
        variants = deletions(word)
        if most == 2:
            variants |= {further for variant in tuple(variants) for further in deletions(variant)}
        candidates = {known for variant in variants for known in self._by_variant.get(variant, ())}
        # Fewest slips first, then the same first letter (slips there are rare), then the word that
        # tells most.
        ranked = [
            (slips(word, known, most), known[0] != word[0], -self._weights[known], known)
            for known in candidates
        ]
        best = min((row for row in ranked if row[0] <= most), default=None)
        return best[3] if best else None


def slips(one: str, other: str, most: int) -> int:
    """How many letters were added, left out, changed or swapped with their neighbour; more than
    `most` is `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    # Rows of the usual table of edit distance. `before` and `last` are the two rows above, which
    # swaps need.
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        last, before, row = before, row, [at]
        for place, against in enumerate(other, 1):
            cost = min(
                before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != against)
            )
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == against:
                cost = min(cost, last[place - 2] + 1)
            row.append(cost)
    return min(row[-1], most + 1)
