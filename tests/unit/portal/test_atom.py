"""A feed is well-formed whatever its texts are, by two parsers that are not ours."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

import feedparser
from hypothesis import example, given
from hypothesis import strategies as st

from services.portal.help.atom import FeedEntry, feed
from shared.text.characters import INSTEAD, valid, valid_value

NOW = datetime(2026, 11, 22, tzinfo=UTC)
_ATOM = "{http://www.w3.org/2005/Atom}"
_ANY = st.text(st.characters(codec=None, categories=None), max_size=200)
"""Every code point, lone surrogates too."""


def made(title: str, html: str) -> bytes:
    entry = FeedEntry("urn:x:1", title, "https://status.example/i", NOW, NOW, html)
    return feed(
        feed_id="urn:x",
        title=title,
        self_url="https://status.example/feed.atom",
        page_url="https://status.example",
        author="Signalbox",
        entries=[entry],
        now=NOW,
    )


@given(title=_ANY, html=_ANY)
@example("\x1b[31mERROR\x1b[0m refused", "a\rb\r\nc\x0b\x0c\x85\u2028")
@example("\ufffe\uffff\ud800\udfff\x00", "]]> <!-- & <![CDATA[ \U0001fffe")
def test_a_feed_is_well_formed_whatever_its_texts_are(title: str, html: str) -> None:
    raw = made(title, html)
    root = Xml.fromstring(raw)
    entry = root.find(f"{_ATOM}entry")
    assert entry is not None
    for name, text in (("title", title), ("content", html)):
        said = valid(text).replace("\r\n", "\n").replace("\r", "\n")
        assert (entry.findtext(f"{_ATOM}{name}") or "") == said
    assert not feedparser.parse(raw).bozo


@given(_ANY)
def test_a_valid_text_keeps_every_other_character(text: str) -> None:
    after = valid(text)
    assert len(after) == len(text)
    assert valid(after) == after
    assert all(new in (old, INSTEAD) for new, old in zip(after, text, strict=True))
    after.encode()


def test_words_of_all_the_world_are_left_alone() -> None:
    text = "Ünïcödé 日本語 العربية 🚨 tab\tand\nlines\r\n é"
    assert valid(text) is text


def test_only_text_is_changed_where_a_template_prints() -> None:
    assert valid_value(3) == 3
    assert valid_value(None) is None
