"""Every file of a mail is on its ticket, or named there."""

from __future__ import annotations

import pytest

from services.intake.mail.admission.requests import (
    MOST_TEXT,
    TOO_MANY,
    KeptFile,
    extract_texts,
    notes_on_files,
)
from services.intake.mail.reading.message import read_message
from tests.support.mails import envelope, mail

GONE = "why-not"


def lost(*names: str, why: str) -> list[KeptFile]:
    return [KeptFile(name, why_not=why) for name in names]


NOTES: list[tuple[list[KeptFile], int, list[str]]] = [
    ([KeptFile("a.txt", "att_1")], 0, []),
    (lost("log.txt", why="empty"), 0, ["log.txt is empty and was left out."]),
    (lost("a", "b", why="empty"), 0, ["a and b are empty and were left out."]),
    (
        lost("a.exe", why="infected"),
        0,
        ["a.exe was left out: our virus scanner knows it as harmful."],
    ),
    (lost("a.iso", why="too-large"), 0, ["a.iso is too large and was left out."]),
    (lost("a", why=GONE), 0, ["a could not be kept."]),
    (
        lost("f20", "f21", "f22", why=TOO_MANY),
        0,
        ["3 more files are in the mail, which support can open: f20, f21 and f22."],
    ),
    (lost("f20", why=TOO_MANY), 0, ["1 more file is in the mail, which support can open: f20."]),
    ([], 7, ["7 more files are in the mail, which support can open."]),
    (
        [*lost("x", why="empty"), *lost("f20", why=TOO_MANY)],
        1,
        [
            "x is empty and was left out.",
            "2 more files are in the mail, which support can open: f20.",
        ],
    ),
    (
        lost(*(f"f{number}" for number in range(22)), why=TOO_MANY),
        0,
        [
            "22 more files are in the mail, which support can open: "
            + ", ".join(f"f{number}" for number in range(20))
            + " and 2 others."
        ],
    ),
]


@pytest.mark.parametrize(("files", "beyond", "notes"), NOTES)
def test_what_is_said_of_files_that_the_ticket_does_not_have(
    files: list[KeptFile], beyond: int, notes: list[str]
) -> None:
    assert notes_on_files(files, beyond) == notes


def test_the_notes_stand_below_the_text_however_long_it_is() -> None:
    reading = read_message(mail("word " * 40_000), envelope())
    said = extract_texts(reading, lost("log.txt", why="empty"), new=True)
    assert len(said.text) <= MOST_TEXT
    assert said.text.endswith("in the mail itself.)\n\n[log.txt is empty and was left out.]")
