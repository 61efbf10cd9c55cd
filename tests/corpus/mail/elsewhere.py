"""Corpora that other registries have: fetched by each registry's own client into the cache, and
compared with the hash that `elsewhere.txt` names.

A client that the machine does not have (cargo, go, mvn) leaves its corpora out; that is told.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.corpus.mail.sources import CACHE, HERE, LARGEST, Mail

FETCH_MOST = 300.0
"""Seconds for one package; Maven fetches its plugin the first time."""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

_MAILS = {
    "mail-parser (Rust)": ("mail-parser", r"/resources/eml/.*\.eml$"),
    "mime4j": ("org.apache.james:apache-mime4j-core:jar:tests", r"testmsgs/.*\.msg$"),
    "enmime (Go)": ("github.com/jhillyerd/enmime/v2", r"/testdata/.*\.raw$"),
}
"""Name of the corpus → package, and where its mails are."""

Files = dict[str, bytes]
"""Path in the archive → content."""


def elsewhere(package: str) -> Files:
    """The files of a package. Empty where it cannot be fetched here. Raises ValueError for an
    archive that is not the one that was looked at.
    """
    line = next(line for line in _lines() if line.split()[1] == package)
    client, _, version, digest = line.split()
    kept = CACHE / f"{client}-{package.replace('/', '+').replace(':', '+')}-{version}"
    if not kept.exists():
        if shutil.which(client) is None:
            print(f"{package} is left out: {client} is not installed")
            return {}
        try:
            _fetch(client, package, version, kept)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{package} could not be fetched: {type(error).__name__}")
            return {}
    if hashlib.sha256(kept.read_bytes()).hexdigest() != digest:
        kept.unlink()
        raise ValueError(f"{package} {version} is not the archive with the hash {digest}")
    return dict(_members(kept))


def mails_elsewhere() -> Iterator[Mail]:
    """Every mail of the packages, with or without an expectation of its own."""
    for name, (package, place) in _MAILS.items():
        for path, content in elsewhere(package).items():
            if re.search(place, path) and content and len(content) <= LARGEST:
                yield name, content


def _lines() -> list[str]:
    lines = (HERE / "elsewhere.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _fetch(client: str, package: str, version: str, kept: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="signalbox-corpus-") as folder:
        found = _CLIENTS[client](package, version, Path(folder))
        partial = kept.with_suffix(".part")
        shutil.copyfile(found, partial)
        partial.replace(kept)


def _run(command: list[str], folder: Path) -> str:
    return subprocess.run(
        command,
        cwd=folder,
        check=True,
        timeout=FETCH_MOST,
        capture_output=True,
        text=True,
    ).stdout


def _by_cargo(package: str, version: str, folder: Path) -> Path:
    """An empty crate that needs the package: cargo keeps what it fetches."""
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "corpus"\nversion = "0.0.0"\n'
        f'[dependencies]\n{package} = {{ version = "={version}", default-features = false }}\n'
    )
    _run(["cargo", "fetch", "--quiet"], folder)
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return next((home / "registry" / "cache").glob(f"*/{package}-{version}.crate"))


def _by_go(package: str, version: str, folder: Path) -> Path:
    told = json.loads(_run(["go", "mod", "download", "-json", f"{package}@{version}"], folder))
    return Path(told["Zip"])


def _by_maven(package: str, version: str, folder: Path) -> Path:
    group, name, kind, classifier = package.split(":")
    artifact = f"{group}:{name}:{version}:{kind}:{classifier}"
    _run(
        ["mvn", "-q", "-B", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"], folder
    )
    return next(folder.glob("*.jar"))


_CLIENTS: dict[str, Callable[[str, str, Path], Path]] = {
    "cargo": _by_cargo,
    "go": _by_go,
    "mvn": _by_maven,
}


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Nothing is unpacked to the disk."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for each in packed.infolist():
                if not each.is_dir():
                    yield each.filename, packed.read(each)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()
