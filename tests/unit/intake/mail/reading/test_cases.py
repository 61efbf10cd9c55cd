"""Mails with one fault each, as they were seen on the running product, and what they say."""

from __future__ import annotations

import pytest

from services.intake.mail.reading.message import read_message
from tests.support.mails import envelope, written

JAPANESE = "サーバーが止まりました。"
SAYS: dict[str, tuple[str, str]] = {
    "case-04-iso2022jp-circled-digit": ("Help", f"①{JAPANESE}確認してください。\n㈱"),
    "case-04c-iso2022jp-no-charset": ("Help", f"{JAPANESE}確認してください。"),
    "case-04e-eucjp-circled-digit": ("Help", "①サーバー停止"),
    "case-04f-subject-iso2022jp-row13": ("㈱サンプル", "x"),
    "case-05-apple-blank-plain-html-pdf-html": (
        "Help",
        "Before the file.\n\nAfter the file: H12 since noon.",
    ),
    "case-05c-related-root-not-first": ("Help", "Our dynos answer H12.\n\n[image]"),
    "case-05d-smime-opaque-signed": ("Help", "Our dynos answer H12 since noon."),
    "case-06-stray-line-above-from": ("Help", "Since noon."),
    "case-06c-subject-broken-by-php": (
        "A very long subject that a PHP script broke over two",
        "Since noon.",
    ),
    "case-06d-from-line-of-mbox-inside": ("Help", "Since noon."),
    "case-06e-bom": ("Help", "Since noon."),
    "case-08-from-comma-unquoted": ("Help", "x"),
    "case-09-25-files": ("Help", "25 files"),
    "case-09b-empty-file": ("Help", "empty log attached"),
    "case-14-gb2312-no-charset-subject-says": (
        "服务器故障",
        "服务器从今天早上开始无法访问，请尽快处理。",
    ),
    "case-14b-raw-latin1-in-encoded-word": ("Störung im Büro", "x"),
    "case-14e-base64-declared-plain-body": (
        "Help",
        "The app answers H12 since noon.\nPlease help us, thanks.",
    ),
    "case-14f-missing-semicolon": ("Help", "Our dynos answer H12."),
}
FILES = {
    "case-05-apple-blank-plain-html-pdf-html": ["a.pdf"],
    "case-05c-related-root-not-first": ["attachment-1.png"],
    "case-09-25-files": [f"f{number}.txt" for number in range(25)],
    "case-09b-empty-file": ["log.txt"],
    "case-14f-missing-semicolon": ["a.png"],
}


@pytest.mark.parametrize("name", SAYS)
def test_each_case_is_read_as_it_was_meant(name: str) -> None:
    reading = read_message(written(name), envelope("premium@example.com"))
    assert (reading.subject, reading.text) == SAYS[name]
    assert reading.from_address == "premium@example.com"
    assert [one.filename for one in reading.attachments] == FILES.get(name, [])
    assert reading.reply == reading.text
