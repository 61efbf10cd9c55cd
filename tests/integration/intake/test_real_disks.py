"""Disks of the kernel's own: read-only, full, without inodes."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.intake.outage.lock import OutageLock
from services.intake.spool.disk_watch import DiskWatch, look_at
from tests.unit.intake.test_direct import until
from tests.unit.intake.test_disk_watch import Rig


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_what_is_seen_of_real_disks(tmp_path: Path) -> None:
    assert look_at(tmp_path) is None
    assert list(tmp_path.iterdir()) == [], "the probe leaves nothing behind"
    assert "is gone" in (look_at(tmp_path / "absent") or "")
    with mounted(tmp_path / "read-only", "ro,size=4m") as folder:
        assert "read-only" in (look_at(folder) or "")
    with mounted(tmp_path / "small", "size=4m") as folder:
        assert look_at(folder) is None
        (folder / "filler").write_bytes(b"x" * int(3.9 * (1 << 20)))
        assert "nearly full" in (look_at(folder) or "")
        (folder / "filler").unlink()
        assert look_at(folder) is None
    with mounted(tmp_path / "no-inodes", "size=4m,nr_inodes=2") as folder:
        (folder / "last").touch()
        assert "takes nothing" in (look_at(folder) or "")


async def test_a_disk_that_takes_no_diary_pages_all_the_same(tmp_path: Path) -> None:
    with mounted(tmp_path / "read-only", "ro,size=4m") as folder:
        rig = Rig(folder)
        rig.watch = rig.paging._watch = DiskWatch([folder], rig.clock)
        async with rig.runs():
            await rig.passes(12, None)
            await until(lambda: rig.got)
        assert "read-only" in rig.got[0].subject
        with OutageLock(folder / "intake" / "ops.lock") as watch:
            assert watch.is_ours(), "no file can be locked, and somebody must page"
