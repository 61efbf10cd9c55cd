"""Commands find the engines of a running `signalbox up`; its secrets are made and shown to nobody."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from cli.settings import STATE_FILE, CommandSettings
from cli.up import stack
from cli.up.start import StartPlan
from deploy.embedded.commands import CannotPrepare
from deploy.embedded.secret import keep_secret, password_of
from shared.kafka.access import KafkaAccess

KAFKA = KafkaAccess(("127.0.0.1:1",), mechanism="PLAIN", username="u", password="p").address
MONGODB = "mongodb://u:p@127.0.0.1:2/"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("SIGNALBOX_", "KAFKA_", "MONGODB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SIGNALBOX_DATA_DIR", str(tmp_path))


def runs(folder: Path, addresses: object) -> None:
    (folder / STATE_FILE).write_text(json.dumps({"addresses": addresses}))


def test_a_running_up_is_found_by_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert CommandSettings().kafka_bootstrap_servers == "127.0.0.1:9092"
    runs(tmp_path, {"kafka": KAFKA, "mongodb": MONGODB})
    found = CommandSettings()
    assert (found.kafka_bootstrap_servers, found.mongodb_uri) == (KAFKA, MONGODB)
    monkeypatch.setenv("KAFKA_URL", "kafka://elsewhere:1")
    found = CommandSettings()
    assert (found.kafka_bootstrap_servers, found.mongodb_uri) == ("elsewhere:1", MONGODB)
    monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere")
    assert CommandSettings().mongodb_uri == "mongodb://elsewhere"


def test_commands_find_the_files_of_a_running_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs(tmp_path, {"kafka": KAFKA, "mongodb": MONGODB, "files": "/data/files"})
    assert CommandSettings().files == "/data/files"
    monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere")
    assert CommandSettings().files == "", "another installation's are not here"
    monkeypatch.setenv("SIGNALBOX_FILES", "s3://bucket")
    assert CommandSettings().files == "s3://bucket"


@pytest.mark.parametrize(
    ("mongodb", "said", "files"),
    [
        (None, {}, "/data/files"),
        ("mongodb://elsewhere", {}, ""),
        (None, {"SIGNALBOX_FILES": "s3://bucket"}, "s3://bucket"),
        ("mongodb://elsewhere", {"SIGNALBOX_FILES": "/srv/files"}, "/srv/files"),
    ],
)
def test_up_keeps_files_in_its_folder_where_everything_is_its_own(
    monkeypatch: pytest.MonkeyPatch, mongodb: str | None, said: dict[str, str], files: str
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    plan = StartPlan(
        data=Path("/data"),
        settings=CommandSettings(),
        services=(),
        ports={},
        demo=False,
        lived_in=False,
        kafka=KAFKA,
        mongodb=mongodb,
        clock_file=None,
        patience=1.0,
        environ=dict(os.environ),
    )
    assert plan.files_address == files


@pytest.mark.parametrize("addresses", [{}, None, {"kafka": "no address", "mongodb": MONGODB}, 5])
def test_a_state_that_says_nothing_is_passed_over(tmp_path: Path, addresses: object) -> None:
    runs(tmp_path, addresses)
    assert CommandSettings().kafka_bootstrap_servers == "127.0.0.1:9092"


def test_what_was_said_about_another_kafka_does_not_reach_the_embedded_one() -> None:
    env = stack.environment(
        {"KAFKA_SASL_USERNAME": "x", "KAFKA_TRUSTED_CERT_FILE": "/ca.pem", "KAFKA_PREFIX": "a."},
        ports={},
        data=Path("/data"),
        kafka=KAFKA,
        mongodb=MONGODB,
        demo=False,
        clock_file=None,
    )
    about = {name: value for name, value in env.items() if name.startswith("KAFKA_")}
    assert about == {"KAFKA_BOOTSTRAP_SERVERS": KAFKA, "KAFKA_PREFIX": "a."}


def test_a_secret_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "kafka.key"
    made = keep_secret(path)
    assert len(made) == 96
    path.chmod(0o644)
    assert keep_secret(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(f"{made[:40]}\n {made[40:]}\n")
    assert keep_secret(path) == made, "white space does not count, as for mongod"
    assert password_of(made, "kafka.signalbox") != password_of(made, "kafka.broker")
    assert password_of(made, "kafka.signalbox") != password_of(made[::-1], "kafka.signalbox")


@pytest.mark.parametrize("text", ["short", "ü" * 50, "a" * 2000, "semi;colon" * 10])
def test_what_is_no_secret_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mongodb.key"
    path.write_text(text)
    with pytest.raises(CannotPrepare, match=r"mongodb\.key is no secret.*Remove it") as refused:
        keep_secret(path)
    assert text not in str(refused.value)
