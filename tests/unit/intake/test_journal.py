"""The journal: what was kept comes back in order, whatever the end of the file looks like."""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.spool.frames import MARK, decode, encode
from services.intake.spool.journal import Journal, claim, find_abandoned
from shared.wire import Record

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def record(number: int, size: int = 10) -> Record:
    return Record("requests", f"tkt_{number}", b"x" * size, [("ce_id", b"%d" % number)])


def frame(number: int, size: int = 10) -> bytes:
    return encode([record(number, size)], 1000.0 + number)


def opened(directory: Path, **options: int) -> Journal:
    journal = Journal(directory, **options)
    journal.open()
    return journal


def keys(journal: Journal, limit: int = 10**9) -> list[str]:
    return [found.records[0].key for found in journal.read_ahead(limit)]


def all_keys(journal: Journal) -> list[str]:
    found = []
    while frames := journal.read_ahead(10**9):
        found += [kept.records[0].key for kept in frames]
        journal.drained(len(frames), NOW)
    return found


values = st.one_of(st.none(), st.text(max_size=40).map(str.encode))
headers = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=8)), max_size=3)
records = st.builds(
    Record,
    st.text(max_size=8),
    st.text(max_size=8),
    values,
    headers,
    st.none() | st.integers(0, 7),
    st.none(),
)


@given(st.lists(st.lists(records, min_size=1, max_size=3), max_size=5), st.floats(0, 2e9))
def test_what_goes_in_comes_out(submissions: list[list[Record]], at: float) -> None:
    data = b"".join(encode(together, at) for together in submissions)
    frames, gaps = decode(data)
    assert gaps == []
    assert [list(found.records) for found in frames] == [
        [r._replace(headers=list(r.headers)) for r in s] for s in submissions
    ]
    assert {found.at for found in frames} <= {at}


@given(st.integers(0, 400), st.binary(max_size=30))
def test_a_torn_end_is_told_from_what_is_whole(cut: int, noise: bytes) -> None:
    whole = [frame(n) for n in range(5)]
    data = b"".join(whole)
    ends = [sum(map(len, whole[: n + 1])) for n in range(5)]
    torn = data[:cut] + noise
    frames, gaps = decode(torn)
    there = [end for end in ends if end <= cut]
    assert [found.end for found in frames][: len(there)] == there
    assert sum(gap.end - gap.start for gap in gaps) + sum(map(len, whole[: len(frames)])) == len(
        torn
    )


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_wrong_byte_costs_its_own_frame_only(where: int, flip: int) -> None:
    whole = [frame(n, 30) for n in range(5)]
    data = bytearray(b"".join(whole))
    where %= len(data)
    data[where] ^= flip
    hit = where // len(whole[0])
    frames, gaps = decode(bytes(data))
    assert [found.records[0].key for found in frames] == [f"tkt_{n}" for n in range(5) if n != hit]
    assert len(gaps) == 1


def test_no_text_looks_like_a_frame() -> None:
    with pytest.raises(UnicodeDecodeError):
        MARK.decode()


def test_frames_come_back_in_order_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path / "0")
    first.append([frame(0), frame(1)])
    first.append([frame(2)])
    first.close()
    second = opened(tmp_path / "0")
    assert second.pending == 3
    second.append([frame(3)])
    assert all_keys(second) == [f"tkt_{n}" for n in range(4)]
    assert second.pending == 0
    second.close()
    assert opened(tmp_path / "0").pending == 0


def test_what_is_drained_does_not_come_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "0")
    first.append([frame(n) for n in range(5)])
    assert keys(first, limit=1) == ["tkt_0"]
    first.drained(1, NOW)
    assert keys(first)[:2] == ["tkt_1", "tkt_2"]
    first.drained(2, NOW)
    first.close()
    second = opened(tmp_path / "0")
    assert (second.pending, all_keys(second)) == (2, ["tkt_3", "tkt_4"])


@pytest.mark.parametrize("lost", [1, 7, 20])
def test_a_torn_tail_loses_nothing_that_was_kept(tmp_path: Path, lost: int) -> None:
    first = opened(tmp_path / "0")
    first.append([frame(0), frame(1)])
    first.close()
    (path,) = (tmp_path / "0").glob("*.journal")
    path.write_bytes(path.read_bytes() + frame(2)[:-lost])
    second = opened(tmp_path / "0")
    second.append([frame(3)])
    assert all_keys(second) == ["tkt_0", "tkt_1", "tkt_3"]
    assert second.trouble() is None


def test_damage_is_told_and_kept(tmp_path: Path) -> None:
    first = opened(tmp_path / "0")
    first.append([frame(0), frame(1), frame(2)])
    first.close()
    (path,) = (tmp_path / "0").glob("*.journal")
    data = bytearray(path.read_bytes())
    data[len(frame(0)) + 20] ^= 1
    path.write_bytes(bytes(data))
    second = opened(tmp_path / "0")
    assert all_keys(second) == ["tkt_0", "tkt_2"]
    assert "could not be read" in str(second.trouble())
    assert second.sweep(NOW + timedelta(days=30)) == 0


def test_segments_end_and_follow_each_other(tmp_path: Path) -> None:
    journal = opened(tmp_path / "0", segment_bytes=200)
    for number in range(20):
        journal.append([frame(number)])
    assert len(list((tmp_path / "0").glob("*.journal"))) > 3
    assert all_keys(journal) == [f"tkt_{n}" for n in range(20)]
    assert list((tmp_path / "0").glob("*.journal")) == []
    journal.append([frame(20)])
    journal.close()
    assert all_keys(opened(tmp_path / "0")) == ["tkt_20"]


def test_copies_are_kept_a_day(tmp_path: Path) -> None:
    journal = opened(tmp_path / "0")
    journal.append([frame(0)])
    all_keys(journal)
    (copy,) = (tmp_path / "0").glob("*.drained")
    assert [found.records[0].key for found in decode(copy.read_bytes())[0]] == ["tkt_0"]
    assert journal.sweep(NOW + timedelta(hours=23, minutes=59)) == 0
    assert journal.sweep(NOW + timedelta(hours=24, minutes=1)) == 1
    assert not copy.exists()


def test_a_disk_that_fails_keeps_nothing_of_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path / "0")
    journal.append([frame(0)])

    def fails(_: int) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(OSError, match="I/O"):
            journal.append([frame(1)])
    journal.append([frame(2)])
    journal.close()
    assert all_keys(opened(tmp_path / "0")) == ["tkt_0", "tkt_2"]


def test_without_the_note_all_comes_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "0")
    first.append([frame(0), frame(1)])
    keys(first)
    first.drained(1, NOW)
    first.close()
    (tmp_path / "0" / "drained.json").write_bytes(b"{")
    assert all_keys(opened(tmp_path / "0")) == ["tkt_0", "tkt_1"]


def test_an_empty_segment_behind_a_full_one_loses_nothing(tmp_path: Path) -> None:
    """A crash between a new segment and its first frame, or a first write that failed."""
    first = opened(tmp_path, segment_bytes=1)
    first.append([frame(1)])
    first.close()
    (tmp_path / f"{1:012d}.journal").touch()
    second = opened(tmp_path)
    second.append([frame(2)])
    assert (second.pending, all_keys(second)) == (2, ["tkt_1", "tkt_2"])
    second.close()
    assert opened(tmp_path).pending == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("drain"), st.integers(1, 3)),
        st.tuples(st.just("crash"), st.booleans()),
    ),
    max_size=14,
)


@given(STEPS)
def test_whatever_was_kept_comes_in_order_through_every_crash(steps: list[tuple[str, int]]) -> None:
    """`crash`: the process ends, with a new and empty segment behind the others or without."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        journal, kept, came = opened(directory, segment_bytes=60), 0, []
        for step, number in [*steps, ("crash", True)]:
            if step == "append":
                journal.append([frame(kept + each) for each in range(number)])
                kept += number
            elif step == "drain" and (found := journal.read_ahead(10**9)[:number]):
                came += [each.records[0].key for each in found]
                journal.drained(len(found), NOW)
            elif step == "crash":
                journal.close()
                if number:
                    taken = [int(path.stem) for path in directory.glob("[0-9]*.*")]
                    (directory / f"{max(taken, default=-1) + 1:012d}.journal").touch()
                journal = opened(directory, segment_bytes=60)
        came += all_keys(journal)
        journal.close()
        assert came == [f"tkt_{number}" for number in range(kept)]
        assert journal.pending == 0


def test_each_process_has_its_own_and_takes_over_what_is_left(tmp_path: Path) -> None:
    one, two = claim(tmp_path), claim(tmp_path)
    assert one.directory != two.directory
    two.append([frame(0)])
    assert find_abandoned(tmp_path, one) is None
    two.close()
    left = find_abandoned(tmp_path, one)
    assert left is not None
    assert all_keys(left) == ["tkt_0"]
    left.close()
    two = claim(tmp_path)
    two.append([frame(1)])
    two.close()
    one.close()
    again = claim(tmp_path)
    assert (again.directory.name, again.pending) == ("1", 1)
