"""The real thing: `signalbox up` in a folder of its own, with free ports and a clock that the test
moves.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]

PORTS = (11000 + 25 * ((16 * os.getpid() + n) % 850) for n in itertools.count())
"""Where each stack's ports begin. A part that is being started again leaves its port free for a
moment, and no other stack may take it then; below 32768 no client's connection takes it either."""


@dataclass
class ClockHand:
    """Moves the services' clock: the file holds the offset in seconds between their time and ours."""

    path: Path
    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, **span: float) -> datetime:
        """Forward by `minutes=31` and the like."""
        return self._to(self.offset + timedelta(**span))

    def set(self, at: datetime) -> datetime:
        """To an instant, which must not lie before the clock's present: promises made would break."""
        assert at >= self.now() - timedelta(seconds=1), "this clock only goes forward"
        return self._to(at - datetime.now(UTC))

    def _to(self, offset: timedelta) -> datetime:
        self.offset = offset
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{offset.total_seconds():.6f}")
        fresh.replace(self.path)
        return self.now()


@dataclass
class Stack:
    """Addresses (empty: it does not run here), the state file with names and pids, the clock."""

    process: subprocess.Popen[str]
    data: Path
    clock: ClockHand
    portal: str
    intake: str
    sink: str
    kafka: str
    mongodb: str
    smtp: str = ""
    """Host and port of the listener that takes mail in."""
    status: str = ""
    """The status page on its own."""
    set_up: str = ""
    """The link by which the first administrator begins; only without the demo."""

    def processes(self) -> dict[str, dict[str, Any]]:
        """Name → `{pid, …}` as `up` last wrote it."""
        return {
            entry["name"]: entry
            for entry in json.loads((self.data / "up.json").read_text())["processes"]
        }

    def pid(self, name: str) -> int:
        return int(self.processes()[name]["pid"] or 0)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """End one program by its own pid; `up` starts it again. Gives the pid that died. Raises
        ProcessLookupError where it does not run just now.
        """
        pid = self.pid(name)
        if not pid:  # 0 would be every process of our own group
            raise ProcessLookupError(name)
        os.kill(pid, how)
        return pid

    def wait_restarted(self, name: str, old: int, within: float = 60) -> None:
        eventually(lambda: self.pid(name) not in (0, old), within=within, what=f"{name} restarted")

    def log(self, name: str) -> str:
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")


@contextmanager
def running(
    *arguments: str,
    clock: bool = True,
    keep: Path | None = None,
    env: dict[str, str] | None = None,
    auditor: bool = False,
    demo: bool = True,
) -> Iterator[Stack]:
    """A whole stack, ended with SIGTERM. `keep`: use and keep this data folder; otherwise a
    temporary one. Without `demo` it is empty, and `Stack.set_up` is where one begins.

    The auditor runs only where it is asked for: a clock that is moved by days makes timers late,
    and it would page for that.
    """
    with tempfile.TemporaryDirectory(prefix="signalbox-test-") as folder:
        data = keep or Path(folder) / "data"
        hand = ClockHand(Path(folder) / "clock")
        hand.path.write_text("0")
        command = [
            sys.executable,
            "-m",
            "cli.main",
            "up",
            *(["--demo"] if demo else []),
            "--json",
            "--patience",
            "240",  # beside other stacks that start
            "--data-dir",
            str(data),
            *arguments,
        ]
        command += ["--port-base", str(next(PORTS)), "--free-ports"]
        if not auditor and "--only" not in arguments:
            command += ["--without", "auditor"]
        if clock:
            command += ["--clock-file", str(hand.path)]
        clean = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("SIGNALBOX_", "KAFKA_", "MONGODB_"))
        }
        clean["SIGNALBOX_VIEW_BUDGET"] = (
            # on a busy machine intake would rather accept than wait for the view; the router
            # refuses then
            "2"
        )
        clean["SIGNALBOX_UNDO_SECONDS"] = "0"  # a test that is about taking a reply back says so
        process = subprocess.Popen(
            command, cwd=ROOT, env={**clean, **(env or {})}, stdout=subprocess.PIPE, text=True
        )
        try:
            said = _read_until_ready(process, data)
            # with passwords, which the output leaves out
            at = json.loads((data / "up.json").read_text())["addresses"]
            threading.Thread(target=_drain, args=(process,), daemon=True).start()
            places = {
                name: at.get(name, "")
                for name in ("portal", "intake", "sink", "kafka", "mongodb", "smtp", "status")
            }
            yield Stack(process, data, hand, **places, set_up=said.get("set_up") or "")
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _read_until_ready(process: subprocess.Popen[str], data: Path) -> dict[str, Any]:
    """What `up` says when everything answers."""
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        try:
            said = json.loads(line)
        except ValueError:
            raise AssertionError(
                f"`up --json` wrote a line that is no JSON: {seen[-10:]}"
            ) from None
        if said.get("ready"):
            return dict(said)
    logs = "\n".join(
        f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}"
        for path in sorted((data / "logs").glob("*.log"))
    )
    raise AssertionError("the stack did not come up:\n" + "".join(seen[-10:]) + logs)


def _drain(process: subprocess.Popen[str]) -> None:
    """`up` goes on telling of restarts; a full pipe would stop it."""
    assert process.stdout is not None
    for _ in process.stdout:
        pass
