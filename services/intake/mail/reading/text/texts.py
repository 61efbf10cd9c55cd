"""Which parts of a message are its text: those that say something.

The form of a part (its place, its disposition) decides only between texts that say something. Of an
alternative the plain text is taken, unless it is blank or only says that one needs another program;
of a related the root; of anything else all, in their order. Where nothing says anything, what could
be text is looked at in the order of `_last_resorts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from services.intake.mail.reading.models import TEXT_MOST, Trouble
from services.intake.mail.reading.structure import MimePart
from services.intake.mail.reading.text import markup, page_text
from services.intake.mail.reading.text.decoding import text_of
from services.intake.mail.reading.text.parameters import parse_parameters

_OWN = ("text/plain", "text/html")
_VERSIONS_ONLY = ("text/x-amp-html", "text/watch-html")
"""Further versions of an alternative that nobody wants as a file."""
_VERSIONS_MOST = 5
"""Versions of an alternative, from the last, of which it is looked at whether they say anything."""
_BETWEEN, _RULE_BETWEEN = "\n\n", "\n<hr>\n"
_LETTER = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffc]"
)
"""A character that one can see."""
_STUB = re.compile(
    r"(?:html[- ](?:capable|enabled|compatible|e-?mail|format|message|version)"
    r"|(?:support|display|view|read|show)[^.]{0,40}html|html-?(?:ansicht|format|fähig))",
    re.IGNORECASE,
)
# A real text that long is no mere hint.
_STUB_MOST = 300
_PAGE = re.compile(r"\s{0,200}(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z!/]")


def says_something(text: str) -> bool:
    """Whether there is a character that one can see."""
    return _LETTER.search(text) is not None


class Block(NamedTuple):
    """A piece of the mail's own text: as plain text, as HTML, or as both. `echo`: another block
    says the same in plain text.
    """

    plain: MimePart | None
    rich: MimePart | None
    echo: bool = False


class ChosenTexts(NamedTuple):
    """The plain text, the cleaned HTML where there was any, and the parts that are files."""

    text: str
    html: str | None
    files: list[MimePart]


@dataclass
class MessageTexts:
    """The texts of one message, each decoded once."""

    raw: bytes
    hints: tuple[str, ...]
    troubles: list[Trouble]
    _read: dict[int, str] = field(default_factory=dict)
    _pages: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    _room: int = 2 * TEXT_MOST

    def choose(self, message: MimePart) -> ChosenTexts:
        """What the message says, and its files."""
        unsaid: list[MimePart] = []
        blocks = list(self._blocks(message, unsaid))
        text, html = self._join(blocks)
        # A part that is the text is no file.
        own = [part for block in blocks for part in block[:2] if part is not None]
        # No text says anything: look at what by its form is a file.
        if not says_something(text):
            for part in _last_resorts(message):
                found, page = self._join([_block_of(part)])
                if says_something(found):
                    text, html = found, page or html
                    own += [] if _file_name(part) else [part]
                    break
        taken = {id(part) for part in (*own, *unsaid)}
        files = [
            part
            for part in message.walk()
            # An empty part below the top is shown too: somebody attached it.
            if not part.children and id(part) not in taken and (part.end > part.start or part.depth)
        ]
        return ChosenTexts(text, html, files)

    def _blocks(self, part: MimePart, unsaid: list[MimePart]) -> Iterator[Block]:
        """`unsaid` takes the texts that stand in for others: the versions of an alternative that
        were not chosen.
        """
        if not part.children:
            if part.kind in _OWN and not _is_file(part):
                yield self._leaf(part)
            return
        # The children's texts first: which version is chosen depends on what they say.
        versions = [list(self._blocks(child, unsaid)) for child in part.children]
        if part.kind == "multipart/related":
            yield from versions[_root(part, versions)]
        elif part.kind == "multipart/alternative" and sum(map(bool, versions)) > 1:
            # Only where two versions say something is there a choice.
            yield from self._alternative(versions)
            unsaid += [one for version in versions for block in version for one in block[:2] if one]
        else:
            yield from (block for version in versions for block in version)
        unsaid += [child for child in part.children if child.kind in _VERSIONS_ONLY]

    def _leaf(self, part: MimePart) -> Block:
        """A page that is called plain text is a page, and the other way round."""
        text = self._text(part)
        if part.kind == "text/plain":
            return Block(None, part) if _PAGE.match(text) else Block(part, None)
        return Block(None, part) if _TAG.search(text) else Block(part, None)

    def _alternative(self, versions: list[list[Block]]) -> Iterator[Block]:
        with_pages = [
            pages for version in versions if (pages := [one.rich for one in version if one.rich])
        ]
        pages = with_pages[-1] if with_pages else []
        # Pages from the last backwards: the last is the best by RFC 2046 section 5.1.4.
        if len(with_pages) > 1:
            telling = (
                one for one in with_pages[:-_VERSIONS_MOST:-1] if self._tell(one, self._page_text)
            )
            pages = next(telling, pages)
        words: list[MimePart] = []
        # The first plain version that is no stub.
        for version in versions:
            plain = [block.plain for block in version if block.plain]
            if plain and self._tell(plain, self._text) and not self._is_stub(plain, pages):
                words = plain
                break
        for own, page in zip_longest(words, pages):
            yield Block(own, page, echo=bool(words) and own is None)

    def _tell(self, parts: list[MimePart], read: Callable[[MimePart], str]) -> bool:
        return any(says_something(read(part)) for part in parts)

    def _is_stub(self, plain: list[MimePart], pages: list[MimePart]) -> bool:
        """`Your mail program cannot show HTML` beside a page that says more."""
        words = " ".join(self._text(part) for part in plain)
        if len(words) > _STUB_MOST or not pages or not _STUB.search(words):
            return False
        return sum(len(self._page_text(page)) for page in pages) > len(words)

    def _text(self, part: MimePart) -> str:
        """The text of a part as it stands there, decoded."""
        if id(part) not in self._read:
            # A bound for all parts together, however many there are.
            text = ""
            if self._room > 0:
                text = text_of(self.raw, part, self.troubles, self.hints)
            else:
                self.troubles.append(Trouble.TEXT_CUT)
            self._room -= len(text)
            self._read[id(part)] = text
        return self._read[id(part)]

    def _page(self, part: MimePart) -> tuple[str, str | None]:
        """The words of a page, and the page cleaned."""
        if id(part) not in self._pages:
            written = self._text(part)
            clean = markup.clean_markup(written)
            if clean is None:
                self.troubles.append(Trouble.MARKUP_TOO_DEEP)
                self._pages[id(part)] = markup.without_tags(written), None
            else:
                self._pages[id(part)] = page_text.as_text(written), clean
        return self._pages[id(part)]

    def _page_text(self, part: MimePart) -> str:
        return self._page(part)[0]

    def _join(self, blocks: list[Block]) -> tuple[str, str | None]:
        plain, rich = list[str](), list[str]()
        room = TEXT_MOST
        for own, page, echo in blocks:
            if room <= 0:
                self.troubles.append(Trouble.TEXT_CUT)
                break
            text = self._text(own) if own else ""
            clean = (self._page(page)[1] if page else "") or ""
            if not says_something(text) and page and not echo:
                text = self._page_text(page)
            if own is None and plain and _same(plain[-1], text):
                text = ""  # sent as plain text and as a page, and not said to be an alternative
            room -= len(text) + len(clean)
            if says_something(text):
                plain.append(text.strip("\n"))
            if clean.strip():
                rich.append(clean)
        return _BETWEEN.join(plain)[:TEXT_MOST], _RULE_BETWEEN.join(rich) if rich else None


def _same(one: str, other: str) -> bool:
    return "".join(one.split()) == "".join(other.split())


def _block_of(part: MimePart) -> Block:
    return Block(None, part) if part.kind == "text/html" else Block(part, None)


def _root(part: MimePart, versions: list[list[Block]]) -> int:
    """RFC 2387: the part that `start` names, else the first; where that is no text, the first that
    is.
    """
    start = part.parameters.get("start", "").strip("<> ")
    for number, child in enumerate(part.children):
        content_id = child.first("content-id").decode("latin-1").strip("<> \t")
        if start and content_id == start and versions[number]:
            return number
    return next((number for number, blocks in enumerate(versions) if blocks), 0)


def _file_name(part: MimePart) -> str:
    disposition = parse_parameters(part.first("content-disposition"))
    return disposition.of.get("filename") or part.parameters.get("name") or ""


def _is_file(part: MimePart) -> bool:
    disposition = parse_parameters(part.first("content-disposition"))
    return (
        disposition.value == "attachment"
        or "filename" in disposition.of
        or ("name" in part.parameters and disposition.value != "inline")
    )


def _last_resorts(message: MimePart) -> Iterator[MimePart]:
    """Where no text says anything: the message that is one text and calls itself a file; texts that
    are files by a weak sign; texts of other kinds; what was unpacked.
    """
    leaves = [part for part in message.walk() if not part.children]
    # In the order in which a text is likely.
    if message.kind in _OWN and not message.children:
        yield message
    for part in leaves:
        if part.kind in _OWN and part.depth and _is_file(part):
            said = parse_parameters(part.first("content-disposition")).value
            if said != "attachment" or not _file_name(part):
                yield part
    for part in leaves:
        if part.kind.startswith("text/") and part.kind not in (
            *_OWN,
            *_VERSIONS_ONLY,
            "text/calendar",
            "text/rfc822-headers",
        ):
            yield part
    for part in message.walk():
        yield from part.spare
