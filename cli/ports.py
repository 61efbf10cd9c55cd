"""Asking the kernel about ports."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Whether something listens on the port, or may not be asked (a port below 1024)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
