"""What `signalbox doctor` looks at: everything here that a run or the tests need, and what to do where it is missing."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import stack
from cli.ports import is_taken
from deploy.embedded import broker, mongo
from deploy.embedded.commands import CannotPrepare

NEEDED_JAVA = 17
NEEDED_DISK = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """`state` is ok, warning (something will not work, the rest will) or missing (`up` cannot start). `advice` says what to do."""

    name: str
    state: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """All findings, in the order a set-up goes."""
    return [check() for check in CHECKS]


def python() -> Finding:
    """pip refuses an older one (`requires-python`), so here is only what there is."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", "ok", version)


def packages() -> Finding:
    """The versions that are installed against those of the lock file."""
    lock = stack.ROOT / "requirements.lock"
    if not lock.exists():
        return Finding("packages", "warning", "no requirements.lock here", "run signalbox from its clone")
    wrong = differing_packages(lock.read_text(), installed_version)
    if wrong:
        return Finding("packages", "warning", "; ".join(wrong[:5]), "run `make setup` again")
    return Finding("packages", "ok", "as requirements.lock says")


def installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def differing_packages(lock: str, version_of: Callable[[str], str | None]) -> list[str]:
    """One phrase for each package of the lock that is installed in another version; markers may leave some out on purpose."""
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    found = [(name, wanted, version_of(name)) for name, wanted in pinned]
    return [f"{name} is {have}, not {wanted}" for name, wanted, have in found if have is not None and have != wanted]


def java() -> Finding:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Finding("java", "ok", "not needed: KAFKA_BOOTSTRAP_SERVERS is set")
    advice = "install openjdk-17-jre-headless (Debian's name), or set KAFKA_BOOTSTRAP_SERVERS to a broker of yours"
    if shutil.which("java") is None:
        return Finding("java", "missing", "not on the PATH", advice)
    said = subprocess.run(("java", "-version"), capture_output=True, text=True, check=False).stderr
    major = java_major(said)
    if major is None or major < NEEDED_JAVA:
        return Finding("java", "missing", said.splitlines()[0] if said else "says nothing", advice)
    return Finding("java", "ok", said.splitlines()[0])


def java_major(said: str) -> int | None:
    """17 from `openjdk version "17.0.15" 2025-04-15`."""
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else None


def maven() -> Finding:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or broker.jar_directory(_cache()).exists():
        return Finding("maven", "ok", "not needed any more")
    if shutil.which("mvn") is None:
        return Finding("maven", "missing", "not on the PATH", "install maven: it fetches Kafka's jars once")
    return Finding("maven", "ok", "on the PATH")


def jars() -> Finding:
    """Each jar's hash against the committed list."""
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return Finding("jars", "ok", "not needed: KAFKA_BOOTSTRAP_SERVERS is set")
    directory = broker.jar_directory(_cache())
    if not directory.exists():
        return Finding("jars", "warning", "not fetched yet", "`signalbox up` does it, or `make setup`")
    if wrong := broker.differing(broker.expected_hashes(), broker.hashes_of(directory)):
        return Finding("jars", "missing", "; ".join(wrong[:5]), f"remove {os.path.relpath(directory)}: they are fetched again")
    return Finding("jars", "ok", f"Kafka {broker.version()}, every hash as committed")


def mongod() -> Finding:
    if os.environ.get("MONGODB_URI"):
        return Finding("mongod", "ok", "not needed: MONGODB_URI is set")
    try:
        found = mongo.locate(_cache())
    except CannotPrepare as problem:
        return Finding("mongod", "missing", "none", str(problem))
    said = subprocess.run((str(found), "--version"), capture_output=True, text=True, check=False)
    if said.returncode != 0:
        return Finding("mongod", "missing", (said.stderr or said.stdout).strip(), "it does not run here; set MONGODB_URI")
    return Finding("mongod", "ok", said.stdout.splitlines()[0])


def chromium() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(shutil.which(name) for name in names):
        advice = "install chromium: the browser tests of `make test` need it, nothing else does"
        return Finding("chromium", "warning", "not on the PATH", advice)
    return Finding("chromium", "ok", "on the PATH")


def ports() -> Finding:
    names = (*stack.SERVICES, *stack.ENGINE)
    numbers = stack.assign_ports(names, os.environ, None)
    lines = stack.conflict_lines(numbers, {number for number in numbers.values() if is_taken(number)})
    if lines:
        return Finding("ports", "warning", "; ".join(lines), "or `signalbox up --free-ports`, if it is not Signalbox that runs already")
    return Finding("ports", "ok", f"{len(numbers)} free, the portal's is {numbers['portal']}")


def disk() -> Finding:
    data = Path(os.environ.get("SIGNALBOX_DATA_DIR") or ".data").resolve()
    while not data.exists():
        data = data.parent
    free = shutil.disk_usage(data).free
    found = f"{free / 1e9:.0f} GB free"
    if free < NEEDED_DISK:
        return Finding("disk", "missing", found, f"make {NEEDED_DISK // 10**9} GB free, or set SIGNALBOX_DATA_DIR to another disk")
    return Finding("disk", "ok", found)


def _cache() -> Path:
    return Path(os.environ.get("SIGNALBOX_CACHE_DIR") or stack.ROOT / ".cache")


CHECKS: Sequence[Callable[[], Finding]] = (python, packages, java, maven, jars, mongod, chromium, ports, disk)
