"""Whom a staff note names: `@ada`, for an address that begins so at the writer's own domain, or
`@ada@example.com`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from shared.people.folding import fold_address

# More names than this are a list somebody pasted; nobody means to call all of them.
MOST = 20
# Not inside a word, an address or a path: `a@b`, `x/@y` and `@@z` name nobody.
_NAMED = re.compile(r"(?<![\w@./-])@([A-Za-z0-9][A-Za-z0-9._+-]{0,63}(?:@[A-Za-z0-9.-]{1,200})?)")


def mentions_in(text: str, author: str, is_colleague: Callable[[str], bool]) -> tuple[str, ...]:
    """The addresses of the colleagues that `text` names, each once, without its author."""
    # A dict keeps the order of the text and drops repeats.
    domain, found = fold_address(author).rpartition("@")[2], dict[str, None]()
    for name in _NAMED.findall(text):
        # A full stop after a name belongs to the sentence.
        name = name.rstrip(".-_+")
        address = fold_address(name if "@" in name else f"{name}@{domain}")
        # The author is not told of their own note, and strangers are never told of staff notes.
        if address != fold_address(author) and address not in found and is_colleague(address):
            found[address] = None
        if len(found) == MOST:
            break
    return tuple(found)
