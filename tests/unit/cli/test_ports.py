"""Who listens on a port, asked of the kernel."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cli.up import ports
from cli.up.ports import HOST, free_port, listens

pytestmark = pytest.mark.skipif(not Path("/proc/net").exists(), reason="there is no /proc here")


def test_a_process_listens_while_it_does() -> None:
    here = os.getpid()
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert [listens(here, port), listens(here, port)] == [True, True]
        assert not listens(os.getppid(), port), "the port is another process's"
        assert not listens(here, free_port())
    assert not listens(here, port)
    with socket.create_server((HOST, 0)) as another:  # it may have the same descriptor
        assert not listens(here, port)
        assert listens(here, another.getsockname()[1])
    assert not listens(2**22 + 1, port), "there is no such process"


def test_what_was_found_once_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []

    def count(link: Path) -> str:
        looks.append(link)
        return real(link)

    real = ports._target_of
    monkeypatch.setattr(ports, "_target_of", count)
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]
    try:
        with socket.create_server((HOST, 0)) as server:
            port = server.getsockname()[1]
            assert listens(os.getpid(), port)
            assert len(looks) > 100
            looks.clear()
            assert listens(os.getpid(), port)
            assert len(looks) == 1
            looks.clear()
        assert not listens(os.getpid(), port)
        assert looks == [], "nobody listens there, so no descriptor is looked at"
    finally:
        for file in files:
            os.close(file)
