"""What a backup is on a disk: whole or not there, and every change of it is noticed."""

from __future__ import annotations

import stat
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.backup.archive import Archive, ArchiveWriter, BadArchive
from cli.backup.frames import files_named, pack, unpack
from cli.backup.manifest import FLOW, Manifest
from shared.bus.rewriting import RawRecord
from shared.topics import TOPICS

MEMBERS = {"topics/tickets/0/00000000000000000000.gz": b"records", "files/att_a": b"{}"}
RAWS = st.builds(
    RawRecord,
    st.integers(0, 2**40),
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=99),
    st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple),
    st.integers(-1, 2**42),
)


def manifest(into: ArchiveWriter, **more: object) -> Manifest:
    said = {"made_at": datetime(2026, 11, 30, tzinfo=UTC), "prefix": "p-", "topics": {}}
    return Manifest.model_validate({**said, "committed": {}, "members": into.members, **more})


def written(path: Path, **more: object) -> Path:
    with ArchiveWriter(path) as into:
        for name, raw in MEMBERS.items():
            into.write(name, raw)
        into.finish(manifest(into, **more))
    return path


@pytest.fixture(params=["backup", "backup.tar"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_what_was_written_is_read_in_order(path: Path) -> None:
    archive = Archive(written(path))
    assert list(archive.verified()) == list(MEMBERS.items())
    assert archive.manifest.files == ["att_a"]
    inside = [path, *(path.rglob("*") if path.is_dir() else ())]
    assert not [each for each in inside if stat.S_IMODE(each.stat().st_mode) & 0o077]


def test_what_was_not_finished_is_no_backup(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ArchiveWriter(path) as into:
        into.write("files/att_a", b"{}")
        raise ZeroDivisionError
    assert list(path.parent.iterdir()) == []
    with pytest.raises(BadArchive, match="there is no"):
        Archive(path)


def test_one_that_is_there_is_not_overwritten(path: Path) -> None:
    written(path)
    with pytest.raises(FileExistsError):
        ArchiveWriter(path)


def changed(path: Path, name: str, raw: bytes | None) -> Path:
    """The backup with one member changed, or left out."""
    members = dict(MEMBERS) if raw is None else {**MEMBERS, name: raw}
    if raw is None:
        del members[name]
    if path.is_dir():
        if raw is None:
            (path / name).unlink()
        else:
            (path / name).write_bytes(raw)
        return path
    with tarfile.open(path) as tar:
        kept = tar.extractfile("manifest.json")
        assert kept is not None
        text = kept.read()
    path.unlink()
    with ArchiveWriter(path) as into:
        for each, content in members.items():
            into.write(each, content)
        into.finish(Manifest.model_validate_json(text))
    return path


@pytest.mark.parametrize(
    ("raw", "why"), [(b"{ }", "is not what was written"), (None, "is missing")]
)
def test_a_changed_member_is_noticed(path: Path, raw: bytes | None, why: str) -> None:
    archive = Archive(changed(written(path), "files/att_a", raw))
    with pytest.raises(BadArchive, match=why):
        list(archive.verified())


def test_a_tar_that_was_cut_off_is_no_backup(tmp_path: Path) -> None:
    path = written(tmp_path / "b.tar")
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(BadArchive):
        Archive(path)


def test_a_newer_release_s_is_refused(path: Path) -> None:
    with pytest.raises(BadArchive, match="newer"):
        Archive(written(path, format=2))


@given(st.lists(RAWS, max_size=5))
def test_records_come_back_as_they_were(raws: list[RawRecord]) -> None:
    assert list(unpack(pack(raws))) == raws


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({"type": "TicketOpened", "attachments": ["att_a", "att_b"]}, {"att_a", "att_b"}),
        ({"type": "MailReceived", "blob": "b" * 64, "attachments": ["log.txt"]}, {"b" * 64}),
        ({"type": "NoteAdded", "attachments": None}, set()),
        ({"type": "MailReceived", "blob": ""}, set()),
        (None, set()),
    ],
)
def test_the_files_that_an_event_needs(event: dict[str, object] | None, names: set[str]) -> None:
    assert files_named(event) == names


def test_every_topic_has_its_place_in_the_flow() -> None:
    assert set(FLOW) == set(TOPICS)
    assert len(FLOW) == len(set(FLOW))
