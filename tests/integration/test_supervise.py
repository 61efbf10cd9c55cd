"""The supervisor with small real processes: what dies comes back, and nothing stays behind however
it ends.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.up.ports import free_port, listens
from cli.up.supervise import Program, Supervisor
from tests.support.waiting import eventually

SLEEPER = "import signal, time\nwhile True: time.sleep(60)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True: time.sleep(60)"
WITH_GRANDCHILD = f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid, flush=True)\n{SLEEPER}"


def program(folder: Path, name: str, code: str, grace: float = 8) -> Program:
    return Program(
        name,
        (sys.executable, "-c", code),
        dict(os.environ),
        cwd=folder,
        log=folder / f"{name}.log",
        ports={"x": 1},
        grace=grace,
    )


def is_alive(pid: int) -> bool:
    """A zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def said(supervisor: Supervisor) -> dict[str, dict[str, Any]]:
    return {
        entry["name"]: entry for entry in json.loads(supervisor.state_file.read_text())["processes"]
    }


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(eventually, condition)


async def test_what_dies_comes_back_and_the_state_file_knows(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(tmp_path / "up.json", lambda name, state: told.append((name, state)))
    supervisor.start([program(tmp_path, "one", SLEEPER), program(tmp_path, "two", SLEEPER)])
    child = supervisor.children["one"]
    await until(lambda: child.pid)
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid not in (None, first))
    assert said(supervisor)["one"] == said(supervisor)["one"] | {
        "pid": child.pid,
        "restarts": 1,
        "ports": {"x": 1},
    }
    assert said(supervisor)["two"]["restarts"] == 0
    assert told == [("one", "restarted (exit code -9, restart 1)")]
    pids = [entry["pid"] for entry in said(supervisor).values()]
    await supervisor.stop(["one", "two", "never-started"])
    assert not any(is_alive(pid) for pid in pids)


async def test_one_that_does_not_listen_is_killed_with_all_it_started(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "up.json", lambda name, state: None)
    supervisor.start(
        [
            program(tmp_path, "deaf", STUBBORN, grace=0.2),
            program(tmp_path, "parent", WITH_GRANDCHILD),
        ]
    )
    logs = (tmp_path / "deaf.log", tmp_path / "parent.log")
    await until(lambda: all(log.exists() and log.read_text().endswith("\n") for log in logs))
    pids = [entry["pid"] for entry in said(supervisor).values()]
    pids.append(int((tmp_path / "parent.log").read_text()))
    await supervisor.stop(["deaf", "parent"])
    await until(lambda: not any(is_alive(pid) for pid in pids))


async def test_stopping_while_it_waits_to_start_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "up.json", lambda name, state: None)
    supervisor.start([program(tmp_path, "short", "raise SystemExit(3)")])
    child = supervisor.children["short"]
    await until(lambda: child.restarts >= 2)
    await asyncio.wait_for(supervisor.stop(["short"]), 30)
    assert child.exit_code in (3, -signal.SIGTERM)
    assert child.pid is None


SUPERVISOR_PROGRAM = """
import asyncio, sys
from pathlib import Path
from cli.up.ports import free_port, listens
from cli.up.supervise import Program, Supervisor

async def main(folder):
    supervisor = Supervisor(folder / "up.json", lambda name, state: None)
    supervisor.start([Program(n, (sys.executable, "-c", "import time; time.sleep(600)"), {}, folder, folder / (n + ".log")) for n in "abc"])
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR_PROGRAM, str(tmp_path)])
    try:
        state = tmp_path / "up.json"

        def pids() -> list[int]:
            return (
                [
                    entry["pid"]
                    for entry in json.loads(state.read_text())["processes"]
                    if entry["pid"]
                ]
                if state.exists()
                else []
            )

        eventually(lambda: len(pids()) == 3)
        children = pids()
    finally:
        supervisor.kill()
        supervisor.wait()
    eventually(lambda: not any(is_alive(pid) for pid in children))


@pytest.fixture(autouse=True)
def _import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


async def test_what_no_longer_answers_is_ended_and_started_again(tmp_path: Path) -> None:
    """SIGSTOP: alive to the kernel, and deaf. A program that never answered is left to start in its
    own time.
    """
    port, silent = free_port(), free_port()
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(tmp_path / "up.json", lambda name, state: told.append((name, state)))
    answering = replace(
        program(tmp_path, "one", ANSWERING), alive_url=f"http://127.0.0.1:{port}/livez"
    )
    answering = replace(answering, argv=(*answering.argv, str(port)))
    slow = replace(program(tmp_path, "slow", SLEEPER), alive_url=f"http://127.0.0.1:{silent}/livez")
    supervisor.start([answering, slow])
    for child in supervisor.children.values():
        child.look_every, child.answer_within = 0.05, 0.3
    child = supervisor.children["one"]
    try:
        await until(
            lambda: (
                child.program.log.exists() and child.program.log.read_text().count("GET /livez") > 2
            )
        )
        first = child.pid
        assert first is not None
        assert child.restarts == 0
        os.kill(first, signal.SIGSTOP)
        await until(lambda: child.pid not in (None, first))
        assert told == [("one", "restarted (exit code -9, it no longer answered, restart 1)")]
        assert supervisor.children["slow"].restarts == 0
    finally:
        await supervisor.stop(["one", "slow"])


async def test_a_state_file_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """A full disk: the programs are kept alive, and the file is written when it can be again."""
    folder = tmp_path / "gone"
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(folder / "up.json", lambda name, state: told.append((name, state)))
    supervisor.start([program(tmp_path, "one", SLEEPER)])
    one = supervisor.children["one"]
    try:
        await until(lambda: one.pid)
        first = one.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: one.pid not in (None, first))
        assert any("cannot be written" in state for _, state in told)
        folder.mkdir()
        await until(lambda: supervisor.state_file.exists() and said(supervisor)["one"]["pid"])
    finally:
        await supervisor.stop(["one"])


async def test_what_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "program"
    absent = replace(program(tmp_path, "late", SLEEPER), argv=(str(path),))
    supervisor = Supervisor(tmp_path / "up.json", lambda *_: None)
    supervisor.start([absent])
    late = supervisor.children["late"]
    try:
        await until(lambda: late.trouble)
        assert said(supervisor)["late"]["trouble"] == late.trouble
        path.write_text(f"#!{sys.executable}\n{SLEEPER}\n")
        path.chmod(0o700)
        await until(lambda: late.pid and not late.trouble)
    finally:
        await supervisor.stop(["late"])


async def test_a_bug_in_the_keeping_ends_neither_it_nor_the_program(tmp_path: Path) -> None:
    def tell(name: str, state: str) -> None:
        raise ValueError(state)

    supervisor = Supervisor(tmp_path / "up.json", tell)
    supervisor.start([program(tmp_path, "one", SLEEPER)])
    one = supervisor.children["one"]
    await until(lambda: one.pid)
    first = one.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)  # its restart is told, and that fails
    await until(lambda: one.pid not in (None, first) and "ValueError" in one.trouble)
    await until(lambda: not one.trouble)
    second = one.pid
    assert second is not None
    os.kill(second, signal.SIGKILL)
    await until(lambda: one.pid not in (None, second))
    await supervisor.stop(["one"])
    assert one.pid is None


async def test_ready_is_said_only_while_everything_runs(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "up.json", lambda *_: None)
    fails = replace(program(tmp_path, "fails", "raise SystemExit(1)"))
    supervisor.start([program(tmp_path, "one", SLEEPER), fails])
    try:
        await until(lambda: supervisor.children["one"].pid)
        supervisor.mark_ready({})
        await until(lambda: supervisor.children["fails"].pid is None)
        assert supervisor.state()["ready"] is False
    finally:
        await supervisor.stop(["one", "fails"])


async def test_an_answer_from_another_program_is_not_its_own(tmp_path: Path) -> None:
    """Somebody took the port first and answers there."""
    port = free_port()
    stranger = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    supervisor = Supervisor(tmp_path / "up.json", lambda *_: None)
    supervisor.start([program(tmp_path, "one", SLEEPER)])
    try:
        await until(lambda: listens(stranger.pid, port))
        await until(lambda: supervisor.children["one"].pid)
        assert not supervisor.children["one"].owns(port)
    finally:
        stranger.kill()
        stranger.wait()
        await supervisor.stop(["one"])
