"""Forbids the tests of `make unit` to start a process or to speak to anything but this machine.

Python tells an audit hook of each process that is started and of each connection (PEP 578). A hook
stays for the life of the process, so it is asked each time whether it is on. multiprocessing tells
no hook: its children are seen when they have ended.
"""

from __future__ import annotations

import ipaddress
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STARTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
SPEAKS = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo"})

_guards: list[list[str]] = []
"""What the guard that is on has seen; empty: none is on."""


class Forbidden(Exception):
    """What is done is not done. Code under test may take the error; it is in the guard's list."""


def fault(event: str, arguments: tuple[Any, ...]) -> str | None:
    """What is wrong with an audit event, in words; None: nothing."""
    if event in STARTS:
        return f"{event}: a process is started"
    if event in SPEAKS:
        host = arguments[0] if event == "socket.getaddrinfo" else _host(arguments[1])
        if not _is_here(host):
            return f"{event}: {host!r} is not this machine"
    return None


def _host(address: object) -> object:
    return address[0] if isinstance(address, tuple) else None  # a path: a socket of Unix


def _is_here(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(text))  # `0x7f000001` is a number, too
        except OSError:
            return False  # a name: somebody would be asked for it
    return address.is_loopback or address.is_unspecified


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _guards and (event in STARTS or event in SPEAKS):
        wrong = fault(event, arguments)
        if wrong is not None:
            _guards[-1].append(wrong)
            raise Forbidden(wrong)


def _faults_of_children() -> int:
    """Page faults of all children that have ended; each has some."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


_is_heard = False


@contextmanager
def guarded() -> Iterator[list[str]]:
    """While it is on, what is forbidden raises Forbidden where it is done, in any thread, and is
    added to the list that is given.
    """
    global _is_heard
    if not _is_heard:
        sys.addaudithook(_hear)
        _is_heard = True
    seen: list[str] = []
    before = _faults_of_children()
    _guards.append(seen)
    try:
        yield seen
    finally:
        _guards.pop()
        if _faults_of_children() != before:
            seen.append("a child process ended")
