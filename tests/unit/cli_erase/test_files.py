"""A data directory with a person in it: copies go, logs are rewritten, what waits stops the erasure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cli.erase.files import in_the_way, sweep
from cli.erase.person import Person
from services.intake.frames import encode
from shared.wire import Record

ANN = Person(
    address="ann@shop.example", pseudonym="erased-0123456789", names=frozenset({"Ann Archer"}), tickets=frozenset({"tkt_ann"}),
    blobs=frozenset({"ab" * 32}), attachments=frozenset({"att_1"}),
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("intake/spool/api", "intake/blobs", "intake/attachments", "intake/mail-smtp", "logs", "kafka", "auditor"):
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
    (data / "sink.jsonl").write_text('{"to": "ann@shop.example"}\n{"ticket_id": "tkt_ann"}\n{"to": "bob@shop.example"}\n')
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}

    assert in_the_way(data, ANN) == []
    counted, _ = sweep(data, ANN, dry_run=True)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before, "a dry run changes nothing"
    touched, left = sweep(data, ANN)
    assert sorted(touched) == sorted(counted)
    assert sorted(touched) == [
        "intake/directory.sqlite", "intake/mail-smtp/policies.json", "intake/spool/api/000000000001.drained",
        "logs/intake.log", "sink.jsonl",
    ]  # fmt: skip
    assert left == []
    assert (data / "intake" / "policies.json").exists(), "it does not name them"
    assert (data / "logs" / "intake.log").read_text() == "bob@shop.example in\nerased-0123456789@erased.invalid in\n"
    assert (data / "sink.jsonl").read_text() == '{"to": "bob@shop.example"}\n'
    assert (data / "kafka" / "00000000.log").exists(), "the engine's own"
    assert sweep(data, ANN) == ([], [])


def test_what_is_no_text_is_shown_to_a_person(data: Path) -> None:
    (data / "core.dump").write_bytes(b"\xff\xfe ann@shop.example")
    assert sweep(data, ANN) == ([], ["core.dump"])


def test_what_waits_is_in_the_way(data: Path) -> None:
    assert in_the_way(data, ANN) == []
    (data / "intake" / "spool" / "api" / "000000000001.journal").write_bytes(encode([Record("requests", "k", b"{}")], 1.0))
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
