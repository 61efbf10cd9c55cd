"""Our reader against what each corpus says of its own mails.

Only white space is normalised. Each case is right, different on purpose (a row of
`differences.yaml` with its reason), or wrong.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import MailContent
from services.intake.mail.reading.quoting import reply
from services.intake.mail.reading.quoting.ours import OwnNames
from services.intake.mail.reading.text.words import header_text
from tests.corpus.mail.expected import Expected
from tests.corpus.mail.sources import HERE
from tests.support.mails import envelope

WRONG_MOST = 0.01
QUOTED_NAMES = (
    *("Roman Tkachenko", "John Smith", "Julius Caesar", "Someone", "Somebody", "Company"),
    *("Megan One", "Adam Renberg", "bob", "xxx"),
)
"""Names of those whom the corpora quote; in real use it is the name on our own mail."""
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Case(NamedTuple):
    """One thing that a corpus says of one message, and what we say."""

    corpus: str
    name: str
    what: str
    theirs: str
    ours: str
    right: bool

    @property
    def key(self) -> str:
        """Line ends make no difference: such a pair of messages is one row of the table."""
        return f"{self.name.removesuffix('.crlf')} {self.what}"


def cases(expected: Expected) -> Iterator[Case]:
    if expected.reply is not None:
        new = trimmed(expected.raw, whole=expected.name.endswith(".eml"))
        yield _case(expected, "reply", expected.reply, new, _same(expected.reply, new))
        return
    # a report of a failed delivery comes from nobody (RFC 5321 section 4.5.5)
    reading = read_message(
        expected.raw, envelope("ann@example.org" if expected.failed is None else "")
    )
    if expected.subject is not None:
        ours = reading.subject
        yield _case(expected, "subject", expected.subject, ours, _same(expected.subject, ours))
    if expected.text is not None:
        ours = reading.text
        yield _case(expected, "text", expected.text, ours, _same(expected.text, ours))
    whole = " ".join(reading.text.split())
    for text in expected.holds:
        yield _case(expected, "text", text, reading.text, " ".join(text.split()) in whole)
    kept = " ".join(
        f"{reading.text} {reading.html or ''} "
        f"{' '.join(each.content.decode('latin-1') for each in reading.attachments)}".split()
    )
    for text in expected.keeps:
        yield _case(expected, "part", text, kept, " ".join(text.split()) in kept)
    if expected.words is not None:
        theirs = " ".join(expected.words)
        yield _case(expected, "page", theirs, reading.text, _in_order(expected.words, reading.text))
    if expected.files:
        names = [each.filename for each in reading.attachments]
        right = all(_is_named(name, names) for name in expected.files)
        yield _case(expected, "files", ", ".join(expected.files), ", ".join(names), right)
    if expected.failed is not None:
        found = failed_in(reading)
        theirs, ours = ", ".join(sorted(expected.failed)), ", ".join(sorted(found))
        guessed = reading.bounce is not None and not reading.bounce.standard
        right = expected.failed <= found if guessed and found else expected.failed == found
        yield _case(expected, "failed", theirs, ours, right)


def trimmed(raw: bytes, *, whole: bool) -> str:
    """What is new in a whole mail or in a bare text, where everybody whom it names is us."""
    text = raw.decode("utf-8", "replace")
    us = OwnNames(
        addresses=tuple(each.lower() for each in _ADDRESS.findall(text)), names=QUOTED_NAMES
    )
    if not whole:
        return reply.split(text, us).reply
    return read_message(raw, envelope(), us).reply


def failed_in(reading: MailContent) -> set[str]:
    return {each.address.lower() for each in reading.bounce.recipients} if reading.bounce else set()


def _case(expected: Expected, what: str, theirs: str, ours: str, right: bool) -> Case:
    return Case(expected.corpus, expected.name, what, theirs, ours, right)


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()


def _in_order(words: tuple[str, ...], text: str) -> bool:
    ours = iter(re.findall(r"\w+", text))
    return all(word in ours for word in words)


def _is_named(name: str, names: list[str]) -> bool:
    """By the name that is safe to save: no path, no characters that a disk refuses."""
    safe = re.sub(r'[<>:"|?*\\/]', "_", re.split(r"[\\/]", header_text(name.encode(), 500, ()))[-1])
    return " ".join(safe.split()).strip(" .")[:100] in [
        " ".join(each.split())[:100] for each in names
    ]


@dataclass
class Judgement:
    """What was right in one corpus. `on_purpose`: how often each reason was needed."""

    compared: int = 0
    right: int = 0
    on_purpose: Counter[str] = field(default_factory=Counter)
    wrong: list[Case] = field(default_factory=list)


class Differences(NamedTuple):
    """`differences.yaml`, by corpus and case: why it is different on purpose; why it is wrong."""

    reasons: dict[tuple[str, str], str]
    wrong: dict[tuple[str, str], str]


def differences() -> Differences:
    rows = yaml.safe_load((HERE / "differences.yaml").read_text())
    return Differences(
        {
            (corpus, key): entry["why"]
            for entry in rows["on_purpose"].values()
            for corpus, keys in entry["cases"].items()
            for key in keys
        },
        {
            (corpus, key): why
            for corpus, cases in rows["wrong"].items()
            for key, why in cases.items()
        },
    )


def judged(all_of_them: Iterable[Expected], known: Differences) -> dict[str, Judgement]:
    found: dict[str, Judgement] = defaultdict(Judgement)
    for expected in all_of_them:
        for case in cases(expected):
            one = found[case.corpus]
            one.compared += 1
            reason = known.reasons.get((case.corpus, case.key))
            if case.right:
                one.right += 1
            elif reason:
                one.on_purpose[reason] += 1
            else:
                one.wrong.append(case)
    return found


def unneeded(all_of_them: Iterable[Expected], known: Differences) -> list[str]:
    """Rows of the table that no case needs, of the corpora that are here."""
    here: set[str] = set()
    needed: set[tuple[str, str]] = set()
    for expected in all_of_them:
        here.add(expected.corpus)
        needed |= {(case.corpus, case.key) for case in cases(expected) if not case.right}
    rows = sorted({*known.reasons, *known.wrong} - needed)
    return [
        f"{corpus}: {key} is right now: take its row away" for corpus, key in rows if corpus in here
    ]


def too_many_wrong(found: Mapping[str, Judgement]) -> bool:
    compared = sum(one.compared for one in found.values())
    return sum(len(one.wrong) for one in found.values()) > WRONG_MOST * compared


def lines_on_wrong(found: Mapping[str, Judgement], known: Differences) -> Iterator[str]:
    """For each wrong case why, or what both say."""
    for corpus, one in found.items():
        for case in one.wrong:
            why = known.wrong.get((corpus, case.key))
            said = f"expected {case.theirs[:200]!r}, ours is {case.ours[:200]!r}"
            yield f"wrong: {corpus}: {case.name} {case.what}: {why or said}"
