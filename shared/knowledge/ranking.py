"""How much each word tells for each article: Okapi BM25, worked out once, so that a search only
adds up what its few words have. Pure.

The formula is SQLite's (https://sqlite.org/fts5.html#the_bm25_function), with a weight for each
column of a document. Words that most documents have tell nothing and are kept apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# The usual values of BM25, which SQLite has as well.
_K1, _B = 1.2, 0.75
_NOTHING = 1e-6
"""The rarity of a word that half of the documents have."""

Scores = dict[str, float]
Columns = Sequence[tuple[float, Sequence[str]]]
"""Of one document: the weight of each column, and its words."""


class Ranking:
    """Scores of documents for words; documents are told by their names."""

    def __init__(self) -> None:
        self._telling: dict[str, tuple[tuple[str, float], ...]] = {}
        self._common: dict[str, tuple[tuple[str, float], ...]] = {}

    def add(self, documents: Mapping[str, Columns], share: float = 1.0) -> None:
        """Documents that are compared among themselves; what they score counts by `share` of it."""
        lengths = {name: sum(len(words) for _, words in doc) for name, doc in documents.items()}
        # The usual length: long documents must not win by their length alone.
        usual = sum(lengths.values()) / max(1, len(documents))
        places: dict[str, Scores] = {}
        for name, columns in documents.items():
            for word, often in _weigh_words(columns).items():
                damping = _K1 * (1 - _B + _B * lengths[name] / usual)
                places.setdefault(word, {})[name] = often * (_K1 + 1) / (often + damping)
        for word, found in places.items():
            # Negative for words that more than half of the documents have: those are kept apart.
            rarity = math.log((len(documents) - len(found) + 0.5) / (len(found) + 0.5))
            into = self._telling if rarity > 0 else self._common
            scale = share * max(rarity, _NOTHING)
            more = tuple((name, scale * score) for name, score in found.items())
            into[word] = into.get(word, ()) + more

    def scores(self, words: Iterable[str]) -> Scores:
        """Document → its score for all the words together; common ones count where there are no
        others.
        """
        asked = list(words)
        # Common words alone still find something; beside others they would only blur the order.
        return _add_scores(self._telling, asked) or _add_scores(self._common, asked)


def _add_scores(
    places: Mapping[str, tuple[tuple[str, float], ...]], words: Iterable[str]
) -> Scores:
    found: Scores = {}
    for word in words:
        for name, score in places.get(word, ()):
            found[name] = found.get(name, 0.0) + score
    return found


def _weigh_words(columns: Columns) -> Scores:
    """Word → how often it stands in the document, by the weights of the columns."""
    found: Scores = {}
    for weight, words in columns:
        for word, count in Counter(words).items():
            found[word] = found.get(word, 0.0) + weight * count
    return found
