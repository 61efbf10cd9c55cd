"""ETag and If-Match of documents (RFC 9110, sections 8.8.3 and 13.1.1): whoever says which version
a change was made of never overwrites another one. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from shared.errors import Refused
from shared.http.strict_json import canonical

# The grammar of RFC 9110: optional W/, then a quoted tag, then a comma or the end.
_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def etag_of_policy(name: str, version: int) -> str:
    """The entity tag of a version."""
    return f'"{name}-{version}"'


def etag_of_document(document: Mapping[str, Any]) -> str:
    """The entity tag of a directory document, by what is kept."""
    return f'"{hashlib.sha256(canonical(document)).hexdigest()[:32]}"'


def check_match(asked: str | None, etag: str | None) -> None:
    """`asked`: the If-Match header; `etag`: of what stands now, None where nothing does. Raises
    Refused `precondition-failed` (412), `invalid` for a header that cannot be read.
    """
    if asked is None:
        return
    # `*` asks only that there is something to replace.
    if asked.strip() == "*":
        fits = etag is not None
    else:
        fits = any(tag == etag for tag in _strong_tags(asked))
    if not fits:
        raise Refused(
            "precondition-failed",
            "It was changed since you read it. Read it again, and make your change on that.",
            status=412,
        )


def _strong_tags(header: str) -> list[str]:
    found, at = [], 0
    while at < len(header):
        read = _TAG.match(header, at)
        if read is None:
            raise Refused("invalid", 'If-Match has entity tags in quotes, such as "default-7".')
        # If-Match compares strongly, so a weak tag (W/) never fits and is left out.
        if not read[1]:
            found.append(read[2])
        at = read.end()
    return found
