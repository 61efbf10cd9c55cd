"""Search over the articles: SQLite's FTS5 in memory, filled once, asked from any thread.

An error code that stands in the query puts its article first, whatever else is said. After that: the words (title and synonyms
weigh most), how much of a phrase by which people ask for an article is in the query, words that mean the same at a discount,
misspelt words by the known word they are one slip away from.

Queries are reduced to letters and digits before they reach SQL, so its syntax is inert.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from shared.knowledge import near
from shared.knowledge.articles import HERE, Article, read_articles
from shared.knowledge.words import Asked, Vocabulary, stem, stems

_COLUMNS = {"title": 8.0, "synonyms": 7.0, "tags": 5.0, "summary": 3.0}
"""How much a word of the head weighs by where it stands. How rare a word is, is counted among heads: texts mention everything."""

_TEXT = 0.35  # a word in the text, against one in the head

_MEANT = 0.25  # a word that only means the same, against the word itself
_PHRASE = 1.3  # of the weight of a phrase by which people ask, where the query has all of it
_SHARE = 0.5  # of a phrase's weight must be in the query, or it tells nothing
_CODE = 1_000.0  # over everything that words can bring
_FEW = 12  # so many words are a question; more are pasted text, whose unknown words are names, not slips
_MOST = 24  # of the words of pasted text, those that tell most
_OVERVIEW = ("error", "code")  # asked for besides, where a code has no article
_FAINT = 0.25  # hits below this share of the best are left out


@dataclass(frozen=True)
class Hit:
    """An article found. `score` only orders the hits of one query."""

    slug: str
    title: str
    url: str
    score: float
    excerpt: str


class _Phrase(NamedTuple):
    """A title or synonym: its words, folded, and how much they tell together."""

    slug: str
    words: tuple[str, ...]
    weight: float


class Articles:
    """The articles of a folder, and the search over them. Raises ValueError where an article is not in order."""

    def __init__(self, folder: Path = HERE) -> None:
        self.all: tuple[Article, ...] = read_articles(folder)
        self._by_slug = {article.slug: article for article in self.all}
        self._by_code: dict[str, list[str]] = {}
        for article in self.all:
            for code in article.codes:
                self._by_code.setdefault(code, []).append(article.slug)
        same, self._also = _synonyms(folder)
        self._vocabulary = Vocabulary(same)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._phrases: list[_Phrase] = []
        self._phrases_with: dict[str, list[int]] = {}
        self._spread: Counter[str] = Counter()
        self._fill()

    def get(self, slug: str) -> Article | None:
        return self._by_slug.get(slug)

    def with_code(self, code: str) -> list[Article]:
        """The articles about an error code, its own first (one about few codes before one about many)."""
        return sorted((self._by_slug[slug] for slug in self._by_code.get(code, ())), key=lambda article: len(article.codes))

    def search(self, query: str, limit: int = 5) -> list[Hit]:
        """The articles that fit, best first; empty where none does. Takes any string."""
        asked = self._vocabulary.asked(query)
        if asked.codes and not any(code in self._by_code for code in asked.codes):
            asked = Asked(asked.codes, (*asked.words, *_OVERVIEW))
        scores = self._by_words(asked)
        faint = _FAINT * max(scores.values(), default=0.0)
        for place, code in enumerate(asked.codes):
            for nth, article in enumerate(self.with_code(code)):
                scores[article.slug] = scores.get(article.slug, 0.0) + _CODE * (len(asked.codes) - place) / (1 + nth)
        ranked = sorted((score, slug) for slug, score in scores.items() if score > faint)[::-1]
        return [self._hit(slug, score) for score, slug in ranked[: max(0, limit)]]

    def _hit(self, slug: str, score: float) -> Hit:
        article = self._by_slug[slug]
        return Hit(slug, article.title, article.url, round(score, 4), article.summary)

    def _by_words(self, asked: Asked) -> dict[str, float]:
        with self._lock:
            words = self._known(asked.words)
            meant = [word for said in words for word in self._also.get(said, ()) if word not in words and word in self._spread]
            found = self._matching(words)
            for slug, score in self._matching(meant).items():
                found[slug] = found.get(slug, 0.0) + _MEANT * score
        weights = {**dict.fromkeys(meant, _MEANT), **dict.fromkeys(words, 1.0)}
        if len(asked.words) > _FEW:
            weights = dict.fromkeys(words, 1.0)
        for slug, score in self._phrased(weights, " ".join(words) if len(asked.words) > _FEW else None).items():
            found[slug] = found.get(slug, 0.0) + _PHRASE * score
        return found

    def _phrased(self, weights: Mapping[str, float], pasted: str | None) -> dict[str, float]:
        """Per article the best of its phrases, by the share of it that was said; of pasted text only what stands there as it is."""
        found: dict[str, float] = {}
        for place in {place for word in weights for place in self._phrases_with.get(word, ())}:
            phrase = self._phrases[place]
            if pasted is not None and f" {' '.join(phrase.words)} " not in f" {pasted} ":
                continue
            said = sum(self._rarity(word) * weights.get(word, 0.0) for word in phrase.words)
            share = said / phrase.weight
            if share >= _SHARE:
                found[phrase.slug] = max(found.get(phrase.slug, 0.0), said * share * share)
        return found

    def _rarity(self, word: str) -> float:
        return math.log(1 + len(self.all) / self._spread[word])

    def _known(self, words: Sequence[str]) -> list[str]:
        """The stems to look for. In a question each word counts, a misspelt one too; of pasted text those that tell most."""
        if len(words) > _FEW:
            known = [word for word in dict.fromkeys(stems(words)) if word in self._spread]
            rare = set(sorted(known, key=lambda word: self._spread[word])[:_MOST])
            return [word for word in known if word in rare]
        return list(dict.fromkeys(stem_ for word in words for stem_ in self._meant(word, is_last=word == words[-1])))

    def _meant(self, word: str, *, is_last: bool) -> list[str]:
        if stem(word) in self._spread:
            return [stem(word)]
        if is_last and len(word) >= 3 and (begun := [known for known in self._spread if known.startswith(word)]):
            return [max(begun, key=lambda known: self._spread[known])]
        if found := near.nearest(self._database, word):
            return [stem(found)]
        for at in range(3, len(word) - 2):
            parts = [stem(word[:at]), stem(word[at:])]
            if all(part in self._spread for part in parts):
                return parts
        return []

    def _matching(self, words: Sequence[str]) -> dict[str, float]:
        if not words:
            return {}
        weights = ", ".join(str(weight) for weight in _COLUMNS.values())
        wanted = " OR ".join(f'"{word}"' for word in words)
        heads = f"SELECT slug, -bm25(heads, 0, {weights}) FROM heads WHERE heads MATCH ?"  # noqa: S608
        found: dict[str, float] = dict(self._database.execute(heads, (wanted,)).fetchall())
        for slug, score in self._database.execute("SELECT slug, -bm25(texts) FROM texts WHERE texts MATCH ?", (wanted,)):
            found[slug] = found.get(slug, 0.0) + _TEXT * score
        return found

    def _fill(self) -> None:
        names = ", ".join(_COLUMNS)
        self._database.execute(f"CREATE VIRTUAL TABLE heads USING fts5(slug UNINDEXED, {names})")
        self._database.execute("CREATE VIRTUAL TABLE texts USING fts5(slug UNINDEXED, body)")
        weights: Counter[str] = Counter()
        for article in self.all:
            head = {name: self._vocabulary.words(text) for name, text in _head(article).items()}
            body = self._vocabulary.words(article.body)
            row = [" ".join(stems(words)) for words in head.values()]
            self._database.execute("INSERT INTO heads VALUES (?, ?, ?, ?, ?)", (article.slug, *row))
            self._database.execute("INSERT INTO texts VALUES (?, ?)", (article.slug, " ".join(stems(body))))
            self._spread.update({stem_ for words in head.values() for stem_ in stems(words)})
            weights.update(body)
            for name, words in head.items():
                for word in words:
                    weights[word] += int(_COLUMNS[name])
        self._spread.update({stem_: 1 for word in weights if (stem_ := stem(word)) not in self._spread})
        for article in self.all:
            for text in (article.title, *article.synonyms):
                folded = tuple(dict.fromkeys(stems(self._vocabulary.words(text))))
                if folded:
                    self._phrases.append(_Phrase(article.slug, folded, sum(map(self._rarity, folded))))
                    for word in folded:
                        self._phrases_with.setdefault(word, []).append(len(self._phrases) - 1)
        near.index(self._database, weights.items())


def _head(article: Article) -> dict[str, str]:
    """The searched head by column."""
    return {
        "title": article.title,
        "synonyms": "\n".join(article.synonyms),
        "tags": f"{' '.join(article.tags)} {article.topic} {' '.join(article.codes)}",
        "summary": article.summary,
    }


def _synonyms(folder: Path) -> tuple[Mapping[str, str], Mapping[str, list[str]]]:
    """`synonyms.yaml` of the folder: phrases that are one word (`same`), and words that mean nearly the same (`also`)."""
    path = folder / "synonyms.yaml"
    if not path.exists():
        return {}, {}
    document = yaml.safe_load(path.read_text("utf-8"))
    same = {phrase: word for word, phrases in document["same"].items() for phrase in phrases}
    vocabulary = Vocabulary(same)
    also: dict[str, list[str]] = {}
    for group in document["also"]:
        members = [stem_ for phrase in group for stem_ in _one(vocabulary, phrase)]
        for member in members:
            also.setdefault(member, []).extend(other for other in members if other != member)
    return same, also


def _one(vocabulary: Vocabulary, phrase: str) -> Iterable[str]:
    return stems(vocabulary.words(str(phrase)))
