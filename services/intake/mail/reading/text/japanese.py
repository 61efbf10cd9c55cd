"""ISO-2022-JP and EUC-JP with the rows that Microsoft's mailers send (WHATWG Encoding,
sections 12).

Python's codecs know the rows of JIS X 0208 alone: one circled digit (row 13) and they give up on
the whole text. The table here is that of Shift_JIS as Windows has it: NEC's row 13, NEC's selection
of IBM's letters in rows 89 to 92.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterator

# The escapes of ISO-2022-JP and its relatives; line ends and shifts change the mode too.
_ESCAPE = re.compile(
    rb"\x1b(?:\((?P<one>[BJIH])|\$(?P<two>[@AB])|\$\((?P<four>[@ABCDOPQ])|\.[AF]|N.)"
    rb"|(?P<line>\n)|(?P<shift>[\x0e\x0f])"
)
_SEEN = re.compile(rb"\x1b(?:\$[@B]|\$\([@BDOPQ]|\([IJ])")
# The same without the escape byte, as some gateways leave it.
_LOST = re.compile(rb"(?<!\x1b)(\$[@B](?:[\x21-\x7e]{2}){1,500}?)(?<!\x1b)(\([BJ])")
_LOST_WITHIN = 64 * 1024
_BYTES_MOST = 1024 * 1024
"""Bytes that are read, which is more than the text that is kept of a mail."""
_WHOLE = re.compile(rb"(?:[\x21-\x7e]{2})+")
_ASCII, _KATAKANA = b"B", b"I"
_ROWS = range(0x21, 0x7F)


@functools.cache
def _letters() -> tuple[str, ...]:
    """The letter for (row - 0x21) * 94 + (cell - 0x21); U+FFFD where there is none."""
    return tuple(_by_shift_jis(row, cell) for row in _ROWS for cell in _ROWS)


def _by_shift_jis(row: int, cell: int) -> str:
    # The arithmetic from rows and cells to Shift_JIS.
    lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    trail = cell + 0x7E if row % 2 == 0 else cell + (0x1F if cell < 0x60 else 0x20)
    try:
        return bytes([lead, trail]).decode("cp932")
    except UnicodeDecodeError:
        return "\ufffd"


_OTHERS = {
    b"$A": ("gb2312", b""),
    b"$C": ("euc_kr", b""),
    b"$D": ("euc_jp", b"\x8f"),
    b"$O": ("euc_jis_2004", b""),
    b"$Q": ("euc_jis_2004", b""),
    b"$P": ("euc_jis_2004", b"\x8f"),
}
"""What else an escape may begin → its EUC codec, and the byte before each pair."""


def has_japanese_escapes(raw: bytes) -> bool:
    """Whether an escape of ISO-2022-JP stands in there. Those of a terminal are others."""
    return _SEEN.search(raw) is not None


def decode_iso_2022_jp(raw: bytes) -> str:
    """Every line begins in ASCII (RFC 1468). What is no letter becomes U+FFFD, and only that."""
    # Only a short text: the pattern is tried at each dollar sign.
    if b"\x1b" not in raw and len(raw) <= _LOST_WITHIN:  # a gateway took the escapes away
        raw = _LOST.sub(b"\x1b\\1\x1b\\2", raw)
    return "".join(_pieces(raw[:_BYTES_MOST]))


def _pieces(raw: bytes) -> Iterator[str]:
    mode, shifted, at = _ASCII, False, 0
    for found in _ESCAPE.finditer(raw):
        if at < found.start():
            yield _decode_run(raw[at : found.start()], _KATAKANA if shifted else mode)
        at, kind = found.end(), found.lastgroup
        if kind == "line":
            # Every line begins in ASCII again, so a torn escape spoils one line only.
            mode, shifted = _ASCII, False
            yield "\n"
        elif kind == "shift":
            shifted = found[0] == b"\x0e"
        elif kind == "one":
            mode = found[0][-1:]
        elif kind:
            mode = b"$" + found[0][-1:]
    if at < len(raw):
        yield _decode_run(raw[at:], _KATAKANA if shifted else mode)


def _decode_run(run: bytes, mode: bytes) -> str:
    """A run of bytes without an escape."""
    if mode == _KATAKANA:
        return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in run).decode(
            "cp932", "replace"
        )
    if not mode.startswith(b"$"):
        return run.decode("cp932" if not run.isascii() else "ascii", "replace")
    if found := _OTHERS.get(mode):
        return "".join(_decode_pairs(run, *found))
    return "".join(_by_table(run))


def _decode_pairs(run: bytes, codec: str, lead: bytes) -> Iterator[str]:
    """Two bytes a letter of another set, by its EUC codec."""
    for pair in _pairs(run, 0x21):
        if len(pair) == 2:
            yield (lead + bytes(byte | 0x80 for byte in pair)).decode(codec, "replace")[:2]
        else:
            yield pair.decode("ascii", "replace")


def _pairs(run: bytes, first: int) -> Iterator[bytes]:
    """Letters of two bytes from `first` on; spaces and line ends are bytes of their own."""
    at = 0
    while at < len(run):
        wide = run[at] >= first and at + 1 < len(run) and run[at + 1] >= first
        yield run[at : at + (2 if wide else 1)]
        at += 2 if wide else 1


def _by_table(run: bytes) -> Iterator[str]:
    """JIS X 0208 with Microsoft's rows."""
    letters = _letters()
    if _WHOLE.fullmatch(run):  # nothing but pairs: the usual, at once
        pairs = zip(run[::2], run[1::2], strict=True)
        yield from [letters[row * 94 + cell - 95 * 0x21] for row, cell in pairs]
        return
    for pair in _pairs(run, 0x21):
        if len(pair) == 2:
            row, cell = pair[0] - 0x21, pair[1] - 0x21
            yield letters[row * 94 + cell] if row < 94 and cell < 94 else "\ufffd"
        else:
            yield chr(pair[0]) if pair[0] <= 0x20 else "\ufffd"


_WEB = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
"""Six letters that Python's codec and the web's table read differently."""


def _read_euc_pair(error: UnicodeError) -> tuple[str, int]:
    """What Python's codec does not know: a pair of the rows above, else one broken byte."""
    assert isinstance(error, UnicodeDecodeError)
    pair = error.object[error.start : error.start + 2]
    if len(pair) == 2 and all(0xA1 <= byte <= 0xFE for byte in pair):
        letter = _letters()[(pair[0] - 0xA1) * 94 + pair[1] - 0xA1]
        return letter, error.start + (2 if letter != "\ufffd" else 1)
    return "\ufffd", error.start + 1


# A name of our own, so no other decoder's errors change.
codecs.register_error("signalbox.euc-jp", _read_euc_pair)


def decode_euc_jp(raw: bytes) -> str:
    """EUC-JP with the same rows; what is no letter becomes U+FFFD."""
    return raw[:_BYTES_MOST].decode("euc_jp", "signalbox.euc-jp").translate(_WEB)
