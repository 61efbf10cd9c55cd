"""Search over the articles: an index in memory, filled once, asked from any thread.

An error code that stands in the query puts its article first, whatever else is said. After that:
the words (title and synonyms weigh most), how much of a phrase by which people ask for an article
is in the query, words that mean the same at a discount, misspelt words by the known word they are
one slip away from.

What a search of pasted text costs is bounded: so many words are looked up (`_MOST`), each in the
few articles that have it. Words that are misspelt cost more, and only a short question is read so.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from shared.knowledge.articles import HERE, Article, read_articles
from shared.knowledge.near import Spellings
from shared.knowledge.ranking import Ranking
from shared.knowledge.words import Question, Vocabulary, stem, stems

_COLUMNS = {"title": 8.0, "synonyms": 7.0, "tags": 5.0, "summary": 3.0}
"""How much a word of the head weighs by where it stands. How rare a word is, is counted among
heads: texts mention everything.
"""

_TEXT = 0.35  # a word in the text, against one in the head

_MEANT = 0.25  # a word that only means the same, against the word itself
_PHRASE = 1.3  # of the weight of a phrase by which people ask, where the query has all of it
_SHARE = 0.5  # of a phrase's weight must be in the query, or it tells nothing
_CODE = 1_000.0  # over everything that words can bring
# so many words are a question; more are pasted text, whose unknown words are names, not slips
_FEW = 12
_MOST = 24  # of the words of pasted text, those that tell most
_GUESSES = 4_096  # unknown words of which it is remembered what they mean
_QUICK = 24  # letters of unknown words that are read at once
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
    """A title or synonym: how much its words tell together, and the words, folded, between
    blanks.
    """

    slug: str
    weight: float
    said: str


class Articles:
    """The articles of a folder, and the search over them. Raises ValueError where an article is not
    in order.
    """

    def __init__(self, folder: Path = HERE) -> None:
        self.all: tuple[Article, ...] = read_articles(folder)
        self._by_slug = {article.slug: article for article in self.all}
        self._by_code: dict[str, list[str]] = {}
        for article in self.all:
            for code in article.codes:
                self._by_code.setdefault(code, []).append(article.slug)
        # In this order: articles are folded with the synonyms, and phrases are weighed by how rare
        # words are.
        same, self._also = _synonyms(folder)
        self._vocabulary = Vocabulary(same)
        self._ranking = Ranking()
        self._phrases: list[_Phrase] = []
        self._phrases_with: dict[str, list[int]] = {}
        self._spread: Counter[str] = Counter()
        self._rare: dict[str, float] = {}
        self._fill()
        self._stems = sorted(self._spread)
        self._guessed = functools.lru_cache(maxsize=_GUESSES)(self._guess)

    def get(self, slug: str) -> Article | None:
        return self._by_slug.get(slug)

    def with_code(self, code: str) -> list[Article]:
        """The articles about an error code, its own first (one about few codes before one about
        many).
        """
        return sorted(
            (self._by_slug[slug] for slug in self._by_code.get(code, ())),
            key=lambda article: len(article.codes),
        )

    def search(self, query: str, limit: int = 5) -> list[Hit]:
        """The articles that fit, best first; empty where none does. Takes any string."""
        return self.answer(self.understand(query), limit)

    def understand(self, query: str) -> Question:
        """What is asked for; takes any string."""
        return self._vocabulary.asked(query)

    def is_quick(self, asked: Question) -> bool:
        """Whether the answer costs a few lookups: few letters of words that must be guessed."""
        if len(asked.words) > _FEW:
            return True
        return sum(len(word) for word in asked.words if stem(word) not in self._spread) <= _QUICK

    def answer(self, asked: Question, limit: int = 5, *, by_words: int | None = None) -> list[Hit]:
        """`search`, for a query that is understood. `by_words`: only so many are looked up, those
        that the fewest articles have: a third of the time, with six of them.
        """
        # A code without an article: the overview of codes is the best answer.
        if asked.codes and not any(code in self._by_code for code in asked.codes):
            asked = Question(asked.codes, (*asked.words, *_OVERVIEW))
        scores = self._by_words(asked, by_words)
        # Taken before codes are added: else a code would make all hits by words faint.
        faint = _FAINT * max(scores.values(), default=0.0)
        # Earlier codes count more, and of one code its own article more than those that mention it.
        for place, code in enumerate(asked.codes):
            for nth, article in enumerate(self.with_code(code)):
                scores[article.slug] = scores.get(article.slug, 0.0) + _CODE * (
                    len(asked.codes) - place
                ) / (1 + nth)
        ranked = sorted((score, slug) for slug, score in scores.items() if score > faint)[::-1]
        return [self._hit(slug, score) for score, slug in ranked[: max(0, limit)]]

    def _hit(self, slug: str, score: float) -> Hit:
        article = self._by_slug[slug]
        return Hit(slug, article.title, article.url, round(score, 4), article.summary)

    def _by_words(self, asked: Question, most: int | None) -> dict[str, float]:
        words = self._find_stems(asked.words)
        if most is not None:
            words = self._rarest(words, most)
        # Words that mean nearly the same, unless they were said anyway.
        meant = [
            word
            for said in words
            for word in self._also.get(said, ())
            if word not in words and word in self._spread
        ]
        found = self._ranking.scores(words)
        for slug, score in self._ranking.scores(meant).items():
            found[slug] = found.get(slug, 0.0) + _MEANT * score
        weights = {**dict.fromkeys(meant, _MEANT), **dict.fromkeys(words, 1.0)}
        # Pasted text: only what stands there, no synonyms, and phrases only as they are.
        if len(asked.words) > _FEW:
            weights = dict.fromkeys(words, 1.0)
        for slug, score in self._score_phrases(
            weights, " ".join(words) if len(asked.words) > _FEW else None
        ).items():
            found[slug] = found.get(slug, 0.0) + _PHRASE * score
        return found

    def _score_phrases(self, weights: Mapping[str, float], pasted: str | None) -> dict[str, float]:
        """Per article the best of its phrases, by the share of it that was said; of pasted text
        only what stands there as it is.
        """
        told: dict[int, float] = {}
        # Added up by phrase, through the words: most phrases are never looked at.
        for word, weight in weights.items():
            tells = weight * self._rarity(word)
            for place in self._phrases_with.get(word, ()):
                told[place] = told.get(place, 0.0) + tells
        found: dict[str, float] = {}
        whole = f" {pasted} "
        for place, said in told.items():
            phrase = self._phrases[place]
            share = said / phrase.weight
            if share < _SHARE or (pasted is not None and phrase.said not in whole):
                continue
            # The share counts three times, in effect: half of a phrase says little.
            found[phrase.slug] = max(found.get(phrase.slug, 0.0), said * share * share)
        return found

    def _rarity(self, word: str) -> float:
        found = self._rare.get(word)
        if found is None:
            found = self._rare[word] = math.log(1 + len(self.all) / self._spread[word])
        return found

    def _find_stems(self, words: Sequence[str]) -> list[str]:
        """The stems to look for. In a question each word counts, a misspelt one too; of pasted text
        those that tell most.
        """
        if len(words) > _FEW:
            known = [word for word in dict.fromkeys(stems(words)) if word in self._spread]
            return self._rarest(known, _MOST)
        return list(
            dict.fromkeys(
                stem_
                for word in words
                for stem_ in self._guess_stems(word, is_last=word == words[-1])
            )
        )

    def _rarest(self, words: list[str], most: int) -> list[str]:
        if len(words) <= most:
            return words
        # The order of the text stays: phrases are compared with it.
        rare = set(sorted(words, key=self._spread.__getitem__)[:most])
        return [word for word in words if word in rare]

    def _guess_stems(self, word: str, *, is_last: bool) -> list[str]:
        # The word itself; while somebody types, what it may become; else what it may be a slip of.
        if stem(word) in self._spread:
            return [stem(word)]
        if is_last and len(word) >= 3 and (begun := self._find_beginning_with(word)):
            return [max(begun, key=lambda known: self._spread[known])]
        return list(self._guessed(word))

    def _find_beginning_with(self, letters: str) -> list[str]:
        first = bisect_left(self._stems, letters)
        return self._stems[first : bisect_left(self._stems, letters + "\U0010ffff", first)]

    def _guess(self, word: str) -> tuple[str, ...]:
        """An unknown word: the known one it is a slip away from, or the two it is made of."""
        if found := self._spellings.nearest(word):
            return (stem(found),)
        # Two words written as one, each of three letters at least.
        for at in range(3, len(word) - 2):
            parts = (stem(word[:at]), stem(word[at:]))
            if all(part in self._spread for part in parts):
                return parts
        return ()

    def _fill(self) -> None:
        heads: dict[str, list[tuple[float, list[str]]]] = {}
        texts: dict[str, list[tuple[float, list[str]]]] = {}
        weights: Counter[str] = Counter()
        for article in self.all:
            head = {name: self._vocabulary.words(text) for name, text in _head(article).items()}
            body = self._vocabulary.words(article.body)
            heads[article.slug] = [(_COLUMNS[name], stems(words)) for name, words in head.items()]
            texts[article.slug] = [(1.0, stems(body))]
            # How many articles have a word in their head: each article counts once.
            self._spread.update({stem_ for words in head.values() for stem_ in stems(words)})
            weights.update(body)
            for name, words in head.items():
                for word in words:
                    weights[word] += int(_COLUMNS[name])
        self._ranking.add(heads)
        self._ranking.add(texts, _TEXT)
        # Words that stand in texts alone count as rare as can be.
        self._spread.update(
            {stem_: 1 for word in weights if (stem_ := stem(word)) not in self._spread}
        )
        # Phrases come last: their weight needs all of the spread.
        for article in self.all:
            for text in (article.title, *article.synonyms):
                folded = tuple(dict.fromkeys(stems(self._vocabulary.words(text))))
                if folded:
                    self._phrases.append(
                        _Phrase(
                            article.slug,
                            sum(map(self._rarity, folded)),
                            f" {' '.join(folded)} ",
                        )
                    )
                    for word in folded:
                        self._phrases_with.setdefault(word, []).append(len(self._phrases) - 1)
        self._spellings = Spellings(weights.items())


def _head(article: Article) -> dict[str, str]:
    """The searched head by column."""
    return {
        "title": article.title,
        "synonyms": "\n".join(article.synonyms),
        "tags": f"{' '.join(article.tags)} {article.topic} {' '.join(article.codes)}",
        "summary": article.summary,
    }


def _synonyms(folder: Path) -> tuple[Mapping[str, str], Mapping[str, list[str]]]:
    """`synonyms.yaml` of the folder: phrases that are one word (`same`), and words that mean nearly
    the same (`also`).
    """
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
