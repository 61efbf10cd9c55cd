"""What `signalbox up` runs: the table of programs, their ports and their environment. Nothing
is started here.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.up.alerts_secret import NAME as ALERTS_SECRET
from cli.up.supervise import Program
from shared.settings import kafka_variables

ROOT = Path(__file__).resolve().parents[2]
"""The clone (or the image's copy of it): `deploy/` and the services are found from here."""

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """A listening port: the program it belongs to, the setting that moves it, its default, its
    place after `--port-base`.
    """

    name: str
    program: str
    setting: str
    default: int
    place: int


# Name, program, the setting that moves it, default, place after `--port-base`.
PORTS = (
    Port("portal", "portal", "SIGNALBOX_PORTAL_PORT", 8000, 0),
    Port("intake", "intake", "SIGNALBOX_INTAKE_PORT", 8001, 1),
    Port("smtp", "smtp", "SIGNALBOX_SMTP_PORT", 2525, 2),
    Port("sink", "sink", "SIGNALBOX_SINK_PORT", 8025, 3),
    Port("sink-smtp", "sink", "SIGNALBOX_SINK_SMTP_PORT", 8026, 4),
    Port("kafka", "kafka", "SIGNALBOX_KAFKA_PORT", 29092, 5),
    Port("kafka-controller", "kafka", "SIGNALBOX_KAFKA_CONTROLLER_PORT", 29093, 6),
    Port("mongod", "mongod", "SIGNALBOX_MONGOD_PORT", 27018, 7),
    Port("status", "status", "SIGNALBOX_STATUS_PORT", 8002, 8),
    Port("router-metrics", "router", "SIGNALBOX_ROUTER_METRICS_PORT", 9101, 11),
    Port("sla-metrics", "sla", "SIGNALBOX_SLA_METRICS_PORT", 9102, 12),
    Port("front-metrics", "front", "SIGNALBOX_FRONT_METRICS_PORT", 9103, 13),
    Port("pager-metrics", "pager", "SIGNALBOX_PAGER_METRICS_PORT", 9104, 14),
    Port("courier-metrics", "courier", "SIGNALBOX_COURIER_METRICS_PORT", 9105, 15),
    Port("projector-metrics", "projector", "SIGNALBOX_PROJECTOR_METRICS_PORT", 9106, 16),
    Port("pulse-metrics", "pulse", "SIGNALBOX_PULSE_METRICS_PORT", 9107, 17),
    Port("auditor-metrics", "auditor", "SIGNALBOX_AUDITOR_METRICS_PORT", 9108, 18),
    Port("smtp-metrics", "smtp", "SIGNALBOX_SMTP_METRICS_PORT", 9109, 19),
    Port("portal-metrics", "portal", "SIGNALBOX_PORTAL_METRICS_PORT", 9110, 20),
    Port("intake-metrics", "intake", "SIGNALBOX_INTAKE_METRICS_PORT", 9111, 21),
    Port("status-metrics", "status", "SIGNALBOX_STATUS_METRICS_PORT", 9112, 22),
)

# A service that is missing here is never started by `up`.
SERVICES: dict[str, tuple[str, ...]] = {
    "sink": ("deploy.demo.sink",),
    "intake": ("services.intake", "api"),
    "smtp": ("services.intake", "smtp"),
    "router": ("services.router",),
    "sla": ("services.sla",),
    "front": ("services.notifier", "front"),
    "pager": ("services.notifier", "pager"),
    "courier": ("services.notifier", "courier"),
    "portal": ("services.portal", "web"),
    "status": ("services.portal", "status"),
    "projector": ("services.portal", "projector"),
    "pulse": ("services.portal", "pulse"),
    "auditor": ("services.auditor",),
}
"""Name → `python -m` words, in the order they are shown. The sink is the demo's far end and runs
only with it.
"""

BY_HTTP = frozenset({"portal", "intake", "status", "sink"})
"""Services whose own port speaks HTTP, and answers to /livez and /readyz."""

ENGINE = ("kafka", "mongod")
ENGINES_ALONE = "engines"
"""What `--only` names where Kafka and MongoDB are wanted and no service: for `signalbox erase`."""

NICENESS = {"courier": 1, "projector": 4, "sink": 5, "pulse": 10, "auditor": 10}
"""Who gives way when there is more to do than the machine can: figures and the demo's far end
first, then the screens, then mail and webhooks; taking a ticket in, routing it and waking people
never. Measured at 50 tickets/s on two cores.
"""


LATE = frozenset({"pulse", "auditor"})
"""No ticket, page or screen needs these: on a busy machine the start does not fail for them."""


class UnknownName(Exception):
    """`--only` or `--without` names something that is not in the table."""


def choose_services(
    *, only: Collection[str], without: Collection[str], demo: bool
) -> tuple[str, ...]:
    """The services to run; `only` wins over the demo's rule, so a test can have the sink alone, or
    `engines` and no service.
    """
    # `engines` is no service, so it stands alone.
    if set(only) == {ENGINES_ALONE}:
        return ()
    if unknown := sorted({*only, *without} - SERVICES.keys()):
        raise UnknownName(f"unknown: {', '.join(unknown)}; there are {', '.join(SERVICES)}")
    names = (
        [name for name in SERVICES if name in only]
        if only
        else [name for name in SERVICES if demo or name != "sink"]
    )
    return tuple(name for name in names if name not in without)


def assign_ports(
    programs: Collection[str], environ: Mapping[str, str], base: int | None
) -> dict[str, int]:
    """Port name → number for the programs that will run: from its setting, else from `base`, else
    the default.
    """
    return {
        # A setting wins over `--port-base`: it was written for this port.
        port.name: int(
            environ.get(port.setting) or (port.default if base is None else base + port.place)
        )
        for port in PORTS
        if port.program in programs
    }


def conflict_lines(ports: Mapping[str, int], taken: Collection[int]) -> list[str]:
    """One line for each port that cannot be had, naming the setting that moves it."""
    settings = {port.name: port.setting for port in PORTS}
    lines = [
        f"port {number} ({name}) is taken; move it with {settings[name]}"
        for name, number in ports.items()
        if number in taken
    ]
    numbers = list(ports.values())
    return lines + [
        f"port {number} is given to two things ({name}); move one with {settings[name]}"
        for name, number in ports.items()
        if numbers.count(number) > 1
    ]


def environment(
    environ: Mapping[str, str],
    *,
    ports: Mapping[str, int],
    data: Path,
    kafka: str,
    mongodb: str,
    demo: bool,
    clock_file: Path | None,
    files: str = "",
) -> dict[str, str]:
    """What every program gets: the caller's environment, and where everything is. `kafka` holds all
    that was said about Kafka; `files` is where files are kept, empty: as services find it out.
    """
    env = {
        # All variables of Kafka go: what they said is in the one address.
        **{name: value for name, value in environ.items() if name not in kafka_variables()},
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "MONGODB_URI": mongodb,
        "SIGNALBOX_DATA_DIR": str(data),
        "SIGNALBOX_DEMO": "1" if demo else "0",
    }
    # A secret of the operator's wins over the one that was made here.
    if not (environ.get("SIGNALBOX_SECRET") or environ.get("SIGNALBOX_SECRET_FILE")):
        env["SIGNALBOX_SECRET_FILE"] = str(data / "secret")
    if clock_file is not None:
        env["SIGNALBOX_CLOCK_FILE"] = str(clock_file.resolve())
    if not (environ.get("SIGNALBOX_ALERTS_SECRET") or environ.get("SIGNALBOX_ALERTS_SECRET_FILE")):
        env["SIGNALBOX_ALERTS_SECRET_FILE"] = str(data / ALERTS_SECRET)
    if files:
        env["SIGNALBOX_FILES"] = files
    env.setdefault("SIGNALBOX_DRAIN", "0")  # nobody shares requests out before one process each
    if demo:
        env.setdefault(
            "SIGNALBOX_DNS_ZONE", str(ROOT / "deploy" / "demo" / "dns.yaml")
        )  # who vouches for the demo's mail
    # Metrics ports are each program's own, see `own_environment`.
    for port in PORTS:
        if port.name in ports and not port.name.endswith("-metrics"):
            env[port.setting] = str(ports[port.name])
    for name, setting in (
        ("portal", "SIGNALBOX_PORTAL_URL"),
        ("intake", "SIGNALBOX_INTAKE_URL"),
        ("sink", "SIGNALBOX_SINK_URL"),
    ):
        if name in ports:
            # Addresses that the operator has set stay: there may be a proxy in front.
            env.setdefault(setting, f"http://{HOST}:{ports[name]}")
    return env


def service_programs(
    names: Collection[str], *, env: Mapping[str, str], ports: Mapping[str, int], data: Path
) -> list[Program]:
    """The services as programs; each knows its own name and its own metrics port."""
    return [
        Program(
            name=name,
            argv=(sys.executable, "-m", *SERVICES[name]),
            env={
                **env,
                **own_environment(name, ports),
                **(_make_auditor_env(names, env, ports) if name == "auditor" else {}),
            },
            cwd=ROOT,
            log=data / "logs" / f"{name}.log",
            ports=ports_of(name, ports),
            niceness=NICENESS.get(name, 0),
            # The demo's far end is not watched: no ticket waits for it.
            alive_url=None
            if name == "sink"
            else readiness_url(name, ports).replace("/readyz", "/livez"),
        )
        for name in names
    ]


def _make_auditor_env(
    names: Collection[str], env: Mapping[str, str], ports: Mapping[str, int]
) -> dict[str, str]:
    """What the auditor looks at besides the log: its neighbours; in the demo the far end's
    receipts, and ops' token to tell by.
    """
    probes = " ".join(
        f"{name}={readiness_url(name, ports)}" for name in names if name not in ("auditor", "sink")
    )
    found = {"SIGNALBOX_PROBES": probes}
    if env.get("SIGNALBOX_DEMO") == "1":
        found |= {
            "SIGNALBOX_AUDITOR_TOKEN": "demo-ops",
            "SIGNALBOX_RECEIPTS_URL": f"{env['SIGNALBOX_SINK_URL']}/demo/outbox?kind=page",
        }
    # What the operator has set stays.
    return {name: value for name, value in found.items() if name not in env}


def own_environment(name: str, ports: Mapping[str, int]) -> dict[str, str]:
    """`SIGNALBOX_INSTANCE` is the static group membership: the same after a restart, so no
    rebalance is waited for.
    """
    own = {"SIGNALBOX_INSTANCE": f"{name}-0"}
    if (metrics := ports.get(f"{name}-metrics")) is not None:
        own["SIGNALBOX_METRICS_PORT"] = str(metrics)
    return own


def ports_of(program: str, ports: Mapping[str, int]) -> dict[str, int]:
    """The ports of one program."""
    return {
        port.name: ports[port.name]
        for port in PORTS
        if port.program == program and port.name in ports
    }


def readiness_url(name: str, ports: Mapping[str, int]) -> str:
    """Where a service says that it does its work: at the port that it serves, or its metrics'."""
    return f"http://{HOST}:{readiness_port(name, ports)}/readyz"


def readiness_port(name: str, ports: Mapping[str, int]) -> int:
    """The HTTP port that a service serves, or else its metrics port."""
    return ports[name] if name in BY_HTTP else ports[f"{name}-metrics"]
