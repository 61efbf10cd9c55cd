"""What the pager hands the spine: `work` is the table of what is called when, the same for the
process (`sends.py` adds what really calls people) and for proofs. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.notifier.pager import decide
from services.notifier.pager.lane import evolve
from services.notifier.pager.pace import PagingRules
from services.notifier.pager.row import Attempt, AttemptState, Lane, Page, PageState, due_at
from shared.spine.work import Effect, Work, read_request

NAME = "pager"


def work(rules_at: Callable[[datetime], PagingRules]) -> Work[Lane]:
    """The pager without its lines out. `rules_at` says what is in force at the time of a decision,
    or raises Unavailable or Poisonous.
    """
    # No `effects` here: what-ifs and tests decide with the same table and send nothing.
    return Work(
        name=NAME,
        input="page-inbox",
        outputs=("pages",),
        row=Lane,
        decide=lambda lane, event, now: decide.decide(lane, event, rules_at(now), now),
        evolve=evolve,
        due_at=due_at,
        fire=lambda lane, now: decide.fire(lane, rules_at(now), now),
        parse=read_request,
    )


@dataclass(frozen=True)
class SendAttempt(Effect):
    """One try of one attempt. `wanted`: its page is still open (or it is a stand-down)."""

    page: Page
    attempt: Attempt
    wanted: bool


def list_owed(lane: Lane) -> list[SendAttempt]:
    """The sends that are recorded and have no outcome."""
    return [
        SendAttempt(
            id=f"{attempt.id}:{attempt.tries}",
            destination=f"{attempt.channel}:{attempt.to}/{attempt.method}",
            page=page,
            attempt=attempt,
            # An open page still wants it; after that only a stand-down does.
            wanted=attempt.purpose == "stand-down" or page.state is PageState.OPEN,
        )
        for page in lane.pages.values()
        for attempt in page.attempts.values()
        if attempt.sending is AttemptState.OWED
    ]
