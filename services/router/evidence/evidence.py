"""How strongly a text points to each attached add-on: every hit weighed by what it is, where it
stands, how it is said. Pure.

Hits are found by plain string search; only their surroundings are read. Weights of different sorts
of evidence add up as independent chances do: 1 - (1 - a)(1 - b)…; repeats of one sort in one region
count once, and in pasted or quoted text all sorts do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from services.router.evidence import phrases
from services.router.evidence.names import (
    EvidenceKind,
    KnownAddon,
    foreign_host,
    index_addons,
    other_hosts,
)
from services.router.evidence.regions import Layout, Passage, Region, in_subject
from services.router.evidence.symptoms import Symptoms, symptoms_of
from services.router.evidence.technology import ELSEWHERE
from services.router.evidence.vocabulary import not_understood
from services.router.evidence.weights import (
    ASIDE,
    BUILDING,
    CODES,
    COMPARED,
    CROWD,
    FAILING,
    LIBRARY,
    OUTSIDE,
    PLAIN,
    PLATFORM,
    RULED_OUT,
    WEIGHTS,
)
from shared.events.requests import AddonKnown

ENOUGH = 0.3
"""Confidence from which a suggestion is made."""

NEARLY = 0.1
"""Between cases that differ by no more, the one spoken of first is put first."""

MOST_HITS = 6
"""Hits of one word that are looked at: the first ones. A log repeats itself."""

# More than any text is long: puts every place in the body after every place in the subject.
_FAR = 1_000_000

SHARED_CLOUDS = (
    "amazonaws.com",
    "azure.com",
    "windows.net",
    "googleapis.com",
    "cloudapp.net",
    "herokuapp.com",
    "herokuspace.com",
)
"""Hosts of clouds that many live on: an add-on known by one of these alone is never certain."""

# Build output, config, code and quoted mail are left out: what stands there may be old or copied.
_HERE = frozenset({Region.SUBJECT, Region.PROSE, Region.LOG})
"""Where a failing host can be proof."""


class EvidenceHit(NamedTuple):
    sort: EvidenceKind
    word: str
    region: Region
    weight: float
    unreachable: bool = False
    doubt: str = ""
    """Why an unreachable host is no proof, in this sentence."""

    def __str__(self) -> str:
        return f'"{self.word}" in the {self.region}'


@dataclass(slots=True)
class AddonCase:
    """What speaks for one add-on. `against` says what took weight away; `confidence` is what is
    left, 0 to 1.
    """

    known: KnownAddon
    hits: list[EvidenceHit] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    confidence: float = 0.0
    first: int = 0
    """Where it is first spoken of; the subject comes before the body."""

    @property
    def slug(self) -> str:
        return self.known.slug

    @property
    def proof(self) -> EvidenceHit | None:
        """A host of the add-on that does not answer, said without reservation."""
        return next((h for h in self.hits if h.unreachable and not h.doubt), None)


@dataclass(frozen=True, slots=True)
class AddonEvidence:
    """All cases with any hit, the strongest first, and the symptoms. `doubt`: why nothing in this
    text is proof.
    """

    cases: tuple[AddonCase, ...]
    symptoms: Symptoms
    doubt: str


EMPTY = AddonEvidence((), Symptoms((), "", "", "", ""), "")


def read(subject: str, body: str, addons: tuple[AddonKnown, ...]) -> AddonEvidence:
    """Weigh the case-folded texts for every attached add-on."""
    # Cached: many tickets come from apps with the same add-ons.
    known = _index_addons(addons)
    text = f"{subject}\n{body}"
    # Nearly always none: all that is spent on a ticket about something else.
    found = [
        case
        for each in known
        if each.screen.are_in(text) and (case := _case(each, subject, body, text)) is not None
    ]
    if not found:
        return EMPTY
    # Symptoms are looked for only now, because few texts name an add-on at all.
    symptoms = symptoms_of(subject, body)
    for case in found:
        # With three add-ons and more in the text it is likely a list, so each one counts less.
        _conclude(case, subject, body, symptoms, crowd=len(found) > 2)
    # Strongest first; between those that are nearly as strong, the one the customer named first.
    best = max(case.confidence for case in found) - NEARLY
    found.sort(
        key=lambda case: (
            case.confidence < best,
            case.first if case.confidence >= best else -case.confidence,
        )
    )
    # Doubts about the whole text are worked out only where a host could be proof.
    proven = next((case for case in found if case.proof), None)
    return AddonEvidence(
        tuple(found),
        symptoms,
        _doubt(subject, body, symptoms, proven.known.names) if proven else "",
    )


@lru_cache(maxsize=1024)
def _index_addons(addons: tuple[AddonKnown, ...]) -> tuple[KnownAddon, ...]:
    return index_addons(addons)


def _case(known: KnownAddon, subject: str, body: str, text: str) -> AddonCase | None:
    """The case for one add-on before what speaks against it is counted; None without a hit."""
    hits: list[EvidenceHit] = []
    against: list[str] = []
    layout: Layout | None = None
    first = 2 * _FAR
    # One look at subject and body together leaves few needles to look for in each.
    present = [needle for needle in known.needles if needle[1] in text]
    for sort, word, start, end, here in _places(known, subject, body, present):
        if here == 0:
            passage = in_subject(subject, start, end)
        else:
            # The layout of the body is worked out once, and only if something stands in the body.
            layout = layout or Layout(body)
            passage = layout.passage(start, end)
        hit = _weigh(known, sort, word, passage, against)
        if hit is not None:
            hits.append(hit)
            first = min(first, here * _FAR + start)
    return AddonCase(known, hits, against, first=first) if hits or against else None


def _places(
    known: KnownAddon, subject: str, body: str, present: list[tuple[EvidenceKind, str]]
) -> Iterator[tuple[EvidenceKind, str, int, int, int]]:
    """(sort, word, start, end, 0 for the subject or 1 for the body); hosts first, so that the name
    inside a host is not a second hit.
    """
    for here, text in enumerate((subject, body)):
        # Places that an earlier needle holds already.
        seen: list[tuple[int, int]] = []
        for sort, word in present:
            place, hits = text.find(word), 0
            while place >= 0 and hits < MOST_HITS:
                end = place + len(word)
                stands = known.kind_at(sort, text, place, end)
                # A needle inside another hit is the same word, and counts once.
                if stands is not None and not any(left <= place < right for left, right in seen):
                    hits += 1
                    seen.append((place, end))
                    yield stands, word, place, end, here
                place = text.find(word, end)


def _weigh(
    known: KnownAddon, sort: EvidenceKind, word: str, passage: Passage, against: list[str]
) -> EvidenceHit | None:
    """One hit. None where its sentence says that it is not this one."""
    # Only sentences of people can rule something out; a log line never does.
    said = passage.region in (Region.SUBJECT, Region.PROSE, Region.QUOTED)
    # A hit that is ruled out is no evidence, and is remembered against the add-on.
    if said and phrases.is_ruled_out(passage.before, passage.after):
        against.append(f'the {passage.region} rules it out: "{_shorten(passage)}"')
        return None
    # The weight of its region, higher where something fails beside it.
    failing = phrases.is_failing(passage.text)
    weight = WEIGHTS[passage.region].get(sort, (0.0, 0.0))[FAILING if failing else PLAIN]
    # From here on what makes a hit weaker. First: the word names a library, not the service.
    if sort in (EvidenceKind.NAME, EvidenceKind.GENERIC) and phrases.LIBRARY.match(
        passage.after[:24]
    ):
        weight *= LIBRARY
    # A library's name is in a trace because it was running.
    if said and phrases.TRACE.search(passage.text):
        weight *= LIBRARY
    # `@name/package` is a package of npm.
    if passage.before.endswith("@") and passage.after.startswith("/"):
        weight *= OUTSIDE
    # A scheme such as `redis://` says which protocol is spoken, not with whom.
    if sort is EvidenceKind.GENERIC and passage.after.startswith("://"):
        weight *= LIBRARY
    # Mentioned in passing, and nothing fails there.
    if said and phrases.ASIDE.search(passage.text) and not failing:
        weight *= ASIDE
    # Two hosts in one sentence: it compares them, or either may be meant.
    if said and sort is EvidenceKind.HOST and other_hosts(passage.text, known.hosts):
        weight *= COMPARED
    # Evidence by kind is worth little if the sentence names a host of somebody else.
    if sort in (EvidenceKind.GENERIC, EvidenceKind.ERROR, EvidenceKind.TOPIC) and (
        other := foreign_host(passage.text, known.hosts)
    ):
        weight *= OUTSIDE
        against.append(f"it is about another host: {other}")
    # Can this hit be proof? Only a host of their own, in plain text or a log, that does not answer.
    unreachable = (
        sort is EvidenceKind.HOST
        and not word.endswith(SHARED_CLOUDS)
        and passage.region in _HERE
        and phrases.UNREACHABLE.search(passage.text) is not None
    )
    doubt = _reservation(passage, known.hosts) if unreachable else ""
    return EvidenceHit(sort, word, passage.region, weight, unreachable, doubt)


def _reservation(passage: Passage, hosts: tuple[str, ...]) -> str:
    # A log line is written by a machine: it does not suppose, ask or compare.
    if passage.region is Region.LOG:
        return ""
    if phrases.is_over(passage.text):
        return "it is over"
    if others := other_hosts(passage.text, hosts):
        return f"other hosts are named with it: {others}"
    if phrases.is_supposed(passage.text):
        return "it is only supposed"
    if phrases.is_hypothetical(passage.text):
        return "it is asked, not said"
    if phrases.is_compared(passage.text) or phrases.is_qualified(passage.text):
        return "the sentence has a but, or compares"
    return ""


def _conclude(case: AddonCase, subject: str, body: str, symptoms: Symptoms, *, crowd: bool) -> None:
    """Add up the hits, then take away what speaks against them."""
    best: dict[tuple[EvidenceKind | None, Region], float] = {}
    suppliers = _suppliers(case, subject, body)
    for hit in case.hits:
        # The add-on's own names, which no other supplier has.
        own = hit.sort in (EvidenceKind.HOST, EvidenceKind.NAME, EvidenceKind.VARIABLE)
        weight = hit.weight * (
            1.0 if not suppliers or hit.sort is EvidenceKind.HOST else COMPARED if own else OUTSIDE
        )
        # In quoted or pasted text all sorts count as one: it was not written for this ticket.
        key = (hit.sort if hit.region in _HERE else None, hit.region)
        best[key] = max(best.get(key, 0.0), weight)
    # Independent chances: 1 - (1 - a)(1 - b)…
    left = 1.0
    for weight in best.values():
        left *= 1 - weight
    confidence = 1 - left
    named = any(h.region is Region.SUBJECT for h in case.hits)
    # From here on what speaks against the add-on; each reason is kept for people to read.
    if suppliers:
        case.against.append(f'another supplier is named: "{suppliers}"')
    if any("rules it out" in line for line in case.against):
        confidence *= RULED_OUT
    if crowd and not named:
        confidence *= CROWD
        case.against.append("most of the add-ons are named")
    # A failed build is the platform's, unless the subject names the add-on itself.
    if symptoms.build:
        confidence *= BUILDING if not named or phrases.LIBRARY.search(subject) else 2 * BUILDING
        case.against.append(f'a build or deploy fails: "{symptoms.build}"')
    # Codes say more than words about the platform, so the words count only without codes.
    if symptoms.codes:
        confidence *= CODES if not named else PLATFORM
        case.against.append(f"the platform's own error codes: {', '.join(symptoms.codes)}")
    elif symptoms.platform:
        # The subject names it, so words about the platform take away little.
        confidence *= PLATFORM if not named else 0.85
        case.against.append(f'it is about the platform: "{symptoms.platform}"')
    # A comparison in the body counts only if nothing is broken.
    if phrases.is_compared(subject) or (phrases.is_compared(body[:2000]) and not symptoms.broken):
        confidence *= COMPARED
        case.against.append("it compares or plans a move")
    case.confidence = round(confidence, 2)


def _suppliers(case: AddonCase, subject: str, body: str) -> str:
    """Another supplier of the same kind in the text; only its generic evidence could be meant for
    that one.
    """
    for name in case.known.kinds:
        # The add-on's kind tells which other suppliers to look for.
        found = ELSEWHERE[name].search(subject) or ELSEWHERE[name].search(body[:8000])
        if found:
            return found.group()
    return ""


def _doubt(subject: str, body: str, symptoms: Symptoms, names: frozenset[str]) -> str:
    """Why no host in this text is proof: the trouble may lie on our side, or on the way."""
    # From here on the first doubt that holds is the reason that people read.
    if symptoms.is_platform:
        return f"signs of the platform's own trouble: {symptoms.words}"
    if phrases.is_over(body[:8000]):
        return "it may be over"
    if asks := phrases.ASKS_HOW.match(subject):
        return f'it asks: "{asks.group()}"'
    if question := phrases.asks_of_platform(body[:8000]):
        return f'it asks of the platform: "{question[:100]}"'
    found = phrases.DOUBT.search(subject) or phrases.DOUBT.search(body[:8000])
    if found:
        return f'the cause may lie elsewhere: "{found.group()}"'
    return not_understood(f"{subject}\n{body}", names)


def _shorten(passage: Passage) -> str:
    text = " ".join(passage.text[max(0, passage.start - 40) : passage.end + 40].split())
    return text if len(text) <= 110 else text[:109] + "…"
