"""Running a short-lived program of the set-up (Maven, StorageTool) and telling what it said when it
fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence


class CannotPrepare(Exception):
    """Something of the embedded engine is missing or broken; the text says what, and what to do."""


async def run(argv: Sequence[str], *, what: str, env: Mapping[str, str] | None = None) -> None:
    """Run `argv` to its end. `CannotPrepare` names `what` and the last lines it printed; cancelling
    ends the program.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        # Together with the output: Maven tells errors on either.
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    if process.returncode != 0:
        # The last lines say why; all of it may be hundreds.
        tail = "\n".join(output.decode(errors="replace").strip().splitlines()[-15:])
        raise CannotPrepare(f"{what} failed with exit code {process.returncode}:\n{tail}")
