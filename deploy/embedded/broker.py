"""One Kafka broker (KRaft, broker and controller in one process) from the jars that `kafka/pom.xml`
names.

The jars live in `<cache>/kafka-<version>`, shared by every data directory; each is held against
`kafka/jars.sha256`, so a repository that serves something else is noticed before it runs.

It wants a password: every user of the machine reaches its port. Clients prove theirs by SCRAM,
which shows nothing to somebody who has taken the port of a broker that is down. Both passwords are
made of the secret file beside the broker's folder: another file is another password.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import Template

from deploy.embedded.commands import CannotPrepare, run
from deploy.embedded.secret import keep_secret, password_of
from shared.bus import LoginRefused, log_in, set_password
from shared.kafka.access import KafkaAccess, read_access

HERE = Path(__file__).parent / "kafka"
# C1 alone: half the start-up time and memory, and a broker this small is bound by its clients.
# SerialGC: no idle collector threads. An AppCDS archive saved 0.5 s of 2 and cost 4 s and 50 MB to
# make, so there is none.
JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN")

USER, BROKER = "signalbox", "broker"
"""Who our processes are by SCRAM, and who the broker is to itself and its controller."""

LOCALE = {"LC_ALL": "C.UTF-8"}
"""Java names files in the charset of its locale; in the plain C locale it knows ASCII alone."""


def version() -> str:
    """The Kafka version that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", (HERE / "pom.xml").read_text())
    if found is None:
        raise CannotPrepare("deploy/embedded/kafka/pom.xml names no kafka.version")
    return found[1]


def jar_directory(cache: Path) -> Path:
    """Where the jars are, or will be."""
    return cache / f"kafka-{version()}"


def compare_jars(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One line for each jar that is missing, unknown, or not what `jars.sha256` says; empty when
    all is well.
    """
    lines = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [
        f"{name} is not listed in jars.sha256" for name in sorted(found.keys() - expected.keys())
    ]
    lines += [
        f"{name} has another hash"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    return lines


def expected_hashes() -> dict[str, str]:
    """File name to SHA-256, as committed."""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def hashes_of(directory: Path) -> dict[str, str]:
    """File name to SHA-256, as on disk."""
    return {
        jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in directory.glob("*.jar")
    }


async def fetch_jars(cache: Path) -> Path:
    """Bring the jars if they are not there, check each, and return their directory. Costs nothing
    the second time.
    """
    directory = jar_directory(cache)
    stamp, wanted = directory / "checked", (HERE / "jars.sha256").read_text()
    # The whole list is compared: a new one means that everything is fetched anew.
    if stamp.exists() and stamp.read_text() == wanted:
        return directory
    missing = [
        f"`{program}` ({package})"
        for program, package in _PROGRAMS
        if shutil.which(program) is None
    ]
    if missing:
        raise CannotPrepare(
            f"{' and '.join(missing)} must be on the PATH, or set KAFKA_BOOTSTRAP_SERVERS "
            "to a broker of yours"
        )
    # Rests of an older list would be on the class path, too.
    shutil.rmtree(directory, ignore_errors=True)
    await run(
        (
            "mvn",
            "-q",
            "-B",
            "-f",
            str(HERE / "pom.xml"),
            *_COPY,
            f"-DoutputDirectory={directory.resolve()}",
        ),
        what="fetching Kafka's jars with Maven",
    )
    # Checked before anything of it runs; what is wrong is not kept.
    if wrong := compare_jars(expected_hashes(), hashes_of(directory)):
        shutil.rmtree(directory, ignore_errors=True)
        raise CannotPrepare(
            "Kafka's jars are not the ones that were reviewed:\n" + "\n".join(wrong)
        )
    stamp.write_text(wanted)
    return directory


_PROGRAMS = (("java", "Debian: openjdk-17-jre-headless"), ("mvn", "Debian: maven"))
_COPY = ("dependency:copy-dependencies", "-DincludeScope=runtime")


async def prepare(*, jars: Path, data: Path, port: int, controller_port: int) -> tuple[str, ...]:
    """Write the settings, make the secret and format `data` on its first use, and return the
    command that starts the broker. Raises CannotPrepare.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    settings = data.parent / "kafka.properties"
    template = Template((HERE / "server.properties").read_text())
    # Anew at each start: ports and the password may have changed.
    _write_privately(
        settings,
        template.substitute(
            port=port,
            controller_port=controller_port,
            log_dir=property_text(str(data)),
            broker=BROKER,
            password=_password(data, BROKER),
        ),
    )
    _write_privately(data.parent / "client.properties", _for_java(port, data))
    # Formatted once: formatting again would give the cluster another id.
    if not (data / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A leading dash would read as an option of the tool.
        arguments = ("format", "-t", "A" + cluster[1:], "-c", str(settings.resolve()))
        await run(
            java(jars, "kafka.tools.StorageTool", arguments),
            what="formatting Kafka's data directory",
            env={**os.environ, **LOCALE},
        )
    return java(jars, "kafka.Kafka", (str(settings.resolve()),))


def secret_file(data: Path) -> Path:
    """Where the secret of the broker with this log is: beside the folder that holds the log."""
    return data.parent.with_name(f"{data.parent.name}.key")


def _password(data: Path, user: str) -> str:
    return password_of(keep_secret(secret_file(data.resolve())), f"kafka.{user}")


def address(port: int, data: Path) -> str:
    """What goes into KAFKA_BOOTSTRAP_SERVERS. It holds the password."""
    return KafkaAccess(
        (f"127.0.0.1:{port}",),
        mechanism="SCRAM-SHA-256",
        username=USER,
        password=_password(data, USER),
    ).address


async def let_us_in(port: int, data: Path, *, timeout: float = 10.0) -> bool:
    """Whether the broker is there and takes the password of this folder. One that has another
    password, or none yet (a new folder, or one of a release before), is told ours. Raises
    Unavailable.

    The broker's own user may do that: its password stands in the settings the broker was started
    with. It is shown to the broker as it is, so be sure that the port is our broker's.
    """
    ours = address(port, data)
    try:
        return await log_in(ours, timeout=timeout)
    # A new folder, or another password: the broker's own user sets ours.
    except LoginRefused:
        own = replace(
            read_access(ours), mechanism="PLAIN", username=BROKER, password=_password(data, BROKER)
        )
        await set_password(own.address, USER, _password(data, USER), timeout=timeout)
        return True


def _for_java(port: int, data: Path) -> str:
    """Settings of Kafka's own programs (`--command-config`)."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    who = f'username="{USER}" password="{_password(data, USER)}"'
    return (
        f"bootstrap.servers=127.0.0.1:{port}\n"
        "security.protocol=SASL_PLAINTEXT\n"
        "sasl.mechanism=SCRAM-SHA-256\n"
        f"sasl.jaas.config={module} required {who};\n"
    )


def _write_privately(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        # The file may be from before, with other rights.
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def property_text(path: str) -> str:
    """The path as Java reads it from a .properties file (java.util.Properties, "load"): beyond
    ASCII as `\\uXXXX`. `CannotPrepare` for what Kafka would read as something else.
    """
    if "," in path or path != path.strip() or not path.isprintable():
        raise CannotPrepare(
            f"Kafka cannot keep its log in {path!r}: it reads a comma as the end of a folder's "
            "name, and cannot hold spaces at its ends or control characters. "
            "Set SIGNALBOX_DATA_DIR to another folder"
        )
    units = path.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(_as_property(code) for code in codes)


def _as_property(code: int) -> str:
    # ASCII as it is, but for the backslash, which begins an escape there.
    if code > 126:
        return f"\\u{code:04x}"
    return "\\\\" if chr(code) == "\\" else chr(code)


def java(jars: Path, main: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """The command line for one of Kafka's programs."""
    return ("java", *JVM, "-cp", f"{jars.resolve()}/*", main, *arguments)
