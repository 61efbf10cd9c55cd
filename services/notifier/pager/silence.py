"""What a maintenance does to pages of alerts: it silences those about its components, and what
still fires afterwards rings. Pure.

Silence is kept for each obligation, since a page may owe something that the maintenance does not
cover: such a page goes on. A page of which everything is silent stops; whoever it has woken is told
that nothing is needed. Afterwards it begins again with the first step, in a round of its own, so
that no far side takes it for a repeat. Tickets name no components here: a customer's emergency is
never silenced by a maintenance (seed 001; J13 speaks of pages for the component, which are its
alerts').
"""

from __future__ import annotations

from collections.abc import Collection

from services.notifier.pager.row import Page, PageState
from services.notifier.pager.steps import LaneDecision, begin_next_step, stand_down
from shared.events import PageRestored, PageSilenced, PageWanted, RestoreAsked, SilenceAsked

AGAIN = "the maintenance is over, and it still fires"


def on_silence_asked(course: LaneDecision, event: SilenceAsked) -> None:
    covered = frozenset(event.components)
    for page in course.lane.pages.values():
        found = [
            owed
            for owed in page.obligations
            # A page without components is a ticket's: no maintenance covers it.
            if (about := page.touches.get(owed))
            and covered.issuperset(about)
            # Silenced by this maintenance before: nothing to add.
            and event.maintenance not in page.muted.get(owed, ())
        ]
        if found:
            silence(
                course,
                page,
                event.maintenance,
                found,
                "a maintenance of what it is about has begun",
            )


def on_restore_asked(course: LaneDecision, event: RestoreAsked) -> None:
    for page in course.lane.pages.values():
        found = [owed for owed in page.obligations if event.maintenance in page.muted.get(owed, ())]
        if found:
            # Rings only where no other maintenance silences the same.
            rings = any(page.muted[owed] == (event.maintenance,) for owed in found)
            restore(
                course,
                page,
                found,
                by="system",
                silenced_by=event.maintenance,
                resumed=rings,
                reason=AGAIN,
            )


def on_told_again(course: LaneDecision, page: Page, owed: str, silenced_by: str | None) -> None:
    """A monitor repeats the alert by which `page` owes `owed`. Intake knew of a maintenance, or of
    none any more: that is true as well.
    """
    muted = page.muted.get(owed, ())
    # Intake knew of a maintenance that the pager had not read of.
    if silenced_by is not None and silenced_by not in muted:
        silence(
            course,
            page,
            silenced_by,
            [owed],
            "a maintenance of what it is about has begun",
        )
    elif silenced_by is None and muted:
        # Intake knows of none any more, so what silenced it is over.
        restore(
            course,
            page,
            [owed],
            by="system",
            silenced_by="",
            resumed=True,
            reason=AGAIN,
        )


def on_joined(course: LaneDecision, page: str, event: PageWanted) -> None:
    """An obligation has joined `page`, which is open or silent: a silent one leaves it so, any
    other wakes people.
    """
    now_at = course.lane.pages[page]
    if event.silenced_by is not None:
        silence(
            course,
            now_at,
            event.silenced_by,
            [event.obligation],
            "it began during a maintenance of what it is about",
        )
    elif now_at.state is PageState.SILENCED:
        restore(
            course,
            now_at,
            (),
            by="system",
            silenced_by="",
            resumed=True,
            reason="something joined it that no maintenance covers",
        )


def silence(
    course: LaneDecision, page: Page, maintenance: str, owed: Collection[str], reason: str
) -> None:
    """`owed` of it is silent from now on; where that is all, the page stops."""
    # A page that is acknowledged or silent does not stop a second time.
    stopped = page.state is PageState.OPEN and page.is_muted(owed)
    course.add(
        PageSilenced,
        page.id,
        silenced_by=maintenance,
        obligations=tuple(owed),
        stopped=stopped,
        reason=reason,
    )
    if stopped:
        stand_down(course, page)


def stop_if_all_muted(course: LaneDecision, page: str, reason: str) -> None:
    """The page stops where all that is left of it is silent already."""
    now_at = course.lane.pages[page]
    if now_at.is_alive and now_at.is_muted():
        course.add(
            PageSilenced,
            page,
            silenced_by=now_at.muted[now_at.obligations[-1]][-1],
            stopped=True,
            reason=reason,
        )
        if now_at.state is PageState.OPEN:
            stand_down(course, now_at)


def restore(
    course: LaneDecision,
    page: Page,
    owed: Collection[str],
    *,
    by: str,
    silenced_by: str,
    resumed: bool,
    reason: str,
) -> None:
    """`owed` of it is silent no more; where `resumed` and the page is silent, it begins anew with
    the first step.
    """
    resumed = resumed and page.state is PageState.SILENCED
    # A page that never rang has used no round, so its keys are still new.
    anew = page.round + 1 if resumed and (page.round, page.step) != (0, 0) else page.round
    course.add(
        PageRestored,
        page.id,
        by=by,
        silenced_by=silenced_by,
        obligations=tuple(owed),
        resumed=resumed,
        round=anew,
        reason=reason,
    )
    if resumed:
        begin_next_step(course, page.id, reason)
