"""How far a child may go. Linux: the kernel holds these, so no input can talk its way around
them.
"""

from __future__ import annotations

import resource

MEMORY = 256 * 1024 * 1024
"""Bytes of address space: Python and its packages need 50 MB, a mail of 25 MiB three times its
size.
"""
WALL = 2.0
"""Seconds from the last byte in to the first byte out (R14)."""
CPU = 3
"""Seconds of processor time a mail may take: behind `WALL`, for a child whose parent is gone."""


def limit_resources() -> None:
    """No more memory than `MEMORY`, no files, no new processes, no core dump with somebody's mail
    in it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # No files of its own: what it answers goes through the pipe.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A broken reader can start nothing.
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def grant_time() -> None:
    """Counted from here: the limit is for the life of the process, and a warm child reads many
    mails.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Only the soft limit moves: it ends the child with SIGXCPU, which the parent can tell apart.
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU, resource.RLIM_INFINITY)
    )
