"""Asking the kernel about ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Whether something listens on the port, or may not be asked (a port below 1024)."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the servers do: TIME_WAIT is no obstacle
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


_LISTENING = "0A"  # TCP_LISTEN of the kernel's include/net/tcp_states.h


# The answer is asked for every two seconds, for each program.
_known: dict[tuple[int, int], tuple[Path, str]] = {}
"""Process and port → the descriptor at which it was seen to listen, and what that links to. A
number of a socket is given once, so while the link is the same, so is the socket.
"""


def listens(pid: int, port: int) -> bool:
    """Whether the process itself listens on the port. An answer from the port alone does not say
    so: another program may have taken it first. True where the kernel has no /proc to ask.

    The kernel's tables of sockets take milliseconds to read, so they are read only where something
    listens, and no more once the process was found to.
    """
    if not is_taken(port):
        return False
    if (known := _known.get((pid, port))) and _target_of(known[0]) == known[1]:
        return True
    # No /proc: an answer on the port has to do.
    if not Path("/proc/net").exists():
        return True
    found = _find_in_tables(pid, port)
    if found is None:
        return False
    _known[(pid, port)] = found
    return True


def _find_in_tables(pid: int, port: int) -> tuple[Path, str] | None:
    try:
        for name in ("tcp", "tcp6"):
            # Of the process, not of this one: it may live in another network namespace.
            table = Path(f"/proc/{pid}/net/{name}")
            sockets = (
                {f"socket:[{inode}]" for inode in _listeners(table, port)}
                if table.exists()
                else set()
            )
            if sockets:
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    if (target := _target_of(link)) in sockets:
                        return link, target
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended while we looked
        pass
    return None


def _listeners(table: Path, port: int) -> Iterator[str]:
    """Inodes of the sockets that listen on `port`, from a table as proc(5) describes it."""
    # Columns: number, local address:port in hex, remote address, state, …, inode (the tenth).
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _target_of(link: Path) -> str:
    """What a descriptor links to: `socket:[123]`; empty: it was closed while we looked."""
    try:
        return str(link.readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
