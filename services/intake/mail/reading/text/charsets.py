"""Bytes and the name of a character set → text, as the web's decoders read them (WHATWG Encoding).

What a mailer names is often only the smallest set that fits its first letters: it says Shift_JIS
and sends Microsoft's rows, says ISO-8859-1 and sends Windows-1252. So each name means its superset.
A name may also be missing or wrong. Then what the rest of the message says (`hints`) is tried, and
then a detector. Everything here is one pass over the bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import NamedTuple

from chardetng_py import detect

from services.intake.mail.reading.text.japanese import (
    decode_euc_jp,
    decode_iso_2022_jp,
    has_japanese_escapes,
)

DETECTED_MOST = 32 * 1024
"""Bytes that the detector looks at."""
_BROKEN_MOST = 0.05
"""Share of letters that may be broken before the named set counts as wrong."""
# Several bytes beyond ASCII in a row: letters of two bytes, or no Latin text.
_HIGH_RUN = re.compile(rb"[\x80-\xff]{4,}")
_HIGH = re.compile(rb"[\x80-\xff]")

_NEVER = frozenset(
    {
        "idna",
        "punycode",
        "unicode-escape",
        "raw-unicode-escape",
        "undefined",
        "mbcs",
        "oem",
        "palmos",
    }
)
"""Codecs of Python that are no character set of a mail; two of them take quadratic time."""

_SUPERSETS = {
    "cp1252": "iso-8859-1 iso8859-1 iso88591 latin1 latin-1 l1 windows-1252 cp819 x-cp1252 ansi"
    " x-user-defined iso-8859-1-windows-3.1-latin-1 iso-ir-100 winlatin1",
    "cp1254": "iso-8859-9 iso8859-9 iso88599 latin5 l5 windows-1254 x-cp1254 iso-ir-148",
    "cp874": "tis-620 tis620 iso-8859-11 iso8859-11 iso885911 windows-874 dos-874 x-windows-874",
    "cp932": "shift_jis shift-jis sjis x-sjis ms_kanji csshiftjis windows-31j cswindows31j ms932"
    " cp943 x-ms-cp932 shift_jisx0213 shift_jis_2004",
    "gb18030": "gb2312 gb_2312 gb_2312-80 gb2312-80 csgb2312 csiso58gb231280 chinese gbk x-gbk"
    " cp936 ms936 windows-936 euc-cn x-euc-cn gb18030 iso-ir-58 gb-2312 gbk2312",
    "big5hkscs": "big5 big-5 big5-hkscs cn-big5 csbig5 x-x-big5 x-big5 cp950 ms950 big5-eten",
    "cp949": "euc-kr euckr cseuckr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean uhc"
    " windows-949 ms949 x-windows-949 iso-ir-149 ks_c_5601 cp51949",
    "euc_jp": "euc-jp eucjp x-euc-jp x-euc cseucpkdfmtjapanese eucjp-ms eucjp-win cp51932 ujis"
    " eucjpms euc_jis_2004 euc_jisx0213",
    "iso2022_jp": "iso-2022-jp csiso2022jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3"
    " iso-2022-jp-ext iso-2022-jp-2004 iso-2022-jp-ms cp50220 cp50221 cp50222 jis7 jis iso2022jp"
    " x-iso-2022-jp",
    "iso8859_8": "iso-8859-8-i iso-8859-8-e logical visual csiso88598i",
    "iso8859_6": "iso-8859-6-i iso-8859-6-e arabic",
    "koi8_u": "koi8-u koi8-ru koi8ru",
    "koi8_r": "koi8-r koi8 koi cskoi8r",
    "mac_roman": "x-mac-roman macintosh mac csmacintosh x-macroman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "hz": "hz-gb-2312 hz-gb2312",
    "utf-7": "unicode-1-1-utf-7 x-unicode-2-0-utf-7 csunicode11utf7 unicode-2-0-utf-7",
    "utf-8": "unicode-1-1-utf-8 utf8mb4 utf utf_8 utf-8n x-utf-8 unicode unicode20utf8"
    " unicode11utf8 utf-8-sig",
    "utf-16": "ucs-2 iso-10646-ucs-2 csunicode utf16",
}
"""Codec of Python → the names that mailers use for it."""
_CODECS = {name: codec for codec, names in _SUPERSETS.items() for name in names.split()}
# Windows code pages, in all the ways that mailers write them.
_CODECS |= {
    f"{prefix}{number}": f"cp{number}"
    for number in range(1250, 1259)
    for prefix in ("windows-", "windows", "x-cp", "win-", "win", "cp-", "ms-")
}

_SAYS_NOTHING = (
    "us-ascii ascii ansi_x3.4-1968 iso646-us iso-ir-6 7bit 8bit 7-bit 8-bit binary default none"
    " unknown unknown-8bit x-unknown x-default _autodetect _autodetect_all _autodetect_jpn auto"
    " auto-detect undefined iso-8859-x"
)
UNDECLARED = frozenset(_SAYS_NOTHING.split())
"""Names that say no more than no name: what is beyond ASCII is found out."""

_OF_LANGUAGE = {
    "ja": ("cp932", "euc_jp"),
    "zh": ("gb18030",),
    "zh-cn": ("gb18030",),
    "zh-hans": ("gb18030",),
    "zh-tw": ("big5hkscs",),
    "zh-hk": ("big5hkscs",),
    "zh-hant": ("big5hkscs",),
    "ko": ("cp949",),
    "ru": ("cp1251", "koi8_r"),
    "uk": ("cp1251", "koi8_u"),
    "be": ("cp1251",),
    "bg": ("cp1251",),
    "mk": ("cp1251",),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    "ar": ("cp1256",),
    "fa": ("cp1256",),
    "lt": ("cp1257",),
    "lv": ("cp1257",),
    "et": ("cp1257",),
    "vi": ("cp1258",),
    "th": ("cp874",),
    "pl": ("cp1250", "iso8859_2"),
    "cs": ("cp1250", "iso8859_2"),
    "sk": ("cp1250", "iso8859_2"),
    "hu": ("cp1250", "iso8859_2"),
    "sl": ("cp1250", "iso8859_2"),
    "hr": ("cp1250", "iso8859_2"),
    "ro": ("cp1250", "iso8859_16"),
}
"""Content-Language → the sets that its mails were written in before UTF-8."""

# Sets whose letters have several bytes: for them a fit is no accident.
_CODECS_OF_MANY = "cp932 gb18030 gbk gb2312 big5hkscs big5 cp949 cp950 euc_jp euc_kr johab utf-8"
_MANY_BYTES = frozenset(_CODECS_OF_MANY.split())


class DecodedText(NamedTuple):
    """The text. `known`: a set was named, and it is one. `fits`: every byte is a letter of it."""

    text: str
    known: bool
    fits: bool


def find_codec(name: str) -> str | None:
    """Python's codec for a character set as mailers name it; None where no such thing is known."""
    # Comments, quotes and spaces around the name are the mailer's.
    name = name.partition("(")[0].strip().strip("'\"<>;,= ").lower()[:60].replace(" ", "-")
    if name in UNDECLARED or not name:
        return "utf-8"
    # Our own table first: it names the superset.
    found = _CODECS.get(name) or _CODECS.get(name.replace("_", "-")) or name
    try:
        codec = codecs.lookup(found)
    except (LookupError, ValueError):
        return None
    # Some of Python's codecs are none of text.
    if codec.name.replace("_", "-") in _NEVER or not codec._is_text_encoding:
        return None
    return _CODECS.get(codec.name.replace("_", "-"), codec.name)


def is_declared(name: str) -> bool:
    """Whether the name says what is beyond ASCII."""
    name = name.strip().strip("'\" ").lower()
    return bool(name) and name not in UNDECLARED


def hints_of_languages(value: str) -> Iterable[str]:
    """The codecs that a Content-Language such as `ja, en` makes likely."""
    for tag in value.lower().replace(";", ",").split(",")[:5]:
        tag = tag.strip()
        yield from _OF_LANGUAGE.get(tag) or _OF_LANGUAGE.get(tag.partition("-")[0], ())


def decode_bytes(raw: bytes, charset: str, hints: tuple[str, ...] = ()) -> DecodedText:
    """The text of `raw`, whatever is true of `charset`. `hints`: codecs, the likeliest first.

    Never fails: what nothing fits becomes U+FFFD.
    """
    codec = find_codec(charset)
    declared = is_declared(charset) and codec is not None
    # Escapes show it, whatever the header says.
    if codec == "iso2022_jp" or (b"\x1b" in raw and has_japanese_escapes(raw)):
        return _decode_seven_bits(raw, declared, codec, hints)
    # ASCII is the same in nearly all sets, so nothing has to be known.
    if raw.isascii() and (codec is None or not _is_stateful(codec)):
        return DecodedText(raw.decode("ascii"), declared, declared or not is_declared(charset))
    if not declared:
        text, sure = _guess(raw, hints)
        return DecodedText(text, False, sure and not is_declared(charset))
    assert codec is not None
    return _decode_declared(raw, codec, hints)


def _decode_seven_bits(
    raw: bytes, declared: bool, codec: str | None, hints: tuple[str, ...]
) -> DecodedText:
    """ISO-2022-JP, said or seen. Bytes of eight bits without an escape show that it was a lie."""
    if not raw.isascii() and not has_japanese_escapes(raw):
        text, _ = _guess(raw, ("cp932", "euc_jp", *hints))
        return DecodedText(text, declared, False)
    text = decode_iso_2022_jp(raw)
    return DecodedText(text, declared, "\ufffd" not in text and (not declared or codec is not None))


def _decode_declared(raw: bytes, codec: str, hints: tuple[str, ...]) -> DecodedText:
    one_byte = _is_one_byte(codec)
    # A wrong name of a one-byte set fits every byte, so other signs are asked first.
    if one_byte and (text := _decode_strictly(raw, "utf-8")) is not None:
        return DecodedText(text, True, False)  # text of one byte a letter is never UTF-8 by chance
    if one_byte and _looks_like_pairs(raw):
        text, sure = _guess(raw, hints)
        if sure:
            return DecodedText(text, True, False)
    if (text := _decode_strictly(raw, codec)) is not None:
        return DecodedText(text, True, True)
    # A few broken letters: the name is right, the text is damaged.
    start = _decode_leniently(raw[:DETECTED_MOST], codec)
    letters = sum(1 for letter in start if letter > "\x7f")
    broken = start.count("\ufffd")
    few = broken <= max(1, letters * _BROKEN_MOST) and letters > 2 * broken
    if few or _is_stateful(codec) or codec.startswith("utf-32"):
        return DecodedText(_decode_leniently(raw, codec), True, False)
    return DecodedText(_guess(raw, hints)[0], True, False)


def _is_stateful(codec: str) -> bool:
    """Of seven bits, with escapes: what is no letter of it is no UTF-8 either."""
    return codec.startswith(("iso2022", "utf-16")) or codec in ("hz", "utf-7")


def _is_one_byte(codec: str) -> bool:
    return codec not in _MANY_BYTES and not _is_stateful(codec) and not codec.startswith("utf")


def _looks_like_pairs(raw: bytes) -> bool:
    """Whether most bytes beyond ASCII stand in runs: Latin letters with accents do not."""
    high = len(_HIGH.findall(raw[:DETECTED_MOST]))
    runs = sum(map(len, _HIGH_RUN.findall(raw[:DETECTED_MOST])))
    return high >= 4 and runs > high * 0.6


def _decode_strictly(raw: bytes, codec: str) -> str | None:
    """None where a byte does not fit."""
    if codec == "euc_jp":
        if "\ufffd" in decode_euc_jp(raw[:DETECTED_MOST])[:-2]:
            return None  # seen at once, since a broken byte takes long
        text = decode_euc_jp(raw)
        return None if "\ufffd" in text else text
    try:
        return raw.decode(codec)
    except (UnicodeError, ValueError):
        pass
    # Some mailers' Big5 has Microsoft's letters.
    if codec == "big5hkscs":
        return _decode_strictly(raw, "cp950")
    if codec in ("cp1252", "cp1254", "cp874", "cp1253", "cp1255", "cp1257", "cp1258"):
        return _with_controls(raw, codec)
    return None


def _with_controls(raw: bytes, codec: str) -> str | None:
    """The web reads the few bytes without a letter as C1 controls, which are left out here."""
    text = re.sub(rb"[\x81\x8d\x8f\x90\x9d]+", b"", raw)
    try:
        return text.decode(codec)
    except UnicodeError:
        return None


def _decode_leniently(raw: bytes, codec: str) -> str:
    if codec == "euc_jp":
        return decode_euc_jp(raw)
    try:
        return raw.decode(codec, "replace")
    except (UnicodeError, ValueError):  # UTF-7 and the ISO-2022 family give up even so
        return raw.decode("latin-1")


def _guess(raw: bytes, hints: tuple[str, ...]) -> tuple[str, bool]:
    """The text, and whether something fits. UTF-8 first, then the hints, then the detector."""
    # UTF-8 is never right by chance.
    if (text := _decode_strictly(raw, "utf-8")) is not None:
        return text, True
    for mark, codec in (
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (b"\x1b$)C", "iso2022_kr"),
    ):
        if raw.startswith(mark):
            return _decode_leniently(raw, codec), True
    # UTF-8 with a few broken letters is still UTF-8.
    mostly = raw[:DETECTED_MOST].decode("utf-8", "replace")
    if mostly.count("\ufffd") * 10 <= sum(1 for letter in mostly if letter > "\x7f"):
        return raw.decode("utf-8", "replace"), False
    found = find_codec(detect(raw[:DETECTED_MOST])) or "cp1252"
    wide = [hint for hint in hints if hint in _MANY_BYTES]
    narrow = [hint for hint in hints if hint not in _MANY_BYTES]
    # A Japanese mail may be in either of two sets: the detector tells them apart.
    order = [found] if found in wide else []
    order += [*wide, *narrow, found]
    for codec in dict.fromkeys(order):
        text = _decode_strictly(raw, codec) or ""
        # Control characters and private letters show that it was the wrong set.
        if text and not re.search("[\x00-\x08\x0e-\x1a\x80-\x9f\ue000-\uf8ff]", text):
            return text, True
    return _decode_leniently(raw, found), False
