"""A partition's folder is looked at, and mended only when that is asked for."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support.batches import a_batch


def test_damage_is_shown_then_left_out_with_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TOPIC_PREFIX", "x-")
    folder = tmp_path / "kafka" / "log" / "x-t-1"
    folder.mkdir(parents=True)
    segment, index = folder / f"{100:020}.log", folder / f"{100:020}.index"
    torn = a_batch(100) + a_batch(103)[:-40] + a_batch(106)
    segment.write_bytes(torn)
    index.write_bytes(b"x")

    def repair(*more: str) -> tuple[int, str]:
        command = ["repair", "partition", "t/1", "--data-dir", str(tmp_path), *more]
        done = CliRunner().invoke(app, command)
        return done.exit_code, done.output

    code, said = repair()
    assert code == 1
    assert "lost are the records from offset 103 to 105" in said
    assert segment.read_bytes() == torn, "looking changes nothing"
    code, said = repair("--skip", "--json")
    assert code == 0
    assert segment.read_bytes() == a_batch(100) + a_batch(106)
    assert not index.exists(), "Kafka makes it anew"
    record = Path(orjson.loads(said)["record"])
    assert (record / segment.name).read_bytes() == torn
    (file,) = orjson.loads((record / "skipped.json").read_bytes())["files"]
    assert (file["damaged"][0]["first"], file["damaged"][0]["last"]) == (103, 105)
    assert repair() == (0, "Every record is whole.\n")
