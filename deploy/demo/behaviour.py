"""How the demo's far end behaves, per path: well, or badly in one of the ways real far ends are
bad.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """`hang` never answers and takes nothing; `swallow` takes it and never answers; `drop` closes
    the connection; `gone` answers 410; `busy` answers 503 and says when to come again.
    """

    OK = "ok"
    REFUSE = "refuse"
    ERROR = "error"
    HANG = "hang"
    SLOW = "slow"
    SWALLOW = "swallow"
    DROP = "drop"
    GONE = "gone"
    BUSY = "busy"

    @property
    def takes(self) -> bool:
        """Whether what comes is received in the end."""
        return self in {Mode.OK, Mode.SLOW, Mode.SWALLOW}


@dataclass
class Behaviour:
    """The modes that were asked for. `seconds` is the delay of `slow`; a path's most exact entry
    wins (`/pager` covers `/pager/lead`).
    """

    modes: dict[str, tuple[Mode, float]] = field(default_factory=dict)

    def set(self, path: str, mode: Mode, seconds: float) -> None:
        """`ok` forgets the path; `*` with `ok` forgets all of them."""
        if mode is Mode.OK and path == "*":
            self.modes.clear()
        elif mode is Mode.OK:
            self.modes.pop(path, None)
        else:
            self.modes[path] = (mode, seconds)

    def of(self, path: str) -> tuple[Mode, float]:
        # From the path itself upwards, so that the most exact entry wins; `*` is for all that none
        # covers.
        while path:
            if found := self.modes.get(path):
                return found
            path = path.rpartition("/")[0]
        return self.modes.get("*", (Mode.OK, 0.0))
