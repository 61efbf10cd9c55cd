"""Outlook's compressed RTF (MS-OXRTFCP) → its words, read without fonts, pictures and fields.

Plain enough for a letter that Outlook put into winmail.dat. One pass each; both have a limit.
"""

from __future__ import annotations

import re
import struct

RTF_MOST = 1024 * 1024
"""Bytes of RTF that are read."""

_START = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern "
    rb"\fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the dictionary begins with (MS-OXRTFCP 2.1.2.1)."""
_COMPRESSED, _WHOLE = b"LZFu", b"MELA"

_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+"
    rb"|([^\\{}\r\n]+)"
)
# Groups that a reader does not see: fonts, colours, pictures, field codes.
_AWAY = {
    "fonttbl colortbl stylesheet info pict object themedata datastore listtable header footer"
    " listoverridetable rsidtbl generator fldinst xmlnstbl latentstyles pntext htmltag bkmkstart"
}
_SKIPPED = frozenset(word.encode() for words in _AWAY for word in words.split())
# Control words that stand for letters; any other one changes looks only.
_LETTERS = {
    b"par": "\n",
    b"line": "\n",
    b"sect": "\n\n",
    b"page": "\n\n",
    b"row": "\n",
    b"cell": "\t",
    b"tab": "\t",
    b"emdash": "\u2014",
    b"endash": "\u2013",
    b"bullet": "\u2022",
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
}


def decompress_rtf(value: bytes) -> bytes:
    """The RTF; what there is of it where the file is damaged."""
    # Sizes, the kind, and a checksum, which is not compared: a damaged letter is better than none.
    if len(value) < 16:
        return b""
    _, size, kind, _ = struct.unpack_from("<II4sI", value, 0)
    if kind == _WHOLE:
        return value[16 : 16 + size][:RTF_MOST]
    if kind != _COMPRESSED:
        return b""
    # The window is a ring of 4096 bytes (section 2.1).
    window = bytearray(4096)
    window[: len(_START)] = _START
    write, at, out = len(_START), 16, bytearray()
    while at < len(value) and len(out) < min(size, RTF_MOST):
        # Each control byte says of the next eight whether they are letters or references.
        control = value[at]
        at += 1
        for bit in range(8):
            if at >= len(value):
                break
            if not control >> bit & 1:
                letters = value[at : at + 1]
                at += 1
            else:
                token = int.from_bytes(value[at : at + 2], "big")
                at += 2
                offset, length = token >> 4, (token & 15) + 2
                # A reference to the place that is written next marks the end.
                if offset == write:
                    return bytes(out)
                letters = b""
                for step in range(length):  # it may repeat what it is just writing
                    letter = window[(offset + step) % 4096]
                    window[(write + step) % 4096] = letter
                    letters += bytes([letter])
            for step, letter in enumerate(letters):
                window[(write + step) % 4096] = letter
            write = (write + len(letters)) % 4096
            out += letters
    return bytes(out)


def words_of(rtf: bytes) -> str:
    """The text that the RTF shows, one line a paragraph."""
    out: list[str] = []
    stack: list[tuple[bool, int]] = []
    # `skip`: letters after `\u` that are for old readers, as many as `\uc` says.
    hidden, after_unicode, skip, codec = False, 1, 0, "cp1252"
    pending = bytearray()
    # Bytes of one letter may come as several codes, so they are collected and decoded together.
    for word, number, code, symbol, brace, plain in _TOKEN.findall(rtf[:RTF_MOST]):
        if pending and not code:
            out.append(pending.decode(codec, "replace"))
            pending.clear()
        if brace == b"{":
            stack.append((hidden, after_unicode))
        elif brace:
            hidden, after_unicode = stack.pop() if stack else (True, 1)
        elif word in _SKIPPED or symbol == b"*":
            # `\*`: a group that may be passed over by whoever does not know it.
            hidden = True
        elif word == b"ansicpg":
            codec = _codec(number)
        elif word == b"uc":
            after_unicode = int(number or 1)
        elif hidden:
            continue
        elif word == b"u" and number:
            # The number is signed, of 16 bits.
            out.append(chr(int(number) % 0x10000))
            skip = after_unicode
        elif code:
            if skip:
                skip -= 1
            else:
                pending.append(int(code, 16))
        elif word:
            out.append(_LETTERS.get(word, ""))
        elif symbol:
            text = symbol.decode("latin-1")
            out.append({"~": "\u00a0", "_": "\u2011", "-": ""}.get(text, text))
        elif plain:
            out.append(plain[skip:].decode(codec, "replace"))
            skip = max(0, skip - len(plain))
    out.append(pending.decode(codec, "replace"))
    # Two halves of a surrogate pair are one letter.
    return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _codec(number: bytes) -> str:
    try:
        return "".encode(f"cp{int(number or 1252)}").decode() or f"cp{int(number or 1252)}"
    except LookupError:
        return "cp1252"
