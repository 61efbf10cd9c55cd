"""The address at intake that a request is passed on to. A path is parsed once, here, and built
again from its checked segments, so what was checked is what intake is asked. Pure.

A path that two parsers could read in two ways (RFC 3986, sections 5.2.4 and 6.2.2) is refused:
`.` and `..`, encoded or not, empty segments, backslashes, control characters. An encoded slash is
part of a name, and only documents of the directory have such names.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from shared.errors import Refused

PREFIX = "v1"
# Documents whose ids may hold a slash.
_SLASHED_NAMES = "/v1/directory/"
# A percent sign that begins no escape.
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What stays as it is in a query; anything else is encoded, blanks and quotes among them.
_KEPT_IN_QUERY = "%=&+,:;/?@!$'()*~-._[]"


def inner_path(path: str, query: str = "") -> str:
    """Path and query as they go into the request line: `path` percent-encoded, beginning with
    `/v1/`, `query` without its question mark. Raises Refused `not-found` (404).
    """
    first, *segments = path.split("/")
    # The leading slash makes an empty first part.
    if first or len(segments) < 2 or segments[0] != PREFIX:
        raise _make_not_found()
    may_be_slashed = path.startswith(_SLASHED_NAMES)
    built = "/" + "/".join(_build_segment(segment, may_be_slashed) for segment in segments)
    return f"{built}?{quote(query, safe=_KEPT_IN_QUERY)}" if query else built


def _build_segment(segment: str, may_be_slashed: bool) -> str:
    # A question mark or hash in here would begin another part of the address.
    if _ESCAPE.search(segment) or "?" in segment or "#" in segment:
        raise _make_not_found()
    try:
        name = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise _make_not_found() from error
    parts = name.split("/")
    if len(parts) > 1 and not may_be_slashed:
        raise _make_not_found()
    # Checked after decoding, since `%2e%2e` is `..` to the next parser.
    if any(part in ("", ".", "..") for part in parts):
        raise _make_not_found()
    if "\\" in name or not name.isprintable():
        raise _make_not_found()
    # Encoded from the checked name alone: nothing of the spelling that came survives.
    return quote(name, safe="")


def _make_not_found() -> Refused:
    return Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
