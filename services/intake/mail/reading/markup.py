"""HTML of a mail: cleaned for the screen, and as plain text for everything else."""

from __future__ import annotations

import html
import re

import nh3

MARKUP_MOST = 512 * 1024

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "center", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
}  # fmt: skip
"""No pictures: a remote one tells its owner who reads and when; those that came along are among the attachments."""
_DROPPED = {"script", "style", "title", "template", "noscript", "svg", "math", "iframe", "object", "select", "textarea"}
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_DROPPED,
    attributes={"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow ugc",
    strip_comments=True,
)

_TOKEN = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:[^<>\"]|\"[^\"]*\")*+)>|([^<]++|<)")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,10})")
_VOID = {"br", "img", "hr", "meta", "link", "input", "col", "area", "base", "embed", "source", "wbr"}
OPEN_MOST = 5000
_HREF = re.compile(r'\bhref="([^"]*)"')
_BLOCKS = {
    "p",
    "div",
    "table",
    "tr",
    "ul",
    "ol",
    "dl",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "center",
    "dd",
    "dt",
    "li",
    "hr",
    "blockquote",
}
_APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre", "blockquote"}
_LINE_MOST = 10_000


def cleaned(markup: str) -> str | None:
    """What may go into a page: known tags, links to the web and to mail only, nothing that runs, loads or looks like ours.

    None: nested so deep that the time to clean it grows with the square of its length (50,000 `<div>` take 6 s).
    """
    markup = markup[:MARKUP_MOST]
    opened = sum(-1 if close else 1 for close, tag in _TAG.findall(markup) if tag.lower() not in _VOID)
    return None if opened > OPEN_MOST else _CLEANER.clean(markup)


def without_tags(markup: str) -> str:
    """The words between the tags, for markup that cannot be cleaned in time."""
    return html.unescape(re.sub(r"\s*<[^<>]{0,2000}>\s*", "\n", markup[:MARKUP_MOST])).strip()


def as_text(clean: str) -> str:
    """Text of cleaned HTML: lines where blocks are, `> ` before what a blockquote holds, a link's address behind its words."""
    page = _Page()
    for close, tag, attributes, words in _TOKEN.findall(clean):
        if words:
            page.say(html.unescape(words))
        elif close:
            page.close(tag)
        else:
            page.open(tag, attributes)
    return page.text()


class _Page:
    def __init__(self) -> None:
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []
        self._quote, self._pre, self._links = 0, 0, list[tuple[str, int]]()

    def say(self, words: str) -> None:
        if self._pre:
            first, *rest = words.split("\n")
            self._line.append(first)
            for line in rest:
                self._break()
                self._line.append(line)
            return
        words = re.sub(r"[ \t\r\n\xa0]+", " ", words)
        if not self._line or self._line[-1].endswith(" "):
            words = words.lstrip(" ")
        if words:
            self._line.append(words)

    def open(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._break()
            return
        if tag in _BLOCKS:
            self._block(apart=tag in _APART)
        if tag == "blockquote":
            self._quote = min(self._quote + 1, 20)
        elif tag == "pre":
            self._pre += 1
        elif tag == "li":
            self._line.append("* ")
        elif tag in ("td", "th") and self._line:
            self._line.append(" ")
        elif tag == "hr":
            self._line.append("-" * 20)
            self._break()
        elif tag == "a":
            found = _HREF.search(attributes)
            self._links.append((html.unescape(found[1]) if found else "", len(self._line)))

    def close(self, tag: str) -> None:
        if tag == "a" and self._links:
            address, begun = self._links.pop()
            words = "".join(self._line[begun:]).strip()
            if (
                address.startswith("http")
                and words
                and address.rstrip("/") not in (words.rstrip("/"), f"https://{words}", f"http://{words}")
            ):
                self._line.append(f" <{address[:500]}>")
        if tag in _BLOCKS:
            self._block(apart=tag in _APART)
        if tag == "blockquote":
            self._quote = max(self._quote - 1, 0)
        elif tag == "pre":
            self._pre = max(self._pre - 1, 0)

    def _break(self) -> None:
        self._lines.append((self._quote, "".join(self._line).rstrip()[:_LINE_MOST]))
        self._line = []

    def _block(self, *, apart: bool) -> None:
        if "".join(self._line).strip():
            self._break()
        self._line = []
        if apart and self._lines and self._lines[-1][1]:
            self._lines.append((self._quote if self._lines[-1][0] == self._quote else 0, ""))

    def text(self) -> str:
        self._block(apart=False)
        while self._lines and not self._lines[-1][1]:
            self._lines.pop()
        lines = ["> " * quote + line for quote, line in self._lines]
        return re.sub(r"\n(?:[ \t]*\n){2,}+", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
