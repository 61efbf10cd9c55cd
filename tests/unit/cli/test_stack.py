"""Which programs run, on which ports, with which environment."""

from pathlib import Path

import pytest

from cli.up import stack
from cli.up.stack import PORTS, SERVICES, UnknownName


def test_the_sink_runs_with_the_demo_alone() -> None:
    assert "sink" not in stack.choose_services(only=(), without=(), demo=False)
    assert stack.choose_services(only=(), without=("pulse",), demo=True) == tuple(
        name for name in SERVICES if name != "pulse"
    )
    assert stack.choose_services(only=("sink", "router"), without=(), demo=False) == (
        "sink",
        "router",
    )
    assert stack.choose_services(only=("engines",), without=(), demo=True) == (), (
        "Kafka and MongoDB alone, for `signalbox erase`"
    )


def test_a_misspelt_name_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"ruoter; there are sink, intake"):
        stack.choose_services(only=(), without=("ruoter",), demo=True)


def test_a_setting_moves_a_port_and_beats_the_base() -> None:
    ports = stack.assign_ports(("portal", "router"), {"SIGNALBOX_ROUTER_METRICS_PORT": "7"}, 15000)
    assert ports == {"portal": 15000, "router-metrics": 7, "portal-metrics": 15020}


def test_ports_and_places_are_all_different() -> None:
    assert (
        len({port.default for port in PORTS})
        == len({port.place for port in PORTS})
        == len({port.name for port in PORTS})
        == len(PORTS)
    )
    assert all(port.place < 25 for port in PORTS)


def test_every_service_has_a_port_to_be_asked_at() -> None:
    ports = stack.assign_ports(tuple(SERVICES), {}, None)
    assert len({stack.readiness_url(name, ports) for name in SERVICES}) == len(SERVICES)


def test_conflicts_name_the_setting() -> None:
    assert stack.conflict_lines({"portal": 8000, "intake": 8001}, {8001}) == [
        "port 8001 (intake) is taken; move it with SIGNALBOX_INTAKE_PORT"
    ]
    twice = stack.conflict_lines({"portal": 8000, "intake": 8000}, set())
    assert [line.split(";")[0] for line in twice] == [
        "port 8000 is given to two things (portal)",
        "port 8000 is given to two things (intake)",
    ]


def test_environment_says_where_everything_is() -> None:
    ports = stack.assign_ports(tuple(SERVICES), {}, 15000)
    env = stack.environment(
        {"PATH": "p", "SIGNALBOX_SECRET": "given"},
        ports=ports,
        data=Path("data"),
        kafka="k:1",
        mongodb="mongodb://m",
        demo=True,
        clock_file=None,
    )
    assert (env["KAFKA_BOOTSTRAP_SERVERS"], env["MONGODB_URI"], env["SIGNALBOX_DEMO"]) == (
        "k:1",
        "mongodb://m",
        "1",
    )
    assert env["SIGNALBOX_PORTAL_URL"] == "http://127.0.0.1:15000"
    assert env["SIGNALBOX_SINK_SMTP_PORT"] == "15004"
    assert "SIGNALBOX_SECRET_FILE" not in env, "a secret that was given is not replaced"
    assert "SIGNALBOX_CLOCK_FILE" not in env


def test_every_program_knows_its_own_name_and_metrics_port() -> None:
    programs = stack.service_programs(
        ("router", "portal"),
        env={"A": "b"},
        ports={"router-metrics": 15011, "portal": 15000},
        data=Path("data"),
    )
    router, portal = programs
    assert (
        router.env["SIGNALBOX_INSTANCE"],
        router.env["SIGNALBOX_METRICS_PORT"],
        router.env["A"],
    ) == ("router-0", "15011", "b")
    assert (router.argv[1:], portal.argv[1:]) == (
        ("-m", "services.router"),
        ("-m", "services.portal", "web"),
    )
    assert "SIGNALBOX_METRICS_PORT" not in portal.env
    assert portal.ports == {"portal": 15000}
