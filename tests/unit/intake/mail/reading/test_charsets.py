"""Bytes and what their mail calls them → the text that was written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.models import Trouble
from services.intake.mail.reading.text.charsets import decode_bytes, find_codec
from tests.support.mails import envelope, mail, multipart

SUPERSETS: list[tuple[str, str, bytes]] = [
    ("shift_jis", "①㈱髙", b"\x87\x40\x87\x8a\xfb\xfc"),
    ("Shift-JIS", "№", b"\x87\x82"),
    ("x-sjis", "ⅰ", b"\xfa\x40"),
    ("iso-2022-jp", "①㈱", b"\x1b$B-!-j\x1b(B"),
    ("ISO-2022-JP-MS", "Ⅳ髙", b"\x1b$B-8\x7c\x62\x1b(B"),
    ("iso-2022-jp", "ｻｰﾊﾞｰ ok", b"\x1b(I;0J^0\x1b(B ok"),
    ("iso-2022-jp", "ｱa", b"\x0e1\x0fa"),
    ("iso-2022-jp", "丂", b"\x1b$(D0!\x1b(B"),
    ("cp50220", "サーバー", b"\x1b$@%5!<%P!<\x1b(J"),
    ("euc-jp", "①サ", b"\xad\xa1\xa5\xb5"),
    ("x-euc-jp", "ｱ丂", b"\x8e\xb1\x8f\xb0\xa1"),
    ("gb2312", "镕", "镕".encode("gbk")),
    ("gb_2312-80", "€", "€".encode("gb18030")),
    ("gbk", "𠀀", "𠀀".encode("gb18030")),
    ("hz-gb-2312", "已", b"~{RQ~}"),
    ("euc-kr", "똠방각하", "똠방각하".encode("cp949")),
    ("ks_c_5601-1987", "햏", "햏".encode("cp949")),
    ("iso-2022-kr", "한글", "한글".encode("iso2022_kr")),
    ("big5", "碁銹裏墻", "碁銹裏墻".encode("cp950")),
    ("Big5-HKSCS", "嗰", "嗰".encode("big5hkscs")),
    ("iso-8859-1", "“it’s” €", b"\x93it\x92s\x94 \x80"),
    ("us-ascii", "it’s", b"it\x92s"),
    ("latin1", "ab", b"a\x81b"),
    ("iso-8859-9", "‘ğ’", b"\x91\xf0\x92"),
    ("tis-620", "ก…", b"\xa1\x85"),
    ("iso-8859-11", "ก", b"\xa1"),
    ("windows-874", "€ก", b"\x80\xa1"),
    ("koi8-u", "їґ", b"\xa7\xad"),
    ("koi8-ru", "їґ", b"\xa7\xad"),
    ("iso-8859-8-i", "שלום", "שלום".encode("iso8859_8")),
    ("x-mac-cyrillic", "Я", b"\x9f"),
    ("windows-31j", "①", b"\x87\x40"),
    ("win-1251", "Привет", "Привет".encode("cp1251")),
    ("cp-1252", "é", b"\xe9"),
    ("utf-7", "é", b"+AOk-"),
    ('"utf-8"', "é", "é".encode()),
    ("utf8mb4", "é", "é".encode()),
    ("utf-8 (Unicode)", "é", "é".encode()),
    ("utf-16", "hé", "hé".encode("utf-16")),
]


@pytest.mark.parametrize(("charset", "text", "raw"), SUPERSETS)
def test_a_name_means_its_superset(charset: str, text: str, raw: bytes) -> None:
    assert decode_bytes(raw, charset).text == text


LIES: list[tuple[str, str, bytes]] = [
    ("iso-8859-1, but UTF-8", "iso-8859-1", "Störung im Büro".encode()),
    ("us-ascii, but UTF-8", "us-ascii", "Störung im Büro".encode()),
    ("UTF-8, but GBK", "utf-8", "服务器从今天早上开始无法访问，请尽快处理。".encode("gbk")),
    ("latin, but GBK", "iso-8859-1", "服务器从今天早上开始无法访问，请尽快处理。".encode("gbk")),
    ("latin, but Cyrillic", "windows-1252", "Сервер не отвечает с утра".encode("cp1251")),
    ("iso-2022-jp, but UTF-8", "iso-2022-jp", "サーバーが止まりました".encode()),
    ("iso-2022-jp, but Shift_JIS", "iso-2022-jp", "サーバーが止まりました".encode("cp932")),
    ("iso-2022-jp, but EUC-JP", "iso-2022-jp", "サーバーが止まりました".encode("euc_jp")),
    ("utf-8, but ISO-2022-JP", "utf-8", "サーバーが止まりました".encode("iso2022_jp")),
    ("us-ascii, but ISO-2022-JP", "us-ascii", "サーバー ok".encode("iso2022_jp")),
    (
        "no such set, but Korean",
        "klingon",
        "서버가 응답하지 않습니다. 확인해 주세요.".encode("cp949"),
    ),
    ("none, Greek", "", "Ο διακομιστής δεν απαντά από το πρωί".encode("cp1253")),
    ("none, Thai", "", "เซิร์ฟเวอร์ไม่ตอบสนองตั้งแต่เช้า".encode("cp874")),
    ("none, German", "", "Störung im Büro, seit heute früh".encode("cp1252")),
    ("none, Korean", "", "정오부터 앱이 H12 오류를 반환합니다.".encode("cp949")),
    ("none, Russian KOI8-R", "8bit", "Сервер не отвечает с утра, помогите".encode("koi8_r")),
    ("escapes lost", "iso-2022-jp", b"$B%5!<%P!<(B down"),
]
TRUTH = {"escapes lost": "サーバー down"}


@pytest.mark.parametrize(("what", "charset", "raw"), LIES, ids=[case[0] for case in LIES])
def test_a_wrong_or_missing_name_is_found_out(what: str, charset: str, raw: bytes) -> None:
    text = decode_bytes(raw, charset).text
    sets = ("utf-8", "iso2022_jp", "gbk", "cp932", "euc_jp", "big5", "cp949", "cp1251", "koi8_r")
    wanted = TRUTH.get(what)
    if wanted is not None:
        assert text == wanted
    else:
        assert any(raw == _encoded(text, codec) for codec in (*sets, "cp1252", "cp1253", "cp874"))
        assert text.isascii() is False and "\ufffd" not in text
        assert any(word in text for word in WORDS), text


WORDS = (
    "Störung",
    "服务器",
    "Сервер",
    "サーバー",
    "伺服器",
    "서버가",
    "διακομιστής",
    "ตอบ",
    "오류",
)


def _encoded(text: str, codec: str) -> bytes | None:
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def test_one_broken_letter_leaves_the_rest_of_the_text_as_it_is() -> None:
    for charset, codec in (("utf-8", "utf-8"), ("euc-jp", "euc_jp"), ("gb2312", "gbk")):
        text = "服务器无法访问" * 5 if codec == "gbk" else "停止しました、確認" * 5
        found = decode_bytes(text.encode(codec) + b"\xff ok", charset)
        assert found.text.startswith(text) and found.text.endswith(" ok") and not found.fits


def test_a_stateful_set_is_never_read_as_utf_8() -> None:
    found = decode_bytes(b"\x1b$B%5\x7f\x7f!<\x1b(B H12", "iso-2022-jp")
    assert found.text.startswith("サ") and found.text.endswith(" H12") and "$B" not in found.text


HINTS: list[tuple[str, bytes, str]] = [
    (
        "the subject's set",
        mail("伺服".encode("big5"), {"Subject": b"=?big5?B?pfM=?="}),
        "伺服",
    ),
    (
        "the sender's name",
        mail("Błąd".encode("iso8859_2"), {"From": b"=?iso-8859-2?Q?Micha=B3?= <a@example.org>"}),
        "Błąd",
    ),
    (
        "another part",
        multipart(
            b"Content-Type: text/plain\r\n\r\n" + "ошибка".encode("koi8_r"),
            b"Content-Type: text/plain; charset=koi8-r\r\n\r\n" + "да".encode("koi8_r"),
        ),
        "ошибка\n\nда",
    ),
    (
        "the page's meta",
        mail(
            b'<html><meta charset="windows-1250"><p>' + "Źle".encode("cp1250"),
            {"Content-Type": "text/html"},
        ),
        "Źle",
    ),
    (
        "the language",
        mail("hiba: őű".encode("cp1250"), {"Content-Language": "hu-HU, en"}),
        "hiba: őű",
    ),
    (
        "a lie, and the subject",
        mail(
            "错误".encode("gbk"),
            {"Subject": b"=?gb2312?B?tO3O8w==?=", "Content-Type": "text/plain; charset=utf-8"},
        ),
        "错误",
    ),
]


@pytest.mark.parametrize(("raw", "text"), [case[1:] for case in HINTS], ids=[h[0] for h in HINTS])
def test_the_rest_of_the_message_says_the_set(raw: bytes, text: str) -> None:
    assert read_message(raw, envelope()).text == text


SUBJECTS: list[tuple[str, bytes, str]] = [
    ("raw GBK, and the body says so", "服务器故障".encode("gbk"), "服务器故障"),
    ("raw UTF-8", "Störung".encode(), "Störung"),
    ("raw bytes in a Q word", b"=?iso-8859-1?Q?St\xf6rung?=", "Störung"),
    ("raw UTF-8 in a Q word of UTF-8", "=?utf-8?Q?Störung?=".encode(), "Störung"),
    ("a question mark within", b"=?utf-8?Q?Why=3F_why??=", "Why? why?"),
    ("spaces within", b"=?utf-8?Q?St=C3=B6rung im B=C3=BCro?=", "Störung im Büro"),
    ("a letter cut in two, Q", b"=?utf-8?Q?St=C3?= =?utf-8?Q?=B6rung?=", "Störung"),
    ("a letter cut in two, B and Q", b"=?utf-8?B?U3TD?= =?UTF8?Q?=B6rung?=", "Störung"),
    ("base64 cut within four", b"=?utf-8?B?U3TDt?=\r\n =?utf-8?B?nJ1bmc=?=", "Störung"),
    (
        "escapes over words",
        b"=?iso-2022-jp?B?GyRCJTUhPA==?= =?iso-2022-jp?B?JVAhPBsoQg==?=",
        "サーバー",
    ),
    ("raw ISO-2022-JP", b"\x1b$B%5!<%P!<\x1b(B", "サーバー"),
    ("a word that was never closed", b"=?utf-8?Q?abc =?utf-8?Q?def?=", "=?utf-8?Q?abc def"),
]


@pytest.mark.parametrize(("value", "text"), [s[1:] for s in SUBJECTS], ids=[s[0] for s in SUBJECTS])
def test_subjects(value: bytes, text: str) -> None:
    raw = mail("故障".encode("gbk"), {"Subject": value, "Content-Type": "text/plain; charset=gbk"})
    assert read_message(raw, envelope()).subject == text


def test_a_file_name_of_raw_bytes_is_read_like_the_rest() -> None:
    part = b'Content-Type: text/x-log; name="\xb4\xed\xce\xf3.txt"\r\n\r\nx'
    body = b"Content-Type: text/plain; charset=gb2312\r\n\r\n\xb4\xed"
    (file,) = read_message(multipart(body, part), envelope()).attachments
    assert file.filename == "错误.txt"


_WEB = str.maketrans("〜‖−¢£¬—", "～∥－￠￡￢―")
_LETTERS = st.characters(
    codec="iso2022_jp", exclude_categories=["Cc"], exclude_characters="\\¥‾～∥－￠￡￢―~"
)


@given(st.text(_LETTERS, max_size=60))
def test_what_python_reads_as_japanese_we_read_alike_but_for_the_webs_letters(text: str) -> None:
    assert decode_bytes(text.encode("iso2022_jp"), "iso-2022-jp").text == text.translate(_WEB)
    assert decode_bytes(text.encode("euc_jp"), "euc-jp").text == text.translate(_WEB)


@given(
    st.binary(max_size=400),
    st.sampled_from(
        ["", "iso-2022-jp", "euc-jp", "gb2312", "utf-7", "big5", "utf-16", "klingon", "hz"]
    ),
)
def test_any_bytes_become_some_text(raw: bytes, charset: str) -> None:
    decode_bytes(raw, charset, ("cp932", "gb18030", "cp1252")).text.encode("utf-8", "surrogatepass")


HUGE = {
    "escapes": b"\x1b$B%5" * 200_000,
    "lost escapes": b"$B%5" * 250_000,
    "pairs": b"\x1b$B" + b"%5" * 500_000,
    "euc": b"\xa5\xb5\x8e" * 300_000,
    "high bytes": bytes(range(128, 256)) * 8_000,
}


@pytest.mark.costly
@pytest.mark.parametrize("raw", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("charset", ["", "iso-2022-jp", "euc-jp"])
def test_a_megabyte_take_no_longer_than_they_may(raw: bytes, charset: str) -> None:
    begun = time.process_time()
    reading = read_message(
        mail(raw, {"Content-Type": f"text/plain; charset={charset}"}), envelope()
    )
    assert time.process_time() - begun < 2 and (reading.text or Trouble.NO_TEXT in reading.troubles)


def test_no_codec_that_is_none_of_mail() -> None:
    assert find_codec("idna") is None and find_codec("rot13") is None and find_codec("no") is None
