"""Counts the episodes of monitors' alerts, and bounds what an alert wakes people for. Pure.

A monitor may repeat everything it sends: the fingerprint, `startsAt`, the whole body. So whether an
alert begins or goes on is decided by what this lane has read of it so far:

| last known of the alert | it fires | it ended |
|---|---|---|
| nothing | begins: a page | kept as an end that came first |
| it fires | goes on: nothing; with a later `startsAt` it begins again | it ends |
| it ended | begins again: a page | nothing |
| an end that came first | within two minutes: over already; later: begins | nothing |

An alert that begins joins the lane's open page, as every urgent does. It also joins a page that
somebody has acknowledged where it is more of the same trouble, and where this lane has had three
pages in half an hour. The third one stays when its alert ends, until it was quiet for ten minutes:
a flapping alert wakes people three times, and then it is one page until it is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.notifier.pager.row import Lane, Page, PageState
from services.notifier.pager.silence import stop_if_all_muted
from services.notifier.pager.steps import LaneDecision, end
from shared.events import AlertEpisode, PageCancelled, PageResolved, PageWanted, SolveSeen

MOST_PAGES = 3
"""Pages of one lane within `FLAPS_WITHIN`. What comes after them joins the last one."""

FLAPS_WITHIN = timedelta(minutes=30)
QUIET = timedelta(minutes=10)
"""So long a page of a flapping alert stays after the alert has ended."""

SAME_TROUBLE = timedelta(minutes=15)
"""An alert that is new in the lane joins an acknowledged page that is so young."""

UNTIMED = timedelta(hours=1)
"""So long after an alert without a `startsAt` began, and somebody has closed its page, it begins
anew when it is told of: its monitor may never say that it ended.
"""

OVERTAKEN = timedelta(minutes=2)
"""So long after an end that came first its beginning is still on its way."""

SWALLOWED = "it had ended before it was told of: nobody is woken"
ENDED = "the alert has ended"
BEGAN_AGAIN = "the alert has begun again since"


def goes_on(lane: Lane, known: AlertEpisode, event: PageWanted) -> bool:
    """Whether the monitor repeats an alert that fires already."""
    if not known.firing:
        return False
    # Without the monitor's times only the order and the age of what was read can tell.
    if event.started_at is None or known.started_at is None:
        is_owed = lane.page_of(known.obligation) is not None
        return is_owed or event.at - known.at <= UNTIMED
    # A later start is a new episode: the end before it is not read yet, or was lost.
    return event.started_at <= known.started_at


def is_over_already(known: AlertEpisode | None, event: PageWanted) -> bool:
    """Whether the end of this very alert was read before its beginning. Our own times of arrival
    say so, or an end to which we know no beginning.
    """
    if known is None or known.firing:
        return False
    # By our own clock it was sent before the end: it is part of what has ended.
    if event.at < known.at:
        return True
    # An end without a known beginning, moments ago: this is its beginning.
    came_first = not known.obligation and event.at - known.at <= OVERTAKEN
    return (
        came_first
        and event.started_at is not None
        and known.started_at is not None
        and event.started_at <= known.started_at
    )


def next_episode(known: AlertEpisode | None, event: PageWanted) -> AlertEpisode:
    return AlertEpisode(
        alert=event.alert,
        obligation=event.obligation,
        started_at=event.started_at,
        at=event.at,
        firing=True,
        number=known.number + 1 if known is not None else 1,
    )


def refuse_overtaken(course: LaneDecision, event: PageWanted, known: AlertEpisode) -> None:
    """Record that nobody is woken. The end is used up by it: the next beginning counts."""
    course.add(
        PageCancelled,
        "",
        obligation=event.obligation,
        by="system",
        reason=SWALLOWED,
        episode=known.model_copy(update={"obligation": event.obligation}),
    )


def page_to_join(
    lane: Lane, known: AlertEpisode | None, event: PageWanted
) -> tuple[Page, str] | None:
    """The page that an alert joins when it begins, and why where that is not plain; None: it opens
    one.
    """
    # An open or silenced page takes everything of its lane.
    page = lane.open_page() or lane.silenced_page()
    if page is not None:
        return page, "it has begun again" if page.kept_until is not None else ""
    # Else the newest page that somebody has acknowledged.
    page = next(
        (
            page
            for page in reversed(lane.pages.values())
            if page.state is PageState.ACKNOWLEDGED and page.about_alerts
        ),
        None,
    )
    if page is None:
        return None
    # Too many pages: nobody is woken again by the same alerts.
    if is_flapping(lane, event.at):
        return page, (
            f"there were {MOST_PAGES} pages of these alerts within half an hour, "
            f"and {page.by} has acknowledged this one"
        )
    # A first alert, soon after the page: more of the same trouble.
    if known is None and event.at - page.accepted_at <= SAME_TROUBLE:
        return page, f"it is more of the trouble that {page.by} has acknowledged"
    return None


def is_flapping(lane: Lane, now: datetime) -> bool:
    """Whether alerts of this lane have opened as many pages as may be."""
    recent = sum(
        page.about_alerts and now - page.accepted_at <= FLAPS_WITHIN for page in lane.pages.values()
    )
    return recent >= MOST_PAGES


def on_alert_ended(course: LaneDecision, event: SolveSeen) -> None:
    """The obligation of the episode is no longer owed; the page ends with the last one."""
    known = course.lane.alerts.get(event.alert)
    # The end came first: remember it, so that the beginning wakes nobody.
    if known is None:
        first = AlertEpisode(
            alert=event.alert,
            obligation="",
            started_at=event.started_at,
            at=event.at,
            firing=False,
            number=0,
        )
        reason = "it ended before it was told of"
        course.add(PageCancelled, "", by=event.by, reason=reason, episode=first)
    elif known.firing and not _is_of_earlier(known, event):
        # The end of the episode that fires; one of an earlier episode changes nothing.
        ended = known.model_copy(update={"at": event.at, "firing": False})
        settle(course, known.obligation, event.by, ENDED, event.at, ended)


def _is_of_earlier(known: AlertEpisode, event: SolveSeen) -> bool:
    """Whether an end that comes late belongs to an earlier episode."""
    if event.at < known.at:
        return True
    return (
        event.started_at is not None
        and known.started_at is not None
        and event.started_at < known.started_at
    )


def settle(
    course: LaneDecision,
    obligation: str,
    by: str,
    reason: str,
    at: datetime,
    episode: AlertEpisode | None,
) -> None:
    """`obligation` is no longer owed. `episode`: what is known of its alert from then on; None: the
    alert has begun again, and that is recorded already.
    """
    lane = course.lane
    page = lane.page_of(obligation)
    about = {"obligation": obligation, "by": by, "reason": reason, "episode": episode}
    # The page owes more, or nothing is owed: only this obligation ends.
    if page is None or page.obligations != (obligation,):
        if page is not None or episode is not None:
            course.add(PageCancelled, "", **about)
        if page is not None and page.state is PageState.OPEN:
            stop_if_all_muted(course, page.id, "a maintenance covers all that is left of it")
    elif page.state is not PageState.SILENCED and is_flapping(lane, at):
        # A flapping alert: the page stays for a while, so that its next beginning joins it.
        about["reason"] = f"{reason}; it begins and ends again and again, so the page stays"
        course.add(PageCancelled, "", **about, kept=page.id, kept_until=course.now + QUIET)
    else:
        end(course, page, PageResolved, by=by, reason=reason, episode=episode)
