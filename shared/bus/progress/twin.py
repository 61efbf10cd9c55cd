"""One process for each instance name (SIGNALBOX_INSTANCE).

The name is a static membership: Kafka gives a process that comes back under it its partitions at
once, and takes them from whoever has it. Two processes with one name would take them from each
other again and again. So before it joins, a process looks who the group's member of its name is.
What it finds is often itself, killed a moment ago: on the same machine the kernel knows, elsewhere
the session's end shows it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from shared.errors import Unavailable


class Member(NamedTuple):
    """Of a consumer group. `client` is what it called itself: a group and an `identity`."""

    id: str
    client: str
    host: str


class Members(Protocol):
    """`Admin.members`."""

    async def __call__(self, group: str) -> list[Member]: ...


@functools.cache
def identity() -> str:
    """This process, as another one can look for it: `machine.pid.start`."""
    return f"{_machine()}.{os.getpid()}.{_read_start(os.getpid())}"


def is_alive(client: str) -> bool | None:
    """Whether the process that called itself so is alive; None where this machine cannot tell."""
    try:
        machine, pid, started = client.rpartition("@")[2].split(".")
    except ValueError:
        return None
    if machine != _machine():
        return None
    return _read_start(int(pid)) == started


async def refuse_twin(
    members: Members, group: str, instance: str, session: float, *, every: float = 0.5
) -> None:
    """Raises Unavailable where a living process has the membership `instance` of the group. Waits
    for `session` seconds where only the end of a session can tell.
    """
    until = time.monotonic() + session
    while True:
        # Kafka adds a random part to the name of a static member.
        found = [each for each in await members(group) if each.id.startswith(f"{instance}-")]
        others = [each for each in found if not each.client.endswith(f"@{identity()}")]
        # True and False are sure knowledge of this machine; None needs the session's end.
        alive = {each: is_alive(each.client) for each in others}
        living = [each for each, lives in alive.items() if lives]
        unknown = [each for each, lives in alive.items() if lives is None]
        # A member that is still listed after a whole session has sent heartbeats: it lives.
        if living or (unknown and time.monotonic() > until):
            other = (living or unknown)[0]
            raise Unavailable(
                "kafka",
                f"another process is {instance} already ({other.client} at {other.host}); give "
                "each process a SIGNALBOX_INSTANCE of its own",
            )
        if not unknown:
            return
        await asyncio.sleep(every)


@functools.cache
def _machine() -> str:
    """One boot of one kernel and one namespace of process numbers; a random word without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        # Containers share the kernel and number their processes anew: the namespace tells them
        # apart.
        return f"{boot[:12]}{Path('/proc/self/ns/pid').stat().st_ino:x}"
    except OSError:
        return os.urandom(8).hex()


def _read_start(pid: int) -> str:
    """When the process began, in ticks since boot; empty: it is gone."""
    try:
        # Numbers of processes are used again; with its start time one is unique until reboot.
        return start_in(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return ""


def start_in(stat: str) -> str:
    """Field 22 of a process's `stat` (proc(5)); empty for one that only waits to be buried."""
    # The second field is the program's name in brackets and may hold blanks and brackets: cut at
    # the last one.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
