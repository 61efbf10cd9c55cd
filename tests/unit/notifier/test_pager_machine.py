"""A lane under any order of inputs, outcomes and time: the promises that must hold whatever
happens.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.notifier.pager.lane import PageState
from shared.certificate import Verdict, certificate
from shared.events import (
    AckAsked,
    EscalateAsked,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageCancelled,
    PageFact,
    PageJoined,
    PageOpened,
    PageResolved,
    PageRestored,
    PageSilenced,
    ResolveAsked,
    RestoreAsked,
    SilenceAsked,
)
from tests.support.examples import examples
from tests.unit.notifier.lane_words import LANE, Pager, method, obligation, person, policy, wanted

TICKETS = st.sampled_from([f"tkt_{n}" for n in range(6)])
ALERTS = st.sampled_from([f"alr_{n}" for n in range(3)])
MAINTENANCES = st.sampled_from(["mnt_1", "mnt_2"])
OUTCOMES = st.sampled_from(["accepted", "refused", "try-later", "unknown"])


class LaneMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        two = person("primary", method("phone"), method("pager", "pagerduty"))
        self.pager = Pager(
            policy(
                people={"primary": two, "secondary": person("secondary", method(verified=False))}
            )
        )
        self.asked: set[str] = set()
        self.under_way: set[str] = set()
        self.moment = 0

    def known(self, pick: int) -> str:
        pages = list(self.pager.lane.pages) if self.pager.lane else []
        return pages[pick % len(pages)] if pages else "lane_a.nowhere"

    @rule(ticket=TICKETS)
    def an_urgent_comes(self, ticket: str) -> None:
        self.pager.takes(wanted(ticket, self.pager.now))
        self.asked.add(obligation(ticket))

    @rule(name=ALERTS, about=st.sampled_from(["routing", "builds"]))
    def an_alert_comes(self, name: str, about: str) -> None:
        """Intake knows of maintenances of routing; what it stamped stands in the event, and in its
        id.
        """
        silenced_by = min(self.under_way, default=None) if about == "routing" else None
        owed = wanted(name, self.pager.now)
        more = {
            "id": f"{owed.id}-{silenced_by or ''}",
            "components": (about,),
            "silenced_by": silenced_by,
        }
        self.pager.takes(owed.model_copy(update=more))
        self.asked.add(owed.obligation)

    @rule(name=ALERTS)
    def an_alert_ends(self, name: str) -> None:
        self.pager.solves(name)

    @rule(name=MAINTENANCES, begins=st.booleans())
    def a_maintenance(self, name: str, begins: bool) -> None:
        self.moment += 1
        about = {
            "id": f"req_{name}_{self.moment}",
            "key": LANE,
            "at": self.pager.now,
            "maintenance": name,
        }
        if begins and name not in self.under_way:
            self.under_way.add(name)
            self.pager.takes(SilenceAsked(**about, components=("routing",)))
        elif not begins and name in self.under_way:
            self.under_way.discard(name)
            self.pager.takes(RestoreAsked(**about))

    @rule(ticket=TICKETS, other=TICKETS)
    def priority_is_lowered(self, ticket: str, other: str) -> None:
        self.pager.downgrades(ticket, other)

    @rule(ticket=TICKETS)
    def a_ticket_is_solved(self, ticket: str) -> None:
        self.pager.solves(ticket)

    @rule(
        pick=st.integers(0, 9),
        kind=st.sampled_from([AckAsked, ResolveAsked, EscalateAsked]),
        may=st.booleans(),
    )
    def somebody_asks(self, pick: int, kind: type, may: bool) -> None:
        assert self.pager.asks(kind, self.known(pick), may=may)

    @rule(pick=st.integers(0, 9), outcome=OUTCOMES)
    def the_far_side_answers(self, pick: int, outcome: str) -> None:
        sends = self.pager.owes()
        if sends:
            assert self.pager.takes(self.pager.outcome(sends[pick % len(sends)], outcome))

    @rule(seconds=st.sampled_from([1, 3, 61, 300, 900]))
    def time_goes_on(self, seconds: int) -> None:
        self.pager.moves(seconds=seconds)

    @invariant()
    def a_lane_never_has_two_open_pages(self) -> None:
        if self.pager.lane is not None:
            assert sum(page.state is PageState.OPEN for page in self.pager.lane.pages.values()) <= 1

    @invariant()
    def an_open_page_goes_on_until_somebody_answers(self) -> None:
        if self.pager.lane is not None:
            for page in self.pager.lane.pages.values():
                assert (page.next_at is not None) == (page.state is PageState.OPEN)

    @invariant()
    def only_what_is_silent_altogether_is_silenced_and_it_has_a_maintenance_to_wait_for(
        self,
    ) -> None:
        for page in self.pager.lane.pages.values() if self.pager.lane else ():
            assert page.state is not PageState.SILENCED or page.is_muted()
            assert page.state is not PageState.OPEN or not page.is_muted()
            assert {by for found in page.muted.values() for by in found} <= self.under_way
            assert set(page.muted) <= set(page.obligations)

    @invariant()
    def every_obligation_has_exactly_one_end(self) -> None:
        ends: dict[str, list[str]] = {}
        for fact in self.pager.log:
            match fact:
                case PageOpened() | PageJoined():
                    ends.setdefault(fact.obligation, []).append(fact.type)
                case PageCancelled(page="", obligation=taken) if (
                    taken in self.asked and taken not in ends
                ):
                    ends[taken] = ["tombstone"]
                case _:
                    pass
        assert set(ends) >= self.asked
        assert all(len(found) == 1 for found in ends.values()), ends

    @invariant()
    def no_page_is_sent_after_its_end_and_every_try_was_recorded_first(self) -> None:
        ended: set[str] = set()
        tried: set[tuple[str, int]] = set()
        for fact in self.pager.log:
            match fact:
                case PageAcknowledged() | PageCancelled() | PageResolved():
                    ended.add(fact.page)
                case PageSilenced(stopped=True):
                    ended.add(fact.page)
                case PageRestored(resumed=True):
                    ended.discard(fact.page)
                case PageAttempted():
                    assert fact.purpose == "stand-down" or fact.page not in ended
                    assert (fact.attempt, fact.tries) not in tried
                    tried.add((fact.attempt, fact.tries))
                case _:
                    pass

    @invariant()
    def certificates_agree_with_the_receipts(self) -> None:
        pages: dict[str, list[PageFact]] = {}
        for fact in self.pager.log:
            pages.setdefault(fact.page, []).append(fact)
        for facts in pages.values():
            verdict = certificate(facts).verdict
            if verdict is Verdict.EXACTLY_ONE:
                assert any(isinstance(fact, PageAccepted) for fact in facts)


LaneMachine.TestCase.settings = settings(max_examples=examples(30), stateful_step_count=30)
TestLane = LaneMachine.TestCase
