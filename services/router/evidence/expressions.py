"""Words and regular expressions that cost next to nothing where they are not found, which is nearly
always. Pure.

Python's engine tries every alternative at every character. Rust's, which pydantic brings along for
`pattern`, reads a text once however many alternatives there are, but tells only whether, not where,
and knows no look-around. So it screens: a text in which not even the loosened expression is found
is never shown to Python. What is found is Python's, so screening changes no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic_core import SchemaValidator, core_schema

Screen = Callable[[str], bool]


class Words:
    """Plain strings. `are_in(text)`: whether any of them is. Lone surrogates are in no text that
    was parsed, nor found here.
    """

    __slots__ = ("are_in",)

    def __init__(self, words: Iterable[str]) -> None:
        self.are_in: Screen = _screen(
            # An empty list must find nothing; an empty expression would be found everywhere.
            "|".join(re.escape(word) for word in sorted(words)) or _NOTHING
        )


class Expression:
    """`search`, `finditer` and `findall` of an expression.

    To `match` at the very beginning takes Python no time: `re.compile` serves. And a gap of any
    characters (`.{0,60}`) before a choice is as dear to Rust as to Python.
    """

    __slots__ = ("_exact", "_may_be_in")

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._exact = re.compile(pattern, flags)
        self._may_be_in = _screen(loosen(pattern))

    def search(self, text: str) -> re.Match[str] | None:
        # The screen first: it says no for nearly every text.
        return self._exact.search(text) if self._may_be_in(text) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self._exact.finditer(text) if self._may_be_in(text) else iter(())

    def findall(self, text: str) -> list[Any]:
        return self._exact.findall(text) if self._may_be_in(text) else []


class PresenceTest:
    """`is_in(text)`: whether an expression is found. Asked of Rust alone, so in its syntax: no
    look-around.
    """

    __slots__ = ("is_in",)

    def __init__(self, pattern: str) -> None:
        self.is_in: Screen = _screen(pattern)


_NOTHING = r"[^\s\S]"
# Wide enough to keep a class in brackets whole; the rest goes on character by character.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<?[=!]|.", re.DOTALL)
"""An escape, a class in brackets, the beginning of a look-around, any other character."""
_LOOSER = {
    "^": "",
    "$": "",
    r"\b": "",
    r"\B": "",
    r"\w": r"\S",
    r"\W": r"[\s\S]",
    r"\s": r"[\s\x1c-\x1f]",
}
"""Python and Rust differ in which letters and blanks they know; what stands here finds all that
either finds.
"""


def loosen(pattern: str) -> str:
    """An expression for Rust that is found in every text in which `pattern` is: without look-around
    and anchors, with wider classes.
    """
    kept: list[str] = []
    depth = around = 0
    for part in _PARTS.findall(pattern):
        depth += part.startswith("(") - (part == ")")
        # Inside a look-around: left out, because Rust has none and the screen may find too much.
        if around:
            around = around if depth >= around else 0
        # A look-around begins here, and ends where the depth falls below it.
        elif part.startswith("(?"):
            around = depth
        # A class that excludes letters would exclude more in one of the two engines.
        elif part.startswith("[^"):
            kept.append(r"[\s\S]" if r"\w" in part else part)
        # The same inside brackets, where `\s` stands without its own brackets.
        elif part.startswith("["):
            kept.append(part.replace(r"\w", r"\S").replace(r"\s", r"\s\x1c-\x1f"))
        else:
            kept.append(_LOOSER.get(part, part))
    return "".join(kept)


def _screen(pattern: str) -> Screen:
    # pydantic's validator is a handle on Rust's engine; `strict` takes strings alone.
    return SchemaValidator(
        core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
    ).isinstance_python
