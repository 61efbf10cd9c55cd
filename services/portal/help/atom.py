"""An Atom feed (RFC 4287). Pure: entries in, bytes out, well-formed whatever their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from shared.text.characters import valid

MEDIA_TYPE = "application/atom+xml"
_SPACE = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True)
class FeedEntry:
    """One entry. `id` is a URI that stays the same for ever; `html` is harmless already."""

    id: str
    title: str
    url: str
    published_at: datetime
    updated_at: datetime
    html: str


def feed(
    *,
    feed_id: str,
    title: str,
    self_url: str,
    page_url: str,
    author: str,
    entries: Sequence[FeedEntry],
    now: datetime,
) -> bytes:
    """The document, entries in the order given. An empty feed is as new as `now`."""
    root = Xml.Element("feed", {"xmlns": _SPACE})
    _add(root, "id", feed_id)
    _add(root, "title", title)
    # Readers ask for the newest entry's time; without entries it is the time of asking.
    _add(root, "updated", _instant(max((entry.updated_at for entry in entries), default=now)))
    Xml.SubElement(root, "link", {"rel": "self", "type": MEDIA_TYPE, "href": valid(self_url)})
    Xml.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": valid(page_url)})
    _add(Xml.SubElement(root, "author"), "name", author)
    for entry in entries:
        made = Xml.SubElement(root, "entry")
        _add(made, "id", entry.id)
        _add(made, "title", entry.title)
        Xml.SubElement(
            made, "link", {"rel": "alternate", "type": "text/html", "href": valid(entry.url)}
        )
        _add(made, "published", _instant(entry.published_at))
        _add(made, "updated", _instant(entry.updated_at))
        content = Xml.SubElement(made, "content", {"type": "html"})
        content.text = _text(entry.html)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(parent: Xml.Element, name: str, text: str) -> None:
    Xml.SubElement(parent, name).text = _text(text)


def _text(text: str) -> str:
    """What XML 1.0 can hold, with line feeds alone: a parser makes them of carriage returns."""
    return valid(text).replace("\r\n", "\n").replace("\r", "\n")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
