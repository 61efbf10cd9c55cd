"""`make unit`: nothing under tests/unit starts a process or speaks to another machine, and files
that take long are told of.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
import ssl
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from httpx._transports import default
from jinja2 import Environment

from tests.support.file_times import Cost, add, table
from tests.support.guarding import Forbidden, fault, guarded
from tests.unit.intake.building import POLICIES, Bench

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("event", "arguments", "is_fault"),
    [
        ("subprocess.Popen", ("ls", ["ls"], None, None), True),
        ("os.fork", (), True),
        ("os.posix_spawn", ("ls", ["ls"], {}), True),
        ("os.system", (b"ls",), True),
        ("socket.connect", (None, ("93.184.216.34", 80)), True),
        ("socket.connect", (None, ("2606:2800:21f::1", 80, 0, 0)), True),
        ("socket.sendto", (None, ("8.8.8.8", 53)), True),
        ("socket.getaddrinfo", ("example.com", 80, 0, 0, 0), True),
        ("socket.connect", (None, ("127.0.0.1", 80)), False),
        ("socket.connect", (None, ("::1", 80, 0, 0)), False),
        ("socket.connect", (None, "/run/a.sock"), False),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0), False),
        ("socket.getaddrinfo", (b"127.0.0.1", 80, 0, 0, 0), False),
        ("open", ("/etc/passwd", "r", 0), False),
    ],
)
def test_what_is_forbidden(event: str, arguments: tuple[object, ...], is_fault: bool) -> None:
    assert (fault(event, arguments) is not None) == is_fault


def test_a_process_and_a_stranger_are_stopped_and_named() -> None:
    with guarded() as seen:
        with pytest.raises(Forbidden):
            subprocess.run([sys.executable, "-c", ""])
        with pytest.raises(Forbidden), socket.socket() as one:
            one.connect(("192.0.2.1", 80))
    assert [line.partition(":")[0] for line in seen] == ["subprocess.Popen", "socket.connect"]
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_a_child_of_multiprocessing_is_seen_when_it_has_ended() -> None:
    with guarded() as seen:
        child = multiprocessing.get_context("spawn").Process(target=os.getpid)
        child.start()
        child.join()
    assert "a child process ended" in seen


def test_every_unit_test_is_guarded(request: pytest.FixtureRequest) -> None:
    """The hooks of tests/unit/conftest.py are called for each test below it."""
    text = (ROOT / "tests" / "unit" / "conftest.py").read_text()
    hooks = re.findall(r"def (pytest_\w+)\(.*?\).*?:\n    return \(yield from watched", text)
    assert set(hooks) == {"pytest_runtest_setup", "pytest_runtest_call"}


def test_the_files_that_took_longest_come_first() -> None:
    costs: dict[str, Cost] = defaultdict(Cost)
    for file, when, seconds, cpu in [
        ("a.py", "setup", 1.0, 0.5),
        ("a.py", "call", 0.5, 0.25),
        ("a.py", "teardown", 0.5, 0.25),
        ("b.py", "setup", 0.0, 0.0),
        ("b.py", "call", 3.0, 0.1),
        ("b.py", "setup", 0.0, 0.0),
    ]:
        add(costs, file, when, seconds, cpu)
    assert [line.split() for line in table(costs, 1)] == [
        ["seconds", "CPU", "s", "tests", "file"],
        ["3.0", "0.1", "2", "b.py"],
        ["5.0", "1.1", "3", "all", "files"],
    ]


def test_what_is_made_once_is_still_each_ones_own() -> None:
    escaping, plain = Environment(autoescape=True), Environment(autoescape=False)
    drawn = [each.from_string("{{ x }}").render(x="<") for each in (escaping, plain, escaping)]
    assert drawn == ["&lt;", "<", "&lt;"]

    one, other = Bench(), Bench()
    one.log.publishes("default", 2, POLICIES["default"])
    found = [bench.log.policies.get("default") for bench in (one, other, Bench())]
    assert [each and each.version for each in found] == [2, 1, 1]

    contexts = [default.create_ssl_context(verify=verify) for verify in (True, False)]
    assert [each.verify_mode for each in contexts] == [ssl.CERT_REQUIRED, ssl.CERT_NONE]
