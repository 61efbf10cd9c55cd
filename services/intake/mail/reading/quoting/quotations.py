"""Where in a reply a mail of ours is quoted. Pure, and linear in the text.

Only what carries evidence of us counts (`ours.py`). A log with `>` before its lines, a diff, a
colleague's mail and a list of headers are the customer's own words: they are what the reply is
about.

Each quotation is a pair `(first line, line after the last)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.intake.mail.reading.quoting.attribution import (
    RULE,
    SEPARATOR,
    has_date,
    has_whole_date,
    has_words_before,
    is_closed,
    label_of,
    opens,
    says_wrote,
)
from services.intake.mail.reading.quoting.ours import (
    OwnNameFinder,
    OwnNames,
    is_footer,
    normalise_line,
)

Span = tuple[int, int]

# With up to one blank before it, as some programs indent.
MARK = re.compile(r"[ \t]?>")
_ONE_MARK = re.compile(r"[ \t]?> ?")
# How far a head may stand from its quotation, and how long it may be.
_ATTRIBUTION_LINES, _BLANKS, _HEAD_LINES = 4, 2, 12
_LABELS = 3
"""So many lines `Label: value` make Outlook's block."""
_WRAPPED_AT = 55
"""A quoted line so long may have been broken by a mailer: then its rest is unmarked."""
# Quotations within quotations: deeper ones are folded with what holds them.
_DEEPEST = 5
# What ends a sentence, so the next line is not its rest.
_SENTENCE_ENDS = (".", "?", "!", ":", ";", "。", "？", "！")


def find(lines: Sequence[str], ours: OwnNames, heads: Sequence[str] = ()) -> list[Span]:
    """The quotations of us, in order. `heads`: the first words of what the HTML says is quoted."""
    return _Search(lines, OwnNameFinder(ours), 0).spans(heads)


class _Search:
    """One text, or what is quoted in it without its first marks (`depth`)."""

    def __init__(self, lines: Sequence[str], evidence: OwnNameFinder, depth: int) -> None:
        self._lines, self._evidence, self._depth = lines, evidence, depth
        self._marked = [MARK.match(line) is not None for line in lines]
        self._blank = [not line.strip() for line in lines]
        self._last_footer = max(
            (at for at, line in enumerate(lines) if is_footer(line)), default=-1
        )

    def spans(self, heads: Sequence[str] = ()) -> list[Span]:
        # No trace of us anywhere: nothing in it is our mail. This is the usual case.
        if not any(self._evidence.names_us(line) or is_footer(line) for line in self._lines):
            return []
        found: list[Span] = []
        end = 0
        # First what is marked with `>`: its end is certain.
        for first, after in self._blocks():
            begun = self._begin_above(first, end)
            if begun is not None:
                found.append((begun, after))
            else:
                # Somebody else's quotation may hold one of ours.
                found += self._inside(first, after, end)
            end = after
        # Then what has no marks: it can only begin, and goes on to the end.
        start = self._find_unmarked_start(found, heads)
        if start is not None:
            found = [span for span in found if span[1] <= start] + [(start, len(self._lines))]
        return self._join_spans(found)

    def _blocks(self) -> list[Span]:
        """Runs of marked lines, over blank lines and the rest of a line that a mailer broke."""
        lines, blocks, at = self._lines, list[Span](), 0
        while at < len(lines):
            if not self._marked[at]:
                at += 1
                continue
            first = at
            while at < len(lines):
                if self._marked[at]:
                    at += 1
                elif self._blank[at]:
                    after = self._past_blanks(at)
                    if after >= len(lines) or not self._marked[after]:
                        break
                    at = after
                elif self._is_rest(at):
                    at += 1
                else:
                    break
            blocks.append((first, at))
        return blocks

    def _past_blanks(self, at: int) -> int:
        while at < len(self._lines) and self._blank[at]:
            at += 1
        return at

    def _is_rest(self, at: int) -> bool:
        """An unmarked line that ends a quoted one: short, between two marked lines, and the one
        above is long and no whole sentence.
        """
        above = self._lines[at - 1].rstrip()
        return (
            self._marked[at - 1]
            and at + 1 < len(self._lines)
            and self._marked[at + 1]
            and len(self._lines[at]) < 40
            and len(above) >= _WRAPPED_AT
            and not above.endswith(_SENTENCE_ENDS)
        )

    def _begin_above(self, first: int, floor: int) -> int | None:
        """The line with which a marked block's head begins, where that names us; else None."""
        last = first - 1
        # A blank line or two may stand between the head and the quotation.
        while last >= floor and self._blank[last] and first - last <= _BLANKS:
            last -= 1
        if last < floor or self._blank[last] or self._marked[last]:
            return None
        begun = self._sentence(last, floor, marked=True)
        return begun if begun is not None else self._head(last, floor)

    def _sentence(self, last: int, floor: int, *, marked: bool) -> int | None:
        """The first line of `On … <us> wrote:` that ends on line `last`.

        Above or within marked lines our address in brackets is enough, in any language. Without
        marks, or without brackets, the sentence must be one that a mail program writes.
        """
        lowest = max(floor, last - _ATTRIBUTION_LINES + 1)
        begun: int | None = None
        # From the last line upwards: a sentence may have been broken over several.
        for first in range(last, lowest - 1, -1):
            if self._blank[first] or self._marked[first]:
                break
            text = normalise_line(" ".join(line.strip() for line in self._lines[first : last + 1]))
            if not self._is_sentence(text, marked=marked):
                continue
            begun = first
            # With its date in it the sentence is whole; without it, one line more is tried.
            if has_date(self._evidence.without_us(text)):
                break
        if begun is None:
            return None
        begun = self._first_line(begun, last, lowest)
        # words of the writer's on the same line stay, and then the whole sentence does
        return last + 1 if has_words_before(self._lines[begun]) else begun

    def _is_sentence(self, text: str, *, marked: bool) -> bool:
        evidence = self._evidence
        if not evidence.names_us(text):
            return False
        # Our address first: digits in it would count as a date.
        dated, wrote = has_date(evidence.without_us(text)), says_wrote(text)
        # An unknown language: then only brackets around our address show a program's hand.
        if evidence.has_address(text) and not wrote:
            closed = is_closed(text)
            if marked:
                return evidence.is_bracketed(text) and (dated or closed)
            return self._depth > 0 and evidence.is_bracketed(text) and dated and closed
        return (wrote and (marked or dated)) or (marked and dated and is_closed(text))

    def _first_line(self, begun: int, last: int, lowest: int) -> int:
        """Further up, where the sentence was broken: within its date, our name or before `<`."""
        while begun - 1 >= lowest and not self._blank[begun - 1] and not self._marked[begun - 1]:
            above = self._lines[begun - 1]
            text = " ".join(self._lines[begun : last + 1])
            broken_name = above.rstrip().endswith(("<", "(")) or (
                self._evidence.has_name(above)
                and not self._evidence.has_name(text)
                and not opens(self._lines[begun])
            )
            broken_date = opens(above) or (
                not has_whole_date(self._evidence.without_us(text)) and has_date(above)
            )
            if not broken_name and (opens(self._lines[begun]) or not broken_date):
                break
            begun -= 1
        return begun

    def _head(self, at: int, floor: int) -> int | None:
        """The first line of Outlook's block, where line `at` is in it and it is from us."""
        first = last = at
        # The block in both directions: line `at` may be in its middle.
        while first - 1 >= floor and at - first < _HEAD_LINES and self._in_head(first - 1):
            first -= 1
        while last + 1 < len(self._lines) and last - at < _HEAD_LINES and self._in_head(last + 1):
            last += 1
        labels = [
            (self._label(number), self._evidence.names_us(self._lines[number]))
            for number in range(first, last + 1)
        ]
        begun = self._above_head(first, floor)
        count = sum(label is not None for label, _ in labels)
        # With a rule above it, one label less is enough.
        if count < (_LABELS if begun == first else _LABELS - 1) or not self._is_from_us(labels):
            return None
        return begun

    def _label(self, at: int) -> str | None:
        return label_of(self._lines[at][:200]) if not self._blank[at] else None

    def _in_head(self, at: int) -> bool:
        """A line with a label, or the rest of one (a name or an address that went on)."""
        if self._blank[at] or self._marked[at] or SEPARATOR.match(self._lines[at][:300]):
            return False
        if self._label(at) is not None:
            return True
        return (
            self._evidence.has_address(self._lines[at])
            and at > 0
            and (self._label(at - 1) is not None)
        )

    @staticmethod
    def _is_from_us(labels: Sequence[tuple[str | None, bool]]) -> bool:
        """Our address behind `From`; in a language we do not know, in the first of the block."""
        froms = [
            us or (number + 1 < len(labels) and labels[number + 1] == (None, True))
            for number, (label, us) in enumerate(labels)
            if label == "from"
        ]
        if froms:
            return froms[0]
        return any(us and label != "to" for label, us in labels[:2])

    def _above_head(self, first: int, floor: int) -> int:
        """With the rule or the `-----Original Message-----` that stands over the block."""
        above = first - 1
        while above >= floor and self._blank[above] and first - above <= _BLANKS:
            above -= 1
        if above < floor or self._marked[above]:
            return first
        line = self._lines[above][:300]
        return above if SEPARATOR.match(line) or RULE.match(line) else first

    def _inside(self, first: int, after: int, floor: int) -> list[Span]:
        """Our quotation within a marked block that somebody else is quoted with."""
        lines = [_ONE_MARK.sub("", line, count=1) for line in self._lines[first:after]]
        # Deeper quotations are searched in the same way, without their first mark.
        if self._depth < _DEEPEST:
            inner = _Search(lines, self._evidence, self._depth + 1).spans()
            if inner:
                return [(first + begun, first + ended) for begun, ended in inner]
        # No head that names us, but our last lines are in it: the whole block is ours.
        if any(is_footer(line) and not MARK.match(line) for line in lines):
            return [(self._any_sentence_above(first, floor), after)]
        return []

    def _any_sentence_above(self, first: int, floor: int) -> int:
        """A sentence with a date and a colon right above the block, whoever it names."""
        last = first - 1
        while last >= floor and self._blank[last] and first - last <= _BLANKS:
            last -= 1
        if last >= floor and not self._marked[last] and is_closed(self._lines[last][-80:]):
            for begun in (last, last - 1):
                if begun < floor or self._blank[begun]:
                    break
                if has_date(" ".join(self._lines[begun : last + 1])):
                    return begun
        return first

    def _find_unmarked_start(self, found: Sequence[Span], heads: Sequence[str]) -> int | None:
        """The line with which a quotation without marks begins: it goes on to the end."""
        # What is found already is not searched again, and nothing may begin before it.
        inside = {at for begun, after in found for at in range(begun, after)}
        floor = 0
        hints = self._find_hinted_lines(heads)
        for at, line in enumerate(self._lines):
            if at in inside:
                floor = at + 1
                continue
            if self._marked[at] or self._blank[at]:
                continue
            begun = self._find_unmarked_start_at(at, line, floor, hints)
            if begun is not None and self._says_more(begun, at):
                return begun
        return None

    def _find_unmarked_start_at(
        self, at: int, line: str, floor: int, hints: set[int]
    ) -> int | None:
        us = self._evidence.names_us(line)
        # The HTML says that a quotation begins here; whether it is ours is still asked.
        if at in hints and self._is_ours_below(at):
            return self._above_head(at, floor)
        if not us:
            return None
        if SEPARATOR.match(line[:300]) and self._evidence.has_address(line):
            return at
        begun = self._head(at, floor) if self._in_head(at) else None
        if begun is not None:
            return begun
        # The original's rule, and a line of a block below it that names us.
        above = self._above_head(at, floor)
        if above != at and SEPARATOR.match(self._lines[above][:300]) and self._label(at) != "to":
            return above
        # The sentence may end a line or two further down.
        for last in (at, at + 1, at + 2):
            if last >= len(self._lines) or self._blank[last] or self._marked[last]:
                break
            begun = self._sentence(last, floor, marked=False)
            if begun is not None and begun <= at:
                return begun
        return None

    def _find_hinted_lines(self, heads: Sequence[str]) -> set[int]:
        wanted = {word for head in heads if (word := _bare(head))}
        if not wanted:
            return set()
        return {at for at, line in enumerate(self._lines) if _bare(line) in wanted}

    def _is_ours_below(self, at: int) -> bool:
        """What the HTML marks as a quotation is ours by its head, or by our last lines in it."""
        head = self._lines[at : at + 3]
        return self._last_footer >= at or any(self._evidence.names_us(line) for line in head)

    def _says_more(self, begun: int, at: int) -> bool:
        # A head with nothing below it quotes nothing: it is the writer's own line.
        return self._past_blanks(max(begun, at) + 1) < len(self._lines)

    def _join_spans(self, found: Sequence[Span]) -> list[Span]:
        """Neighbours with nothing but blank lines between them are one."""
        joined: list[Span] = []
        for begun, after in found:
            if joined and all(self._blank[joined[-1][1] : begun]):
                joined[-1] = joined[-1][0], after
            else:
                joined.append((begun, after))
        return joined


def _bare(line: str) -> str:
    """The letters and digits of a line, for finding a line of the HTML in the plain text."""
    return "".join(letter for letter in line[:300].casefold() if letter.isalnum())[:40]
