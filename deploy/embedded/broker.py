"""One Kafka broker (KRaft, broker and controller in one process) from the jars that `kafka/pom.xml` names.

The jars live in `<cache>/kafka-<version>`, shared by every data directory; each is held against `kafka/jars.sha256`, so
a repository that serves something else is noticed before it runs.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from deploy.embedded.commands import CannotPrepare, run

HERE = Path(__file__).parent / "kafka"
# C1 alone: half the start-up time and memory, and a broker this small is bound by its clients. SerialGC: no idle
# collector threads. An AppCDS archive saved 0.5 s of 2 and cost 4 s and 50 MB to make, so there is none.
JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN")


def version() -> str:
    """The Kafka version that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", (HERE / "pom.xml").read_text())
    if found is None:
        raise CannotPrepare("deploy/embedded/kafka/pom.xml names no kafka.version")
    return found[1]


def jar_directory(cache: Path) -> Path:
    """Where the jars are, or will be."""
    return cache / f"kafka-{version()}"


def differing(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One line for each jar that is missing, unknown, or not what `jars.sha256` says; empty when all is well."""
    lines = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"{name} is not listed in jars.sha256" for name in sorted(found.keys() - expected.keys())]
    lines += [f"{name} has another hash" for name in sorted(expected.keys() & found.keys()) if expected[name] != found[name]]
    return lines


def expected_hashes() -> dict[str, str]:
    """File name to SHA-256, as committed."""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def hashes_of(directory: Path) -> dict[str, str]:
    """File name to SHA-256, as on disk."""
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in directory.glob("*.jar")}


async def fetch_jars(cache: Path) -> Path:
    """Bring the jars if they are not there, check each, and return their directory. Costs nothing the second time."""
    directory = jar_directory(cache)
    stamp, wanted = directory / "checked", (HERE / "jars.sha256").read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return directory
    missing = [f"`{program}` ({package})" for program, package in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise CannotPrepare(f"{' and '.join(missing)} must be on the PATH, or set KAFKA_BOOTSTRAP_SERVERS to a broker of yours")
    shutil.rmtree(directory, ignore_errors=True)
    await run(
        ("mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *_COPY, f"-DoutputDirectory={directory.resolve()}"),
        what="fetching Kafka's jars with Maven",
    )
    if wrong := differing(expected_hashes(), hashes_of(directory)):
        shutil.rmtree(directory, ignore_errors=True)
        raise CannotPrepare("Kafka's jars are not the ones that were reviewed:\n" + "\n".join(wrong))
    stamp.write_text(wanted)
    return directory


_PROGRAMS = (("java", "Debian: openjdk-17-jre-headless"), ("mvn", "Debian: maven"))
_COPY = ("dependency:copy-dependencies", "-DincludeScope=runtime")


async def prepare(*, jars: Path, data: Path, port: int, controller_port: int) -> tuple[str, ...]:
    """Write the settings, format `data` on its first use, and return the command that starts the broker."""
    data.mkdir(parents=True, exist_ok=True)
    settings = data.parent / "kafka.properties"
    template = Template((HERE / "server.properties").read_text())
    settings.write_text(template.substitute(port=port, controller_port=controller_port, log_dir=data.resolve()))
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A leading dash would read as an option of the tool.
        arguments = ("format", "-t", "A" + cluster[1:], "-c", str(settings.resolve()))
        await run(java(jars, "kafka.tools.StorageTool", arguments), what="formatting Kafka's data directory")
    return java(jars, "kafka.Kafka", (str(settings.resolve()),))


def java(jars: Path, main: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """The command line for one of Kafka's programs."""
    return ("java", *JVM, "-cp", f"{jars.resolve()}/*", main, *arguments)
