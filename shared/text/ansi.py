"""Colour codes of a terminal in pasted logs. Pure, linear.

`heroku logs` prints in colour. Pasted, `code=\x1b[31mH12\x1b[0m` hides the code from whoever looks
for words. Some programs drop the escape character on the way (`[31mH12[0m`), some write it in
letters (`\\x1b[31m`, `^[[31m`, `␛[31m`).

Source: ECMA-48, control sequences and select graphic rendition.
"""

from __future__ import annotations

import re

# All repeats are bounded: a hostile log must not make the search slow.
_CSI = r"\[[0-?]{0,40}[ -/]{0,4}[@-~]"
_REAL = re.compile(
    rf"\x1b(?:{_CSI}|\][^\x07\x1b\n]{{0,2000}}(?:\x07|\x1b\\)|[ -/]{{1,4}}[0-~]|[0-Z\\^_`-~])"
    r"|\x9b[0-?]{0,40}[ -/]{0,4}[@-~]"
)
"""Sequences with their escape character: colours, the cursor, links, character sets."""
_COLOUR = r"\[(?:0m|[0-9]{1,3}(?:[;:][0-9]{1,3}){0,8}m(?![a-z]{0,5}\])(?!(?:s|in|ins|b|bps)\b))"
_WRITTEN = re.compile(
    r"(?:␛|\^\[|\\(?:x1[bB]|u001[bB]|u\{1[bB]\}|033|e|E))\[[0-9;:]{0,40}[A-HJKSTfhlmnsu]"
    rf"|{_COLOUR}"
)
"""Sequences without it: its name in letters, or nothing but a colour (`[31m`, not `[5m]`,
`[10ms]`).
"""
_COLOUR_ALONE = re.compile(_COLOUR)
"""Begins with a plain character, so the engine leaps from one to the next: ten times as fast."""


def without_escapes(text: str) -> str:
    """The text without sequences that begin with an escape character."""
    return _REAL.sub("", text) if "\x1b" in text or "\x9b" in text else text


def readable(text: str) -> str:
    """The text for whoever looks for words in it: without sequences in any of their forms."""
    text = without_escapes(text)
    # Every form has a bracket; most texts have none.
    if "[" not in text:
        return text
    # The slower pattern only where an escape character can stand in letters.
    may_be_named = "\\" in text or "^[" in text or "␛" in text
    return (_WRITTEN if may_be_named else _COLOUR_ALONE).sub("", text)
