"""What `up` makes of the machine it finds: folders, secrets, limits, and others' words."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.up.launch import keep_demo_apart, private_folder
from cli.up.start import StartFailed
from deploy.embedded.broker import property_text
from deploy.embedded.commands import CannotPrepare
from deploy.embedded.mongo import explain
from deploy.embedded.secret import make_secret


@pytest.fixture
def umask() -> object:
    kept = os.umask(0o022)
    yield
    os.umask(kept)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("is_there", [True, False])
def test_the_data_folder_and_all_that_is_made_in_it_are_private(
    tmp_path: Path, is_there: bool
) -> None:
    data = tmp_path / "data"
    if is_there:
        data.mkdir(mode=0o755)
    private_folder(data)
    (data / "file").write_text("x")
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "file").stat().st_mode) == 0o600


def test_a_folder_of_the_demo_is_never_a_real_installations(tmp_path: Path) -> None:
    keep_demo_apart(tmp_path, demo=False)
    keep_demo_apart(tmp_path, demo=True)
    keep_demo_apart(tmp_path, demo=True)
    with pytest.raises(StartFailed, match="everybody knows their passwords"):
        keep_demo_apart(tmp_path, demo=False)


def test_an_empty_secret_is_made_anew_and_a_full_one_stays(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch()
    make_secret(secret)
    first = secret.read_text()
    assert len(first) > 40
    make_secret(secret)
    assert secret.read_text() == first
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def read_property(text: str) -> str:
    """As java.util.Properties reads a value."""
    out, at = [], 0
    while at < len(text):
        if text[at] != "\\":
            out.append(text[at])
            at += 1
        elif text[at + 1] == "u":
            out.append(chr(int(text[at + 2 : at + 6], 16)))
            at += 6
        else:
            out.append(text[at + 1])
            at += 2
    return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16")


@given(st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=","), min_size=1))
def test_a_folder_of_any_letters_is_the_same_for_kafka(name: str) -> None:
    written = property_text(f"/srv/{name}/log")
    assert written.isascii()
    assert read_property(written) == f"/srv/{name}/log"


@pytest.mark.parametrize("path", ["/srv/a,b", "/srv/a ", "/srv/a\nb"])
def test_a_folder_that_kafka_would_misread_is_refused(path: str) -> None:
    with pytest.raises(CannotPrepare, match="SIGNALBOX_DATA_DIR"):
        property_text(path)


def test_a_damaged_mongod_folder_is_explained() -> None:
    line = {"s": "F", "msg": "WiredTiger error", "attr": {"error": "checksum mismatch"}}
    quiet = {"s": "I", "msg": "Shutting down"}
    said = explain(f"{json.dumps(quiet)}\n{json.dumps(line)}", Path("/srv/mongodb"))
    assert "WiredTiger error: checksum mismatch" in said
    assert "/srv/mongodb" in said
    assert "signalbox rebuild" in said
    assert "Shutting down" not in said


def test_any_other_trouble_of_mongod_is_shown_as_it_is() -> None:
    assert explain("illegal instruction", Path("/srv/mongodb")) == "illegal instruction"
