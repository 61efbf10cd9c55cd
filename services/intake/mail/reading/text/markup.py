"""HTML of a mail, cleaned for the screen. `page_text.py` makes plain text of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import nh3

# What is cleaned for the screen; the rest is in the raw message.
MARKUP_MOST = 512 * 1024

_TAGS = {
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "center",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
}
"""No pictures: a remote one tells its owner who reads and when; those that came along are among the
attachments.
"""
DROPPED = {
    "script",
    "style",
    "title",
    "template",
    "noscript",
    "svg",
    "math",
    "iframe",
    "object",
    "select",
}
"""What is left out with everything in it."""
_QUOTES = (
    "gmail_quote",
    "gmail_attr",
    "yahoo_quoted",
    "moz-cite-prefix",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "aol_quoted",
    "divrplyfwdmsg",
    "appendonsend",
    "olk_src_body_section",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-body-separator-line",
    "replysplit",
    "zwchr",
    "isreplycontent",
)
"""Parts of the classes and ids with which mail programs begin what they quote: Gmail, Yahoo,
Thunderbird, Proton, Tuta, Zoho, AOL, Outlook on the web, for Windows, Mac and phones, Zimbra and
Naver.
"""
_NAMES = {"quote": "quote", "cite": "cite"}
"""`<div name="quote">` of GMX and web.de, `<blockquote type="cite">`."""


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    """The value of an attribute that stays; None: it goes. Of classes and ids only those of
    quotations stay.
    """
    # Which quotation mark stays is decided here; class names must not reach our own styles.
    if name in ("class", "id"):
        lower = value[:200].lower()
        return next((word for word in _QUOTES if word in lower), None)
    if name in ("name", "type"):
        return _NAMES.get(value.lower())
    return value


# An allow list: what is not named does not get through.
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=DROPPED,
    attributes={
        "a": {"href", "title"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan"},
        "ol": {"start"},
        "div": {"class", "id", "name"},
        "span": {"class", "id"},
        "hr": {"id"},
        "blockquote": {"class", "type"},
    },
    attribute_filter=_filter_attribute,
    # Nothing that runs: no `javascript:`, no `data:`.
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow ugc",
    strip_comments=True,
)

TOKEN = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:[^<>\"]|\"[^\"]*\")*+)>|([^<]++|<)")
"""Of cleaned HTML: (`/` of an end tag, tag, attributes, words)."""
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,10})")
_NOT_NESTED = {
    "br",
    "img",
    "hr",
    "meta",
    "link",
    "input",
    "col",
    "area",
    "base",
    "embed",
    "source",
    "wbr",
    "p",
    "li",
    "dd",
    "dt",
    "tr",
    "td",
    "th",
    "option",
}
"""Tags that hold nothing, or that the next of their kind closes."""
# Real pages have some hundred; cleaning takes the square of it.
OPEN_MOST = 5000
_HINT = re.compile(r'\b(?:class|id|name|type)="')
# How many heads are looked for, and how long each may be.
_HEADS_MOST, _HEAD_MOST = 10, 200
BLOCKS = {
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
    "textarea",
}
"""Tags that begin and end a line."""


def clean_markup(markup: str) -> str | None:
    """What may go into a page: known tags, links to the web and to mail only, nothing that runs,
    loads or looks like ours.

    None: nested so deep that the time to clean it grows with the square of its length (50,000
    `<div>` take 6 s).
    """
    markup = markup[:MARKUP_MOST]
    return None if is_too_deep(markup) else _CLEANER.clean(markup)


def is_too_deep(markup: str) -> bool:
    """Whether more than `OPEN_MOST` elements are open somewhere."""
    depth = 0
    for close, tag in _TAG.findall(markup):
        if tag.lower() in _NOT_NESTED:
            continue
        depth = max(0, depth - 1) if close else depth + 1
        if depth > OPEN_MOST:
            return True
    return False


def without_tags(markup: str) -> str:
    """The words between the tags, for markup that cannot be cleaned in time."""
    # Tags become line breaks, since nothing is known of the layout.
    text = html.unescape(re.sub(r"<[^<>]{0,2000}>", "\n", markup[:MARKUP_MOST]))
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def heads_of(clean: str | None) -> tuple[str, ...]:
    """The first words of each quotation that the cleaned HTML marks as one, at most ten."""
    if not clean or _HINT.search(clean) is None:
        return ()
    heads: list[str] = []
    pending: list[str] | None = None
    # The first words behind a marked element, until a line ends.
    for close, tag, attributes, words in TOKEN.findall(clean):
        if words:
            if pending is not None and sum(map(len, pending)) < _HEAD_MOST:
                pending.append(html.unescape(words[:_HEAD_MOST]))
            continue
        if pending is not None and (tag == "br" or tag in BLOCKS) and _says(pending):
            heads.append(" ".join("".join(pending).split())[:_HEAD_MOST])
            pending = None
        if len(heads) == _HEADS_MOST:
            break
        if not close and pending is None and _HINT.search(attributes):
            pending = []
    if pending is not None and _says(pending):
        heads.append(" ".join("".join(pending).split())[:_HEAD_MOST])
    return tuple(dict.fromkeys(heads))


def _says(words: Iterable[str]) -> bool:
    return any(each.strip() for each in words)
