"""What `signalbox doctor` looks at: everything here that a run or the tests need, and what to do
where it is missing.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cli.doctor import cluster
from cli.doctor.finding import CheckResult
from cli.up import stack
from cli.up.ports import is_taken
from deploy.embedded import broker, mongo
from deploy.embedded.commands import CannotPrepare
from shared.settings import names_kafka, names_mongodb

# What Kafka 4 asks for.
NEEDED_JAVA = 17
NEEDED_DISK = 2_000_000_000


def examine() -> list[CheckResult]:
    """All findings, in the order a set-up goes."""
    return [check() for check in CHECKS]


def python() -> CheckResult:
    """pip refuses an older one (`requires-python`), so here is only what there is."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return CheckResult("python", "ok", version)


def packages() -> CheckResult:
    """The versions that are installed against those of the lock file."""
    lock = stack.ROOT / "requirements.lock"
    if not lock.exists():
        return CheckResult(
            "packages", "warning", "no requirements.lock here", "run signalbox from its clone"
        )
    wrong = find_differing_packages(lock.read_text(), installed_version)
    if wrong:
        return CheckResult("packages", "warning", "; ".join(wrong[:5]), "run `make setup` again")
    return CheckResult("packages", "ok", "as requirements.lock says")


def installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def find_differing_packages(lock: str, version_of: Callable[[str], str | None]) -> list[str]:
    """One phrase for each package of the lock that is installed in another version; markers may
    leave some out on purpose.
    """
    # `name==version`, with or without a marker behind it.
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    found = [(name, wanted, version_of(name)) for name, wanted in pinned]
    return [
        f"{name} is {have}, not {wanted}"
        for name, wanted, have in found
        if have is not None and have != wanted
    ]


def java() -> CheckResult:
    if names_kafka(os.environ):
        return CheckResult("java", "ok", "not needed: KAFKA_BOOTSTRAP_SERVERS is set")
    advice = (
        "install openjdk-17-jre-headless (Debian's name), or set KAFKA_BOOTSTRAP_SERVERS to a "
        "broker of yours"
    )
    if shutil.which("java") is None:
        return CheckResult("java", "missing", "not on the PATH", advice)
    said = subprocess.run(("java", "-version"), capture_output=True, text=True, check=False).stderr
    major = java_major(said)
    if major is None or major < NEEDED_JAVA:
        return CheckResult(
            "java", "missing", said.splitlines()[0] if said else "says nothing", advice
        )
    return CheckResult("java", "ok", said.splitlines()[0])


def java_major(said: str) -> int | None:
    """17 from `openjdk version "17.0.15" 2025-04-15`."""
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else None


def maven() -> CheckResult:
    if names_kafka(os.environ) or broker.jar_directory(_cache()).exists():
        return CheckResult("maven", "ok", "not needed any more")
    if shutil.which("mvn") is None:
        return CheckResult(
            "maven", "missing", "not on the PATH", "install maven: it fetches Kafka's jars once"
        )
    return CheckResult("maven", "ok", "on the PATH")


def jars() -> CheckResult:
    """Each jar's hash against the committed list."""
    if names_kafka(os.environ):
        return CheckResult("jars", "ok", "not needed: KAFKA_BOOTSTRAP_SERVERS is set")
    directory = broker.jar_directory(_cache())
    if not directory.exists():
        return CheckResult(
            "jars", "warning", "not fetched yet", "`signalbox up` does it, or `make setup`"
        )
    if wrong := broker.compare_jars(broker.expected_hashes(), broker.hashes_of(directory)):
        return CheckResult(
            "jars",
            "missing",
            "; ".join(wrong[:5]),
            f"remove {os.path.relpath(directory)}: they are fetched again",
        )
    return CheckResult("jars", "ok", f"Kafka {broker.version()}, every hash as committed")


def mongod() -> CheckResult:
    if names_mongodb(os.environ):
        return CheckResult("mongod", "ok", "not needed: MONGODB_URI is set")
    try:
        found = mongo.locate(_cache())
    except CannotPrepare as problem:
        return CheckResult("mongod", "missing", "none", str(problem))
    said = subprocess.run((str(found), "--version"), capture_output=True, text=True, check=False)
    if said.returncode != 0:
        return CheckResult(
            "mongod",
            "missing",
            (said.stderr or said.stdout).strip(),
            "it does not run here; set MONGODB_URI",
        )
    return CheckResult("mongod", "ok", said.stdout.splitlines()[0])


def chromium() -> CheckResult:
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(shutil.which(name) for name in names):
        advice = "install chromium: the browser tests of `make test` need it, nothing else does"
        return CheckResult("chromium", "warning", "not on the PATH", advice)
    return CheckResult("chromium", "ok", "on the PATH")


def ports() -> CheckResult:
    names = (*stack.SERVICES, *stack.ENGINE)
    numbers = stack.assign_ports(names, os.environ, None)
    lines = stack.conflict_lines(
        numbers, {number for number in numbers.values() if is_taken(number)}
    )
    if lines:
        return CheckResult(
            "ports",
            "warning",
            "; ".join(lines),
            "or `signalbox up --free-ports`, if it is not Signalbox that runs already",
        )
    return CheckResult("ports", "ok", f"{len(numbers)} free, the portal's is {numbers['portal']}")


def disk() -> CheckResult:
    data = Path(os.environ.get("SIGNALBOX_DATA_DIR") or ".data").resolve()
    # The folder may not be made yet: its nearest parent is on the same disk.
    while not data.exists():
        data = data.parent
    free = shutil.disk_usage(data).free
    found = f"{free / 1e9:.0f} GB free"
    if free < NEEDED_DISK:
        return CheckResult(
            "disk",
            "missing",
            found,
            f"make {NEEDED_DISK // 10**9} GB free, or set SIGNALBOX_DATA_DIR to another disk",
        )
    return CheckResult("disk", "ok", found)


def _cache() -> Path:
    return Path(os.environ.get("SIGNALBOX_CACHE_DIR") or stack.ROOT / ".cache")


# In the order in which a set-up goes: what comes later needs what comes before.
CHECKS: Sequence[Callable[[], CheckResult]] = (
    python,
    packages,
    java,
    maven,
    jars,
    mongod,
    cluster.kafka,
    cluster.mongodb,
    chromium,
    ports,
    disk,
)
