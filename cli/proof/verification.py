"""Everything decided, decided again: the router's and sla's part of a slice, then the pager's, then
what binds them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cli.proof.differences import ProofTally
from cli.proof.log import Decided, Place, PolicyVersions, Slice
from cli.proof.obligations import Obligations
from cli.proof.redeciding import ProofSubject
from cli.proof.rerun import Circumstances, check_key
from cli.proof.subjects import pager_subject, router_subject, sla_subject


class Verification:
    """`tickets(slice)` for every slice of the topics keyed by ticket, then `lanes(slice)` for those
    keyed by lane, then `finish()`. `as_of` is the present: what was due long before it must be
    recorded."""

    def __init__(
        self,
        policies: PolicyVersions,
        decided: Decided,
        put_aside: Mapping[str, set[Place]],
        as_of: datetime,
    ) -> None:
        self.tally = ProofTally()
        self.obligations = Obligations()
        self._around = Circumstances(
            decided,
            put_aside,
            as_of,
            spare=self.obligations.events,
            erased=self.obligations.is_erased,
        )
        # Tickets have all their inputs in the log: nothing needs to be made again.
        self._alone = Circumstances(decided, put_aside, as_of)
        self._by_ticket: Sequence[ProofSubject] = (router_subject(policies), sla_subject(policies))
        self._by_lane: Sequence[ProofSubject] = (pager_subject(policies),)

    def add(self, tally: ProofTally, obligations: Obligations) -> None:
        """What another process found in its slices of tickets."""
        self.tally.add(tally)
        self.obligations.add(obligations)

    def tickets(self, piece: Slice) -> None:
        self.obligations.take(piece)
        for subject in self._by_ticket:
            self._check(subject, piece, self._alone)

    def lanes(self, piece: Slice) -> None:
        self.obligations.seen(piece)
        for subject in self._by_lane:
            self._check(subject, piece, self._around)

    def finish(self, since: datetime | None = None, until: datetime | None = None) -> ProofTally:
        """The tally; with a window, only the differences in it."""
        # Last: only now all slices of both kinds are known.
        self.obligations.compare(self.tally, self._around.decided, self._around.as_of)
        tally = self.tally
        # The window chooses what is told, not what is decided: a decision depends on all before it.
        tally.differences = [
            d
            for d in tally.differences
            if d.at is None or ((not since or d.at >= since) and (not until or d.at < until))
        ]
        tally.differences.sort(key=lambda d: (d.topic, d.key, d.seq))
        return tally

    def _check(self, subject: ProofSubject, piece: Slice, around: Circumstances) -> None:
        source = subject.work.input
        for key in piece.keys(source, *subject.work.outputs):
            one = subject.of(key)
            facts = piece.of(one.output, key)
            inputs = piece.of(source, key)
            check_key(one, key, inputs, facts, around, self.tally, is_cut=piece.is_cut(source))


def verify(
    pieces: Iterable[Slice],
    policies: PolicyVersions,
    as_of: datetime,
    put_aside: Mapping[str, set[Place]] | None = None,
) -> ProofTally:
    """A whole log in memory, of which everything was decided."""
    found = Verification(policies, lambda worker, message: True, put_aside or {}, as_of)
    pieces = list(pieces)
    for piece in pieces:
        found.tickets(piece)
    for piece in pieces:
        found.lanes(piece)
    return found.finish()
