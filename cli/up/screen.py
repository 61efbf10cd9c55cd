"""What `signalbox up` shows while it starts: a live table on a terminal, plain lines elsewhere,
JSON lines for programs.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table


class Screen(Protocol):
    """Told of every step; `show_ready` is called once, when everything answers."""

    def step(self, name: str, state: str, seconds: float | None = None) -> None: ...
    def finished(self, summary: Mapping[str, Any], lines: Iterable[str]) -> None: ...
    def failed(self, message: str) -> None: ...
    def close(self) -> None: ...


class JsonScreen:
    """One JSON object a line: `{"event", "name", "seconds"?}`, and at the end `{"ready": true |
    false, ...}`.
    """

    def step(self, name: str, state: str, seconds: float | None = None) -> None:
        self._write(
            {"event": state, "name": name}
            | ({} if seconds is None else {"seconds": round(seconds, 2)})
        )

    def finished(self, summary: Mapping[str, Any], lines: Iterable[str]) -> None:
        self._write({"ready": True, **summary})

    def failed(self, message: str) -> None:
        self._write({"ready": False, "error": message})

    def close(self) -> None: ...

    @staticmethod
    def _write(line: Mapping[str, Any]) -> None:
        # Nobody listens any more, or the disk is full: what runs must go on, or stop in order.
        with contextlib.suppress(OSError):
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
            sys.stdout.buffer.flush()


class PlainScreen:
    """A line for each step; what a log or a pipe wants."""

    def step(self, name: str, state: str, seconds: float | None = None) -> None:
        took = "" if seconds is None else f" after {seconds:.1f} s"
        self._write(f"{name}: {state}{took}")

    def finished(self, summary: Mapping[str, Any], lines: Iterable[str]) -> None:
        self._write("\n".join(lines))

    def failed(self, message: str) -> None:
        sys.stderr.write(f"{message}\n")

    def close(self) -> None: ...

    @staticmethod
    # As in `JsonScreen`: nobody may listen any more.
    def _write(line: str) -> None:
        with contextlib.suppress(OSError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


class LiveScreen:
    """A table that fills in; restarts after the start are told below it."""

    _COLOURS: ClassVar = {"ready": "green", "restarted": "yellow", "stopped": "dim"}

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, tuple[str, str]] = {}
        self._live: Live | None = Live(console=console, refresh_per_second=8, transient=False)
        self._live.start()

    def step(self, name: str, state: str, seconds: float | None = None) -> None:
        took = "" if seconds is None else f"{seconds:.1f} s"
        # The table is closed once everything is up; restarts are told line by line.
        if self._live is None:
            self._console.print(f"{name}: {state} {took}", highlight=False)
            return
        self._rows[name] = (state, took)
        table = Table(box=None, show_header=False, pad_edge=False)
        for row, (word, time) in self._rows.items():
            table.add_row(row, f"[{self._COLOURS.get(word, 'cyan')}]{word}", time)
        self._live.update(table)

    def finished(self, summary: Mapping[str, Any], lines: Iterable[str]) -> None:
        self.close()
        self._console.print("\n".join(("", *lines)), highlight=False)

    def failed(self, message: str) -> None:
        self.close()
        Console(stderr=True).print(message, style="red", markup=False, highlight=False)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def screen_for(*, as_json: bool) -> Screen:
    """The one that suits where standard output goes."""
    if as_json:
        return JsonScreen()
    console = Console()
    return LiveScreen(console) if console.is_terminal else PlainScreen()
