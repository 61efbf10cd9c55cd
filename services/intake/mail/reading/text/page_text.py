"""HTML of a mail as plain text that means the same. Linear in the HTML, whatever it holds.

What a reader sees and plain text cannot show gets a mark: `~~struck out~~`, `> ` before a
quotation, a list's own numbers, ` | ` between the cells of a row, `[the words of a picture]`, a
link's address behind its words.
"""

from __future__ import annotations

import html
import re

import nh3

from services.intake.mail.reading.text.markup import (
    BLOCKS,
    DROPPED,
    MARKUP_MOST,
    TOKEN,
    is_too_deep,
    without_tags,
)
from services.intake.mail.reading.text.words import clean_text

# Blocks with an empty line around them.
_APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre", "blockquote"}
_TAGS = BLOCKS | {
    "a",
    "br",
    "button",
    "code",
    "del",
    "img",
    "input",
    "label",
    "q",
    "s",
    "span",
    "strike",
    "strong",
    "b",
    "em",
    "i",
    "u",
    "font",
    "small",
    "big",
    "center",
    "section",
    "article",
    "header",
    "footer",
    "tbody",
    "thead",
    "tfoot",
    "td",
    "th",
    "sup",
    "sub",
}
_VOID = {"br", "hr", "img", "input"}
_LISTS = {"ol", "ul"}
_STRUCK = {"s", "strike", "del"}
_PLAIN_BLOCKS = {"section", "article", "header", "footer"}
_CELLS_DEEPEST = 8
"""Tables in tables in tables: what is deeper is read without its rows."""
_TAGS_MOST = 60_000
"""A page of more is read without its layout: that takes a second of the two that a mail may
take.
"""
# Bounds of what is shown: deeper ones look like these.
_QUOTE_DEEPEST = 20
_INDENT_MOST = 10

# Ways in which pages hide text: preview lines, tracking, versions for phones.
_NONE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_FLAT = re.compile(r"max-height\s*:\s*0(?:px)?\s*(?:;|$|!)", re.IGNORECASE)
_STRIKE = re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through", re.IGNORECASE)
_SPACES = re.compile(r"white-space\s*:\s*(pre-line|pre|break-spaces)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_COLLAPSED = re.compile(r"[ \t\r\n\f]+")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}+")
# What stands raised is a power, not a footnote: `10^6`, `m^2`.
_RAISED = re.compile(r"[\d+\-−]|n\b")


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    """Of a style only what changes the meaning: `none`, `strike`, `pre`, `lines`."""
    if name != "style":
        return value
    style = value[:2000]
    found = []
    if _NONE.search(style) or (_FLAT.search(style) and "overflow" in style):
        found.append("none")
    if _STRIKE.search(style):
        found.append("strike")
    if spaces := _SPACES.search(style):
        found.append("lines" if spaces[1].lower() == "pre-line" else "pre")
    return " ".join(found) or None


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=DROPPED,
    attributes={
        "*": {"style", "hidden"},
        "a": {"href"},
        "img": {"alt", "src"},
        "input": {"value", "type", "checked"},
        "ol": {"start", "type"},
        "li": {"value"},
    },
    attribute_filter=_filter_attribute,
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    link_rel=None,
    strip_comments=True,
)


def as_text(markup: str) -> str:
    """The text of HTML. What is hidden is left out, unless there is nothing else."""
    markup = markup[:MARKUP_MOST]
    # Too deep or too large for a layout in time: words are better than nothing.
    if is_too_deep(markup) or markup.count("<") > _TAGS_MOST:
        return clean_text(without_tags(markup))
    clean = _CLEANER.clean(markup)
    page = _read(clean, hidden=False)
    # Some mails hide all they say, by mistake: then it is read.
    text = page.text()
    return clean_text(text if text or not page.left_out else _read(clean, hidden=True).text())


def _read(clean: str, *, hidden: bool) -> _Page:
    page = _Page(hidden=hidden)
    for close, tag, attributes, words in TOKEN.findall(clean):
        if words:
            page.say(html.unescape(words))
        elif close:
            page.close(tag)
        else:
            page.open(tag, _attributes(attributes))
    return page


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(text)} if text else {}


Line = tuple[int, str]
"""How deep it is quoted, and its words."""


class _Page:
    """`hidden`: read what is hidden, too. `left_out`: something was."""

    def __init__(self, *, hidden: bool) -> None:
        # The state of the walk: what is open, how deep quoted, and the line that grows.
        self._show_hidden, self.left_out = hidden, False
        self._lines: list[Line] = []
        self._line: list[str] = []
        self._marker = ""
        self._hidden = self._quote = self._pre = self._keep_lines = self._cells = 0
        self._raise = False
        self._open: list[str] = []
        self._links: list[tuple[str, list[str]]] = []
        self._lists: list[tuple[str, int]] = []
        self._outside: list[tuple[list[Line], list[str]]] = []
        self._rows: list[list[list[Line]]] = []

    def say(self, words: str) -> None:
        if self._hidden or not words:
            return
        if self._raise:
            self._raise = False
            if _RAISED.match(words):
                self._line.append("^")
        # Line breaks mean something here; elsewhere they are spaces.
        if self._pre or self._keep_lines:
            first, *rest = words.split("\n")
            self._add(first)
            for line in rest:
                self._break()
                self._add(line)
        else:
            self._add(words)

    def _add(self, words: str) -> None:
        if not self._pre:
            # Runs of blanks are one, also across element borders.
            words = _COLLAPSED.sub(" ", words)
            if not self._line or self._line[-1].endswith(" "):
                words = words.lstrip(" ")
        if words:
            self._line.append(words)
            if self._links:
                self._links[-1][1].append(words[:500])

    def open(self, tag: str, attributes: dict[str, str]) -> None:
        style = attributes.get("style", "").split()
        # Everything within a hidden element is hidden too; it is counted to find its end.
        if self._hidden or "none" in style or "hidden" in attributes:
            if tag not in _VOID and not self._show_hidden:
                self._hidden += 1
            if not self._show_hidden:
                self.left_out = True
                return
        if tag in _VOID:
            self._put(tag, attributes)
            return
        effects = [word for word in ("strike", "pre", "lines") if word in style]
        if tag in _STRUCK and "strike" not in effects:
            effects.append("strike")
        if tag in ("pre", "textarea") and "pre" not in effects:
            effects.append("pre")
        self._begin(tag, attributes)
        if "strike" in effects:
            self._line.append("~~")
        self._pre += "pre" in effects
        self._keep_lines += "lines" in effects
        self._open.append(" ".join(effects))

    def _put(self, tag: str, attributes: dict[str, str]) -> None:
        """An element that holds nothing."""
        if tag == "br":
            self._break()
        elif tag == "hr":
            self._block(apart=False)
            self._line.append("-" * 20)
            self._break()
        elif tag == "img":
            alt = " ".join(attributes.get("alt", "").split())[:500]
            if any(letter.isalnum() for letter in alt):
                self.say(f"[{alt}]")
            elif alt or attributes.get("src", "").startswith("cid:"):
                self.say(alt or "[image]")
        else:
            kind = attributes.get("type", "text").lower()
            if kind in ("checkbox", "radio"):
                self.say("[x] " if "checked" in attributes else "[ ] ")
            elif kind not in ("hidden", "password", "image", "file"):
                self.say(attributes.get("value", ""))

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in BLOCKS or tag in _PLAIN_BLOCKS:
            self._block(apart=tag in _APART and not (tag in _LISTS and self._lists))
        if tag == "blockquote":
            self._quote += 1
        elif tag in _LISTS:
            self._lists.append((tag, _number(attributes.get("start", ""), 1)))
        elif tag == "li":
            self._item(attributes)
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cells += 1
            # A cell collects lines of its own, for the row to lay out at its end.
            if self._cells <= _CELLS_DEEPEST:
                self._outside.append((self._lines, self._line))
                self._lines, self._line = [], []
            elif self._line:
                self._line.append(" ")
        elif tag == "a":
            self._links.append((attributes.get("href", ""), []))
        elif tag == "q":
            self._line.append("“")
        elif tag == "sup":
            self._raise = True

    def _item(self, attributes: dict[str, str]) -> None:
        """Its number or its point stands before its first words."""
        kind, number = self._lists[-1] if self._lists else ("ul", 1)
        number = _number(attributes.get("value", ""), number)
        indent = "  " * min(max(len(self._lists) - 1, 0), _INDENT_MOST)
        self._marker = indent + (f"{number}. " if kind == "ol" else "* ")
        if self._lists:
            self._lists[-1] = kind, number + 1

    def close(self, tag: str) -> None:
        # Ends of hidden elements only bring the end of the outermost nearer.
        if self._hidden:
            self._hidden -= 1
            return
        effects = self._open.pop() if self._open else ""
        if "strike" in effects:
            # Nothing struck out: no empty marks.
            if self._line and self._line[-1] == "~~":
                self._line.pop()
            else:
                self._line.append("~~")
        if tag == "a" and self._links:
            self._end_link()
        elif tag == "q":
            self._line.append("”")
        elif tag == "sup":
            self._raise = False
        elif tag in ("td", "th"):
            self._end_cell()
        if tag == "blockquote":
            self._block(apart=False)
            self._quote = max(self._quote - 1, 0)
        if tag in BLOCKS or tag in _PLAIN_BLOCKS:
            self._block(apart=tag in _APART and not (tag in _LISTS and len(self._lists) > 1))
        if tag == "tr" and self._rows:
            self._end_row(self._rows.pop())
        elif tag in _LISTS and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""
        self._pre = max(self._pre - ("pre" in effects), 0)
        self._keep_lines = max(self._keep_lines - ("lines" in effects), 0)

    def _end_link(self) -> None:
        """Its address, where the words say another."""
        address, parts = self._links.pop()
        words = "".join(parts).strip()
        if self._links:
            self._links[-1][1].append(words[:500])
        if not words or not address.startswith(("http://", "https://", "mailto:", "tel:")):
            return
        shown = address.removeprefix("mailto:").removeprefix("tel:")
        plain = words.rstrip("/")
        # No address behind words that are the address already.
        if shown.rstrip("/") not in (plain, f"https://{plain}", f"http://{plain}"):
            self._line.append(f" <{shown[:500]}>")

    def _end_cell(self) -> None:
        if self._cells <= _CELLS_DEEPEST and self._outside:
            self._block(apart=False)
            cell = self._lines
            self._lines, self._line = self._outside.pop()
            while cell and not cell[-1][1].strip():
                cell.pop()
            if self._rows:
                self._rows[-1].append(cell)
            else:
                self._lines += cell
        self._cells = max(self._cells - 1, 0)

    def _end_row(self, cells: list[list[Line]]) -> None:
        """One line where each cell has one; else the cells one below the other."""
        saying = [cell for cell in cells if cell]
        # A table of numbers reads as lines; a table that makes the layout does not.
        if len(saying) > 1 and all(len(cell) == 1 for cell in saying):
            words = [cell[0][1].strip() if cell else "" for cell in cells]
            self._lines.append((saying[0][0][0], " | ".join(words).rstrip(" |").lstrip()))
        else:
            for cell in saying:
                self._lines += cell

    def _break(self) -> None:
        words = "".join(self._line).rstrip()
        if words and self._marker:
            words, self._marker = self._marker + words, ""
        self._lines.append((self._quote, words))
        self._line = []

    def _block(self, *, apart: bool) -> None:
        if "".join(self._line).strip():
            self._break()
        self._line = []
        # One empty line between blocks, but none between a marker and its words.
        if apart and not self._marker and self._lines and self._lines[-1][1]:
            self._lines.append((min(self._quote, self._lines[-1][0]), ""))

    def text(self) -> str:
        self._block(apart=False)
        lines = [
            ("> " * min(quote, _QUOTE_DEEPEST) + words.replace("\xa0", " ")).rstrip()
            for quote, words in self._lines
        ]
        return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def _number(text: str, usual: int) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text.strip()) else usual
