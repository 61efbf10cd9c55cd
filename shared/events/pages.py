"""Waking people up. `page-inbox` (author: notifier front) is the pager's only input, `pages` what
it decided; both keyed by lane.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.events.envelope import Event, Fact, Instant, PolicyStamp, Value

# No ids of the usual form: a lane of these names cannot be a customer's.
KAFKA_AWAY = "kafka-away"
"""The lane, and the key, of the page that intake sends ops when Kafka does not answer. It is about
no ticket.
"""

DISK_TROUBLE = "disk-trouble"
"""The same for a disk under intake's data that is full, read-only or failing."""


def is_absent(value: object) -> bool:
    """Fields of alerts do not stand in the events of tickets."""
    return not value


# What the pager is asked (topic `page-inbox`).
class AlertEpisode(Value):
    """One time that a monitor's alert fires, from its beginning to its end, as the pager counts it.

    `alert` names the alert by incident, group and fingerprint. `obligation`: what this time owes;
    empty where an end came before its beginning. `started_at`: as the monitor says, null where it
    does not. `at`: when intake took in the beginning, or the end. `number` counts 1, 2, 3…
    """

    alert: str
    obligation: str
    started_at: Instant | None = None
    at: Instant
    firing: bool
    number: int = 1


class PageWanted(Event):
    """An urgent ticket is owed a page, or a monitor's alert is (`ticket_id` is the incident's id
    then, as `incident_id`).

    The id is derived from the obligation, so both roads to it meet in one event. `escalation`: the
    escalation policy of the on-call document that it goes by; None: the desk policy's. `severity`:
    what a monitor says.
    """

    type: Literal["PageWanted"] = "PageWanted"
    obligation: str
    ticket_id: str
    request_id: str
    subject: str
    requester: str
    app: str | None = None
    accepted_at: Instant
    policy: PolicyStamp
    escalation: str | None = None
    incident_id: str | None = None
    severity: str = ""
    began: str = ""
    """When it began, in UTC and as written."""
    components: tuple[str, ...] = ()
    """The ids of what an alert is about. A ticket's page names none: no maintenance silences it."""
    silenced_by: str | None = None
    """The maintenance under way that was to make such an alert: it is owed, and rings when that is
    over, if it still fires.
    """
    # Left out of the JSON where absent, here and below, so that facts of tickets keep their bytes.
    alert: str = Field("", exclude_if=is_absent)
    """Of an alert: its name (`AlertEpisode`). A repeat while it fires asks for nothing."""
    started_at: Instant | None = Field(None, exclude_if=is_absent)
    """Of an alert: when it began, as the monitor says."""
    test_of: str = Field("", exclude_if=is_absent)
    """The one person whom a test page calls: it is about no ticket, goes by no escalation policy,
    and ends by itself.
    """


# What intake sent by itself.
class DirectAttempt(Value):
    """One send that intake made itself. `outcome` as in AttemptOutcome; `at` is when it was known."""

    attempt: str
    step: int
    round: int = 0
    to: str
    channel: str
    method: str
    dedup_key: str
    tries: int = 1
    at: Instant
    outcome: Literal["accepted", "refused", "try-later", "unknown"]
    receipt: str = ""
    reason: str = ""


class DirectPage(Event):
    """A page that intake sent by itself, Kafka being away, under the ids and keys the pager would
    have used (DESIGN section 3).

    `page` names it, `next_at` is when the step after `step` begins, as the policy said when it was
    sent.
    """

    # The fields of PageWanted and PageOpened that the pager needs to go on from here.
    page: str
    obligation: str
    ticket_id: str
    request_id: str
    subject: str
    requester: str
    app: str | None = None
    accepted_at: Instant
    policy: PolicyStamp
    escalation: str
    began: str = ""
    next_at: Instant
    attempts: tuple[DirectAttempt, ...]


class PagedDirectly(DirectPage):
    """On `urgent`, before the tickets it is about: what intake did. `lane` is the page's; `key` is
    the ticket's, or the lane.
    """

    type: Literal["PagedDirectly"] = "PagedDirectly"
    lane: str
    over_at: Instant | None = Field(None, exclude_if=is_absent)
    """Since when its cause is over (the disk has room again): nobody needs to answer it any
    more.
    """


class DirectPageSeen(DirectPage):
    """On `page-inbox`: the same, for the lane it is about."""

    type: Literal["DirectPageSeen"] = "DirectPageSeen"


# What people ask of a page. The front decides `may`, because the pager knows no roles.
class AckAsked(Event):
    """Somebody acknowledges page `page`. `id` is the request's id."""

    type: Literal["AckAsked"] = "AckAsked"
    page: str
    by: str
    via: str
    may: bool = True
    """Whether the asker is on-call, ops or holds a signed link; the pager refuses otherwise."""


class ResolveAsked(Event):
    type: Literal["ResolveAsked"] = "ResolveAsked"
    page: str
    by: str
    may: bool = True


class EscalateAsked(Event):
    type: Literal["EscalateAsked"] = "EscalateAsked"
    page: str
    by: str
    may: bool = True


class PageNoteAsked(Event):
    """Somebody leaves a note on page `page`."""

    type: Literal["PageNoteAsked"] = "PageNoteAsked"
    page: str
    by: str
    body: str
    may: bool = True


class ReassignAsked(Event):
    """Page `page` is to be handed to `to`, a person of the on-call document."""

    type: Literal["ReassignAsked"] = "ReassignAsked"
    page: str
    by: str
    to: str
    may: bool = True


# What ends the reason for a page, or shows somebody at work.
class DowngradeSeen(Event):
    """Obligations taken back by a change of priority (`cancels`); one not seen yet leaves a
    tombstone.
    """

    type: Literal["DowngradeSeen"] = "DowngradeSeen"
    ticket_id: str
    cancels: tuple[str, ...]
    by: str
    reason: str


class SolveSeen(Event):
    """The ticket is solved, or the alert has ended: its obligations are no longer owed."""

    type: Literal["SolveSeen"] = "SolveSeen"
    ticket_id: str
    obligations: tuple[str, ...]
    by: str
    alert: str = Field("", exclude_if=is_absent)
    """Of an alert that ended: its name (`AlertEpisode`)."""
    started_at: Instant | None = Field(None, exclude_if=is_absent)
    reason: str = Field("", exclude_if=is_absent)
    """Why nobody is owed a page any more, where it is no ticket that was solved."""


class ActivitySeen(Event):
    """Somebody of ours is at work on a ticket that woke people: `activity` is a word of
    `services/notifier/pager/handling.py`.
    """

    type: Literal["ActivitySeen"] = "ActivitySeen"
    ticket_id: str
    obligations: tuple[str, ...]
    by: str
    activity: str


# Maintenances.
class SilenceAsked(Event):
    """Maintenance `maintenance` has begun: what alerts about `components` (ids) owe is silent from
    now on. `id` is the request's id.
    """

    type: Literal["SilenceAsked"] = "SilenceAsked"
    maintenance: str
    components: tuple[str, ...]


class RestoreAsked(Event):
    """It is over: what it silenced, and still fires, wakes people again. `id` is the request's id."""

    type: Literal["RestoreAsked"] = "RestoreAsked"
    maintenance: str


# Codes for contact methods.
class ContactCheckWanted(Event):
    """A code is to be sent to a contact method. `id` is the request's; `version`: the on-call
    document it was asked under.
    """

    type: Literal["ContactCheckWanted"] = "ContactCheckWanted"
    person: str
    method: str
    asked_at: Instant
    version: int


# What the pager decided (topic `pages`).
class PageFact(Fact):
    """A fact about page `page` (`<lane>.<hash>`); `key` is its lane."""

    page: str


# It begins.
class PageOpened(PageFact):
    type: Literal["PageOpened"] = "PageOpened"
    ticket_id: str
    obligation: str
    request_id: str
    subject: str
    requester: str
    app: str | None = None
    escalation: str
    accepted_at: Instant
    policy: PolicyStamp
    incident_id: str | None = None
    severity: str = ""
    began: str = ""
    components: tuple[str, ...] = ()
    episode: AlertEpisode | None = Field(None, exclude_if=is_absent)
    test_of: str = Field("", exclude_if=is_absent)
    """As in PageWanted."""


class PageJoined(PageFact):
    """A later urgent of the lane joins the open page: grouped, recorded, nobody woken twice.
    `reason`: why an alert joins a page that somebody has acknowledged.
    """

    type: Literal["PageJoined"] = "PageJoined"
    ticket_id: str
    obligation: str
    subject: str
    requester: str
    components: tuple[str, ...] = ()
    reason: str = Field("", exclude_if=is_absent)
    episode: AlertEpisode | None = Field(None, exclude_if=is_absent)


# Sends, and what became of them.
class PageAttempted(PageFact):
    """Recorded before the send. `purpose` is `page`, or `stand-down` (told that nothing is needed
    any more).
    """

    type: Literal["PageAttempted"] = "PageAttempted"
    attempt: str
    step: int
    round: int = 0
    to: str
    channel: str
    method: str
    """Which contact method of the person, by its name in the on-call document; never the address
    itself.
    """
    dedup_key: str
    purpose: Literal["page", "stand-down"] = "page"
    tries: int = 1
    sent_by: Literal["pager", "intake"] = "pager"
    """`intake`: it was sent while Kafka was away, and is recorded here afterwards."""


class PageAccepted(PageFact):
    """The far side took it: `receipt` is what it said."""

    type: Literal["PageAccepted"] = "PageAccepted"
    attempt: str
    receipt: str = ""
    accepted_at: Instant


class PageFailed(PageFact):
    """`retry_at` is null when this attempt is given up. `unknown`: it may have reached them (a
    time-out after sending).
    """

    type: Literal["PageFailed"] = "PageFailed"
    attempt: str
    reason: str
    unknown: bool = False
    retry_at: Instant | None = None


# Steps.
class PageReachedNobody(PageFact):
    """A step that woke nobody. `next_at`: there is no escalation policy, and the page is due from
    then on, until there is one.
    """

    type: Literal["PageReachedNobody"] = "PageReachedNobody"
    step: int
    round: int = 0
    reason: str
    next_at: Instant | None = Field(None, exclude_if=is_absent)


class PageEscalated(PageFact):
    """Step `step` of round `round` begins for `to`; the next one at `next_at` unless somebody
    acknowledges.
    """

    type: Literal["PageEscalated"] = "PageEscalated"
    step: int
    round: int = 0
    to: tuple[str, ...]
    reason: str = ""
    next_at: Instant | None = None


# What people did.
class PageAcknowledged(PageFact):
    """`reopens_at`: when it is opened again, unless it is over by then or acknowledged once more;
    null: never.
    """

    type: Literal["PageAcknowledged"] = "PageAcknowledged"
    by: str
    via: str
    reopens_at: Instant | None = None


class PageReopened(PageFact):
    """`by` had acknowledged it, and nothing came of it in time: the next step begins."""

    type: Literal["PageReopened"] = "PageReopened"
    by: str
    reason: str


class PageNoted(PageFact):
    """A note of somebody who handles the page. It changes nothing about who is woken, except that
    an acknowledged page opens again later: `reopens_at`.
    """

    type: Literal["PageNoted"] = "PageNoted"
    by: str
    body: str
    reopens_at: Instant | None = Field(None, exclude_if=is_absent)


class PageReassigned(PageFact):
    """`by` handed the page to `to`: it is open again, in round `round`, and they are paged now. The
    next step begins at `next_at` unless somebody acknowledges.
    """

    type: Literal["PageReassigned"] = "PageReassigned"
    by: str
    to: str
    step: int
    round: int
    next_at: Instant


class PageAttended(PageFact):
    """Somebody of ours works on what it is about, so the time after which it opens again begins
    anew: at `reopens_at`.
    """

    type: Literal["PageAttended"] = "PageAttended"
    by: str
    activity: str
    reopens_at: Instant | None = None


# Maintenances.
class PageSilenced(PageFact):
    """Maintenance `silenced_by` covers what `obligations` are about. `stopped`: all it owes is
    silent by now, so its escalation stops.
    """

    type: Literal["PageSilenced"] = "PageSilenced"
    silenced_by: str
    obligations: tuple[str, ...] = ()
    stopped: bool = False
    reason: str


class PageRestored(PageFact):
    """`obligations` are silent no longer: the maintenance is over, or (`silenced_by` empty)
    somebody wants it to ring.

    `resumed`: the page goes on, from the first step, in round `round`.
    """

    type: Literal["PageRestored"] = "PageRestored"
    by: str
    silenced_by: str = ""
    obligations: tuple[str, ...] = ()
    resumed: bool = False
    round: int = 0
    reason: str


# Its end, and what was refused.
class PageCancelled(PageFact):
    """Nobody acknowledged yet and it is not needed any more. `obligation` alone with an empty page:
    a tombstone.

    `kept`: the page that owes nothing any more and stays until `kept_until`, because its alert
    begins and ends again and again.
    """

    type: Literal["PageCancelled"] = "PageCancelled"
    obligation: str = ""
    by: str
    reason: str
    kept: str = Field("", exclude_if=is_absent)
    kept_until: Instant | None = Field(None, exclude_if=is_absent)
    episode: AlertEpisode | None = Field(None, exclude_if=is_absent)


class PageResolved(PageFact):
    type: Literal["PageResolved"] = "PageResolved"
    by: str
    reason: str = ""
    episode: AlertEpisode | None = Field(None, exclude_if=is_absent)


class PageRequestRefused(PageFact):
    """`cause` names the request or inbox event; `code` is a machine word."""

    type: Literal["PageRequestRefused"] = "PageRequestRefused"
    code: str
    reason: str


# Codes for contact methods; facts in a person's own lane.
class ContactCheckStarted(PageFact):
    """Recorded before a code is sent to a contact method. `page` is empty: it wakes nobody for
    anything.
    """

    type: Literal["ContactCheckStarted"] = "ContactCheckStarted"
    page: str = ""
    check: str
    """The id of the request that asked for it; what the send is known by to the far side is derived
    from it.
    """
    person: str
    method: str
    asked_at: Instant
    version: int


class ContactChecked(PageFact):
    """What became of that send; it is not repeated, whoever wants another code asks again. `cause`
    is the request.
    """

    type: Literal["ContactChecked"] = "ContactChecked"
    page: str = ""
    check: str
    person: str
    method: str
    outcome: Literal["accepted", "refused", "try-later", "unknown"]
    receipt: str = ""
    reason: str = ""


# Not on any topic.
class AttemptOutcome(Event):
    """What a channel reported of attempt `attempt`: it never goes on a topic, the pager decides on
    it like on an input.
    """

    type: Literal["AttemptOutcome"] = "AttemptOutcome"
    page: str
    attempt: str
    tries: int
    outcome: Literal["accepted", "refused", "try-later", "unknown"]
    receipt: str = ""
    reason: str = ""
