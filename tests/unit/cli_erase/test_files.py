"""A data directory with a person in it: copies go, logs are rewritten, what waits stops the
erasure.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.erase.files import in_the_way, sweep
from cli.erase.person import PersonToErase
from services.intake.http.answers import AnsweredBefore, Answers, Remembered
from services.intake.spool.frames import encode
from shared.wire import Record

ANN = PersonToErase(
    address="ann@shop.example",
    pseudonym="erased-0123456789",
    names=frozenset({"Ann Archer"}),
    tickets=frozenset({"tkt_ann"}),
    blobs=frozenset({"ab" * 32}),
    attachments=frozenset({"att_1"}),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in (
        "intake/spool/api",
        "intake/blobs",
        "intake/attachments",
        "intake/mail-smtp",
        "logs",
        "kafka",
        "auditor",
    ):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_copies_go_and_logs_lose_the_name(data: Path) -> None:
    with sqlite3.connect(data / "intake" / "directory.sqlite") as file:
        file.execute("CREATE TABLE records (value TEXT)")
        file.execute("INSERT INTO records VALUES ('ann@shop.example')")
    file.close()
    (data / "intake" / "mail-smtp" / "policies.json").write_text('{"Ann Archer": 1}')
    (data / "intake" / "policies.json").write_text("{}")
    (data / "intake" / "spool" / "api" / "000000000001.drained").write_bytes(b"\xff anything")
    (data / "logs" / "intake.log").write_text("bob@shop.example in\nANN@shop.example in\n")
    (data / "kafka" / "00000000.log").write_bytes(b"ann@shop.example")
    (data / "sink.jsonl").write_text(
        '{"to": "ann@shop.example"}\n{"ticket_id": "tkt_ann"}\n{"to": "bob@shop.example"}\n'
    )
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}

    assert in_the_way(data, ANN) == []
    counted, _ = sweep(data, ANN, dry_run=True)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before, (
        "a dry run changes nothing"
    )
    touched, left = sweep(data, ANN)
    assert sorted(touched) == sorted(counted)
    assert sorted(touched) == [
        "intake/directory.sqlite",
        "intake/mail-smtp/policies.json",
        "intake/spool/api/000000000001.drained",
        "logs/intake.log",
        "sink.jsonl",
    ]
    assert left == []
    assert (data / "intake" / "policies.json").exists(), "it does not name them"
    assert (
        data / "logs" / "intake.log"
    ).read_text() == "bob@shop.example in\nerased-0123456789@erased.invalid in\n"
    assert (data / "sink.jsonl").read_text() == '{"to": "bob@shop.example"}\n'
    assert (data / "kafka" / "00000000.log").exists(), "the engine's own"
    assert sweep(data, ANN) == ([], [])


def test_what_is_no_text_is_shown_to_a_person(data: Path) -> None:
    (data / "core.dump").write_bytes(b"\xff\xfe ann@shop.example")
    assert sweep(data, ANN) == ([], ["core.dump"])


def test_what_waits_is_in_the_way(data: Path) -> None:
    assert in_the_way(data, ANN) == []
    (data / "intake" / "spool" / "api" / "000000000001.journal").write_bytes(
        encode([Record("requests", "k", b"{}")], 1.0)
    )
    (data / "intake" / "blobs" / ("ab" * 32)).write_bytes(b"theirs")
    (data / "intake" / "blobs" / ("cd" * 32)).write_bytes(b"somebody's")
    (data / "intake" / "attachments" / "att_1.json").write_text("{}")
    (data / "intake" / "mail-smtp" / "000000000001.mail").write_bytes(b"From: Ann Archer")
    found = in_the_way(data, ANN)
    assert len(found) == 4
    for number, word in enumerate(("spool/api", "mail-smtp", "ab" * 32, "att_1")):
        assert word in found[number]


def test_a_spool_that_is_drained_is_not(data: Path) -> None:
    (data / "intake" / "spool" / "api" / "drained.json").write_text("{}")
    (data / "intake" / "spool" / "api" / "000000000002.journal").write_bytes(b"")
    assert in_the_way(data, ANN) == []


def test_answers_under_keys_lose_the_name_and_are_still_given(data: Path) -> None:
    path = data / "intake" / "answers.sqlite"
    now = datetime(2026, 11, 30, tzinfo=UTC)
    kept = Answers(path)
    kept.end(
        "hers", "d1", Remembered(200, b'{"by": "ann@shop.example", "name": "Ann Archer"}'), now
    )
    kept.end("his", "d2", Remembered(201, b'{"by": "bob@shop.example"}', "etag"), now)
    kept.end("none", "d3", Remembered(204, None), now)
    kept.close()

    assert sweep(data, ANN, dry_run=True) == (["intake/answers.sqlite"], [])
    assert b"Ann Archer" in path.read_bytes(), "a dry run changes nothing"
    assert sweep(data, ANN) == (["intake/answers.sqlite"], [])
    raw = b"".join(file.read_bytes() for file in path.parent.glob("answers.*"))
    assert b"Ann Archer" not in raw and b"ann@shop.example" not in raw

    again = Answers(path)
    found = {}
    for key, digest in (("hers", "d1"), ("his", "d2")):
        with pytest.raises(AnsweredBefore) as before:
            again.begin(key, digest, key)
        found[key] = before.value.found.body
    again.close()
    assert b"erased-0123456789@erased.invalid" in (found["hers"] or b"")
    assert found["his"] == b'{"by": "bob@shop.example"}'


def test_a_damaged_file_of_answers_is_left_to_a_person(data: Path) -> None:
    damaged = data / "intake" / "answers.sqlite"
    damaged.write_bytes(b"ann@shop.example, and longer than a header of one would be" * 100)
    assert sweep(data, ANN) == ([], ["intake/answers.sqlite"])
