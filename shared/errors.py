"""The three ways a thing can fail that somebody plans for. Anything else is a bug and stops the
process loudly.

SignalboxError
├── Refused        the asker's fault: a problem document over HTTP, a RequestRefused fact
                   in a worker
├── Poisonous      input that can never be handled: a dead letter with the reason and where it
                   came from
│   └── Newer      written by a newer Signalbox: not our fault, and kept until that one is back
└── Unavailable    something we depend on is away: wait and try again, commit nothing
"""

from __future__ import annotations

FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What plain code raises on data that it cannot use: caught where a document is tried out, and
where one bad record must not end its reader."""


class SignalboxError(Exception):
    """The root: catch it only where a process begins."""


class Refused(SignalboxError):
    """A refusal with a machine word and a sentence that says what to do.

    `code` becomes the last part of the problem document's `type` (RFC 9457), so it never changes
    once published. `extra` holds members the problem document gets beside the standard ones.
    """

    def __init__(
        self, code: str, detail: str, *, status: int = 422, extra: dict[str, object] | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status, self.extra = code, detail, status, extra or {}


class Poisonous(SignalboxError):
    """Input that no retry can mend, such as bytes that are not an event of the topic they came
    from.
    """


class Newer(Poisonous):
    """Input of a newer Signalbox: an event type, or a word in a field, that this one does not know.
    It is kept as a dead letter, and the newer one can be given it again.
    """


class Unavailable(SignalboxError):
    """A dependency does not answer in its time. `what` names it for logs and problem documents."""

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(f"{what} is not available{': ' + why if why else ''}")
        self.what, self.why = what, why

    # Exceptions are pickled by their `args`, which here is the one joined text.
    def __reduce__(self) -> tuple[type[Unavailable], tuple[str, str]]:
        """So that it comes out of another process as it went in."""
        return type(self), (self.what, self.why)
