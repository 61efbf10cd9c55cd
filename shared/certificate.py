"""What the log proves about one page: was exactly one person's device reached, once? Pure; for the
portal, tests, `verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from shared.events import (
    Instant,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageFact,
    PageFailed,
    PageReopened,
    PageRestored,
    PageSilenced,
    Value,
)


class Verdict(StrEnum):
    """`exactly-one`: one receipt, no doubt. `none`: nobody was reached yet. `duplicate`: two
    receipts under one dedup key.

    `unknown`: something may have been delivered that we have no receipt for.
    """

    EXACTLY_ONE = "exactly-one"
    NONE = "none"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class TryOutcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    PENDING = "pending"


class Try(Value):
    """One send and what became of it. `pending`: no outcome is in the log (under way, or lost in a
    crash).
    """

    attempt: str
    tries: int
    step: int
    round: int
    to: str
    channel: str
    dedup_key: str
    at: Instant
    outcome: TryOutcome = TryOutcome.PENDING
    receipt: str = ""
    reason: str = ""


class Receipt(Value):
    dedup_key: str
    to: str
    receipt: str
    accepted_at: Instant


class Acknowledgement(Value):
    by: str
    via: str
    at: Instant


class Silence(Value):
    """Maintenance `by` stopped the page at `at`; it went on at `until` (None: it has not, or it
    ended silent).
    """

    by: str
    at: Instant
    until: Instant | None = None


class Reopening(Value):
    """`by` had acknowledged it, and nothing came of it in time."""

    by: str
    at: Instant


class Certificate(Value):
    """`dedup_key` is the one that decided: that of the first step that reached, or may have
    reached, anybody.

    `silences` and `reopenings` say why it rang later than it was owed, or again: they change no
    verdict.
    """

    verdict: Verdict
    dedup_key: str | None
    tries: tuple[Try, ...]
    receipts: tuple[Receipt, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    silences: tuple[Silence, ...] = ()
    reopenings: tuple[Reopening, ...] = ()


def certificate(facts: Iterable[PageFact]) -> Certificate:
    """The certificate of a page from its facts, in the order of the log. Repeats (same key and seq)
    are ignored.

    Stand-downs do not count: they wake nobody. A refusal by the far side is no doubt: nothing was
    delivered.
    """
    tries: list[Try] = []
    receipts: list[Receipt] = []
    acknowledgements: list[Acknowledgement] = []
    silences: list[Silence] = []
    reopenings: list[Reopening] = []
    # One pass in the order of the log. `tries` is mended in place as outcomes come.
    for fact in _first_of_each(facts):
        match fact:
            case PageAttempted(purpose="page"):
                tries.append(
                    Try(
                        attempt=fact.attempt,
                        tries=fact.tries,
                        step=fact.step,
                        round=fact.round,
                        to=fact.to,
                        channel=fact.channel,
                        dedup_key=fact.dedup_key,
                        at=fact.at,
                    )
                )
            case PageAccepted() | PageFailed():
                # The last try of this attempt: a repeat under the same attempt is a later one.
                place = _last_of(tries, fact.attempt)
                if place is None:
                    continue  # of a stand-down
                sent = tries[place]
                if isinstance(fact, PageAccepted):
                    receipts.append(
                        Receipt(
                            dedup_key=sent.dedup_key,
                            to=sent.to,
                            receipt=fact.receipt,
                            accepted_at=fact.accepted_at,
                        )
                    )
                    tries[place] = sent.model_copy(
                        update={"outcome": TryOutcome.ACCEPTED, "receipt": fact.receipt}
                    )
                # Only what is still open: an accepted send stays accepted.
                elif (
                    sent.outcome is TryOutcome.PENDING
                ):  # a later giving up of retries tells nothing new of this send
                    outcome = TryOutcome.UNKNOWN if fact.unknown else TryOutcome.REFUSED
                    tries[place] = sent.model_copy(
                        update={"outcome": outcome, "reason": fact.reason}
                    )
            case PageAcknowledged():
                acknowledgements.append(Acknowledgement(by=fact.by, via=fact.via, at=fact.at))
            case PageSilenced(stopped=True):
                silences.append(Silence(by=fact.silenced_by, at=fact.at))
            # The latest silence is the one that ends.
            case PageRestored(resumed=True) if silences:
                silences[-1] = silences[-1].model_copy(update={"until": fact.at})
            case PageReopened():
                reopenings.append(Reopening(by=fact.by, at=fact.at))
            case _:
                pass
    verdict, dedup_key = _judge(tries)
    return Certificate(
        verdict=verdict,
        dedup_key=dedup_key,
        tries=tuple(tries),
        receipts=tuple(receipts),
        acknowledgements=tuple(acknowledgements),
        silences=tuple(silences),
        reopenings=tuple(reopenings),
    )


def _first_of_each(facts: Iterable[PageFact]) -> Iterable[PageFact]:
    seen: set[tuple[str, int]] = set()
    for fact in facts:
        if (place := (fact.key, fact.seq)) not in seen:
            seen.add(place)
            yield fact


def _last_of(tries: list[Try], attempt: str) -> int | None:
    return next((n for n in range(len(tries) - 1, -1, -1) if tries[n].attempt == attempt), None)


def _judge(tries: list[Try]) -> tuple[Verdict, str | None]:
    # Two receipts under one key come first: nothing else can undo that.
    accepted = Counter(sent.dedup_key for sent in tries if sent.outcome is TryOutcome.ACCEPTED)
    for dedup_key, count in accepted.items():
        if count > 1:
            return Verdict.DUPLICATE, dedup_key
    # The first step that reached somebody, or may have. Refusals before it woke nobody.
    deciding = next(
        (sent.dedup_key for sent in tries if sent.outcome is not TryOutcome.REFUSED), None
    )
    if deciding is None:
        return Verdict.NONE, None
    doubtful = any(
        sent.dedup_key == deciding and sent.outcome in (TryOutcome.UNKNOWN, TryOutcome.PENDING)
        for sent in tries
    )
    return (Verdict.UNKNOWN if doubtful else Verdict.EXACTLY_ONE), deciding
