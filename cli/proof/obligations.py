"""What the notifier's front must have put into `page-inbox`: every urgent, raise, downgrade,
solution and page request. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cli.erase.mark import MARK
from cli.proof.differences import Difference, DifferenceKind, ProofTally
from cli.proof.log import Decided, Slice
from services.notifier.front.rules import HANDLERS, SOURCE
from shared import topics
from shared.errors import Poisonous
from shared.events import Event
from shared.wire import Message

_INBOX = topics.PAGE_INBOX.name


class Obligations:
    """Fed with slices of the topics the front reads (`take`), then with those of `page-inbox`
    (`take_inbox`); then `compare`.
    """

    def __init__(self) -> None:
        self._expected: dict[str, tuple[list[Event], list[Message]]] = {}
        """By id: what it may say, for an urgent ticket is told of by `urgent` and by `tickets`, and
        whichever came first was taken.
        """
        self._found: dict[str, tuple[Event, Message]] = {}
        self._cut_at: float | None = None

    def take(self, piece: Slice) -> None:
        for topic, kinds in HANDLERS.items():
            names = {kind.__name__ for kind in kinds}
            # The front's own table of handlers is used: a new one is checked without a change here.
            for message in piece.all(topic):
                for event in _read_wanted(message, names):
                    said, causes = self._expected.setdefault(event.id, ([], []))
                    if event not in said:
                        said.append(event)
                    causes.append(message)

    def seen(self, piece: Slice) -> None:
        for message in piece.all(_INBOX):
            event = _read(message)
            if event is not None:
                self._found.setdefault(event.id, (event, message))
        # Before the oldest input that is kept nothing can be missed.
        if piece.is_cut(_INBOX):
            oldest = min((message.at for message in piece.all(_INBOX)), default=float("inf"))
            self._cut_at = max(self._cut_at or 0.0, oldest)

    def add(self, other: Obligations) -> None:
        """What another process was told."""
        for name, (events, causes) in other._expected.items():
            said, known = self._expected.setdefault(name, ([], []))
            said.extend(event for event in events if event not in said)
            known.extend(causes)

    def events(self, cause: str) -> Sequence[Event]:
        """An input that `page-inbox` no longer keeps, made again: each thing it may have said."""
        found = self._expected.get(cause)
        return found[0] if found else ()

    def is_erased(self, cause: str) -> bool:
        """Whether that input comes from a record that lost a text."""
        found = self._expected.get(cause)
        return found is not None and any(MARK in message.headers for message in found[1])

    def compare(self, tally: ProofTally, decided: Decided, until: datetime) -> None:
        """`until`: inputs may have been added to `page-inbox` since the other topics were read."""
        tally.counts["front events"] += len(self._expected)
        # What the front has committed must have led to an input, unless page-inbox has dropped it
        # since.
        for (event, *_), causes in self._expected.values():
            if event.id in self._found:
                continue
            due = [message for message in causes if decided(SOURCE, message)]
            if due and (self._cut_at is None or due[0].at > self._cut_at):
                where = f"{due[0].topic}/{due[0].partition}/{due[0].offset}"
                _differs(
                    tally,
                    DifferenceKind.MISSING,
                    event,
                    f"{where} asks for it, and page-inbox does not have it",
                )
        # And the other way round: an input that nothing asked for.
        for event, _ in self._found.values():
            if event.id not in self._expected and event.at < until:
                _differs(tally, DifferenceKind.EXTRA, event, "nothing in the log asks for it")


def _read_wanted(message: Message, names: set[str]) -> Iterable[Event]:
    try:
        # The type is read from the header first: most records are of no interest to the front.
        if (
            not message.value
            or topics.type_of(message.value, message.headers.get("ce_type")) not in names
        ):
            return ()
        event = _read(message)
        return (
            [found for found in HANDLERS[message.topic][type(event)](event) if found.key]
            if event is not None
            else ()
        )
    except Poisonous:
        return ()


def _read(message: Message) -> Event | None:
    try:
        return topics.read(message.value, message.headers.get("ce_type")) if message.value else None
    except Poisonous:
        return None


def _differs(tally: ProofTally, kind: DifferenceKind, event: Event, why: str) -> None:
    names = ("ticket_id", "obligation", "page", "by")
    told = {name: str(value) for name in names if (value := getattr(event, name, None))}
    tally.differences.append(
        Difference(kind, _INBOX, event.key, 0, event.type, why, event.at, told)
    )
