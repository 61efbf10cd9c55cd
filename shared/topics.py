"""Who talks to whom: event → topic → its one author → its readers. The picture in ARCHITECTURE.md
is drawn from this table.

A test holds the services' handlers against it (`tests/contract/test_topics.py`); `signalbox up`
creates these topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
from pydantic import ValidationError

from shared import events as e
from shared.errors import Newer, Poisonous


@dataclass(frozen=True)
class Topic:
    """One conversation. `cleanup` is Kafka's cleanup.policy; `retention` None keeps for ever;
    `partitions` None is the setting's.
    """

    name: str
    key: str
    author: str
    readers: tuple[str, ...]
    events: tuple[type[e.Event], ...] = ()
    cleanup: str = "delete"
    retention: timedelta | None = None
    partitions: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


REQUESTS = Topic(
    "requests",
    key="aggregate id (ticket, page or incident)",
    author="intake",
    readers=("router", "notifier.front", "notifier.courier", "portal.projector", "auditor"),
    events=(
        e.OpenTicket,
        e.AddReply,
        e.AssignTicket,
        e.HandBack,
        e.TakeBack,
        e.InsistScope,
        e.DismissSuggestion,
        e.ReviewPriority,
        e.AppealPriority,
        e.DecideAppeal,
        e.Solve,
        e.Reopen,
        e.CloseTicket,
        e.RateTicket,
        e.ShareTicket,
        e.RevokeShare,
        e.JoinTicket,
        e.GrantAccess,
        e.ConfirmSender,
        e.LinkIncident,
        e.UnlinkIncident,
        e.Acknowledge,
        e.ResolvePage,
        e.EscalatePage,
        e.OpenIncident,
        e.UpdateIncident,
        e.CorrectIncident,
        e.PublishIncident,
        e.ResolveIncident,
        e.PublishPostmortem,
        e.RaiseAlert,
        e.ScheduleMaintenance,
        e.RescheduleMaintenance,
        e.EndMaintenance,
        e.CancelMaintenance,
        e.MakeAnnouncement,
        e.Heartbeat,
        e.RedeliverNotice,
        e.AcceptSuggestion,
        e.NotePage,
        e.ReassignPage,
        e.VerifyContact,
        e.TestPage,
        e.TestNotice,
        e.SilenceAlerts,
        e.RestoreAlerts,
        e.TakeTicket,
        e.HandOverTicket,
        e.ReleaseTicket,
        e.TagTicket,
        e.MergeTicket,
        e.NoteMerge,
        e.AskParticipant,
        e.AnswerAsk,
        e.RemoveParticipant,
    ),
)
URGENT = Topic(
    "urgent",
    key="ticket id",
    author="intake",
    readers=("notifier.front",),
    events=(e.PagedDirectly, e.OpenTicket),
)
TICKETS = Topic(
    "tickets",
    key="ticket id",
    author="router",
    readers=(
        "intake",
        "sla",
        "notifier.front",
        "notifier.courier",
        "portal.projector",
        "portal.pulse",
        "auditor",
    ),
    events=(
        e.TicketOpened,
        e.PrioritySet,
        e.TicketRouted,
        e.ScopeDecided,
        e.ProviderSuggested,
        e.SuggestionDismissed,
        e.TicketAssigned,
        e.PriorityReviewed,
        e.PriorityAppealed,
        e.AppealDecided,
        e.ReplyAdded,
        e.NoteAdded,
        e.TicketSolved,
        e.TicketReopened,
        e.TicketClosed,
        e.TicketRated,
        e.TicketShared,
        e.ShareRevoked,
        e.ParticipantJoined,
        e.AccessGranted,
        e.AccessEnded,
        e.SenderConfirmed,
        e.TicketLinked,
        e.TicketUnlinked,
        e.RequestRefused,
        e.RequestParked,
        e.QueueSuggested,
        e.QueueSuggestionDismissed,
        e.OwnerChanged,
        e.TicketTagged,
        e.TicketMerged,
        e.MergeNoted,
        e.ParticipantAsked,
        e.ParticipantDeclined,
        e.ParticipantRemoved,
    ),
)
CLOCKS = Topic(
    "clocks",
    key="ticket id",
    author="sla",
    readers=("intake", "notifier.courier", "portal.projector", "portal.pulse", "auditor"),
    events=(
        e.ClockStarted,
        e.ClockRetargeted,
        e.ClockPaused,
        e.ClockResumed,
        e.ClockWarned,
        e.ClockMet,
        e.ClockBreached,
        e.ClockStopped,
        e.ClockRanOut,
    ),
)
PAGE_INBOX = Topic(
    "page-inbox",
    key="lane",
    author="notifier.front",
    readers=("notifier.pager",),
    events=(
        e.PageWanted,
        e.DirectPageSeen,
        e.AckAsked,
        e.ResolveAsked,
        e.EscalateAsked,
        e.DowngradeSeen,
        e.SolveSeen,
        e.ContactCheckWanted,
        e.SilenceAsked,
        e.RestoreAsked,
        e.ActivitySeen,
        e.PageNoteAsked,
        e.ReassignAsked,
    ),
    retention=timedelta(days=30),
)
PAGES = Topic(
    "pages",
    key="lane",
    author="notifier.pager",
    readers=("notifier.courier", "portal.projector", "portal.pulse", "auditor"),
    events=(
        e.PageOpened,
        e.PageJoined,
        e.PageAttempted,
        e.PageAccepted,
        e.PageFailed,
        e.PageReachedNobody,
        e.PageEscalated,
        e.PageAcknowledged,
        e.PageCancelled,
        e.PageResolved,
        e.PageRequestRefused,
        e.ContactCheckStarted,
        e.ContactChecked,
        e.PageReopened,
        e.PageAttended,
        e.PageSilenced,
        e.PageRestored,
        e.PageNoted,
        e.PageReassigned,
    ),
)
STATUS = Topic(
    "status",
    key="incident id",
    author="router",
    readers=(
        "intake",
        "notifier.front",
        "notifier.courier",
        "portal.projector",
        "portal.status",
        "auditor",
    ),
    events=(
        e.IncidentDrafted,
        e.IncidentOpened,
        e.IncidentUpdated,
        e.ImpactChanged,
        e.IncidentResolved,
        e.PostmortemPublished,
        e.IncidentCorrected,
        e.AlertRaised,
        e.AlertCleared,
        e.MaintenanceScheduled,
        e.MaintenanceRescheduled,
        e.MaintenanceStarted,
        e.MaintenanceEnded,
        e.MaintenanceCancelled,
        e.AnnouncementMade,
        e.StatusRequestRefused,
    ),
)
NOTICES = Topic(
    "notices",
    key="notice id",
    author="notifier.courier",
    readers=("intake", "portal.projector", "auditor"),
    events=(e.NoticeOwed, e.NoticeAttempted, e.NoticeDelivered, e.NoticeFailed, e.NoticeSuppressed),
)
FIGURES = Topic(
    "figures",
    key="figure and window",
    author="portal.pulse",
    readers=("portal.projector",),
    events=(e.FigureComputed,),
    cleanup="compact",
)
MAIL = Topic(
    "mail",
    key="message hash",
    author="intake",
    readers=("notifier.courier", "portal.projector", "auditor"),
    events=(
        e.MailReceived,
        e.MailTicketed,
        e.MailThreaded,
        e.MailDuplicate,
        e.MailQuarantined,
        e.MailReleased,
        e.MailBounced,
    ),
)
DIRECTORY = Topic(
    "directory",
    key="kind:id",
    author="intake",
    readers=("intake", "notifier", "portal.projector"),
    events=(e.DirectoryRecorded,),
    cleanup="compact",
)
POLICIES = Topic(
    "policies",
    key="document name",
    author="intake",
    readers=("intake", "router", "sla", "notifier", "portal.projector", "portal.status"),
    events=(e.PolicyPublished,),
)
DEAD_LETTERS = Topic(
    "dead-letters",
    key="original key",
    author="everybody",
    readers=("portal.projector",),
    events=(e.DeadLetter,),
)

ERASURES = Topic(
    "erasures", key="pseudonym", author="operator", readers=(), events=(e.PersonErased,)
)
"""That somebody was erased, written by `signalbox erase` alone."""

ERASING = "erasing"
"""A topic that is there only while an erasure is under way: the others may be half made anew, so
nobody reads or writes them.
"""

CHANGELOG_WORKERS = {"router": REQUESTS, "sla": TICKETS, "pager": PAGE_INBOX}
"""Spine worker → its one input; its rows are in `<worker>-state`, with as many partitions as the
input.
"""

# Rows may be large (16 MiB), and compaction starts early: a worker reads all of it when it starts.
CHANGELOGS = tuple(
    Topic(
        f"{worker}-state",
        key=source.key,
        author=worker,
        readers=(worker,),
        cleanup="compact",
        config={
            "min.cleanable.dirty.ratio": "0.3",
            "segment.ms": "3600000",
            "max.message.bytes": str(16 * 1024 * 1024),
        },
    )
    for worker, source in CHANGELOG_WORKERS.items()
)

PUBLIC = (
    REQUESTS,
    URGENT,
    TICKETS,
    CLOCKS,
    PAGE_INBOX,
    PAGES,
    STATUS,
    NOTICES,
    FIGURES,
    MAIL,
    DIRECTORY,
    POLICIES,
    DEAD_LETTERS,
    ERASURES,
)
PULSE_TABLES = tuple(
    Topic(
        f"pulse-{table}-changelog",
        key="counter and window",
        author="portal.pulse",
        readers=("portal.pulse",),
        cleanup="compact",
    )
    for table in ("minutes", "hours")
)
"""Changelogs of Faust's tables in `services/portal/operations/pulse.py`: it finds them or handles
nothing, so they are made beforehand.
"""

# Everything that `signalbox up` creates. `ERASING` is missing: it is there only during an erasure.
TOPICS: dict[str, Topic] = {topic.name: topic for topic in (*PUBLIC, *CHANGELOGS, *PULSE_TABLES)}

EVENTS: dict[str, type[e.Event]] = {
    kind.__name__: kind for topic in PUBLIC for kind in topic.events
}
"""Every event that goes on a topic, by its `type`."""

# Reversed: of an event on two topics the first listed wins.
_TOPIC_OF: dict[type[e.Event], str] = {
    kind: topic.name for topic in reversed(PUBLIC) for kind in topic.events
}


def topic_of(event: e.Event) -> str:
    """The topic an event belongs on (an OpenTicket's first home is `requests`)."""
    return _TOPIC_OF[type(event)]


def type_of(raw: bytes, ce_type: bytes | None = None) -> str:
    """The event's type name: from the CloudEvents header, or else from the JSON. Raises
    Poisonous.
    """
    if ce_type:
        return ce_type.rpartition(b".")[2].decode("ascii", "replace")
    try:
        found = orjson.loads(raw)["type"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Poisonous(f"not an event: {error}") from error
    return str(found)


_UNKNOWN_WORD = frozenset({"enum", "literal_error"})
"""What pydantic calls a word that is not in a list, such as a role or a priority."""


def read(raw: bytes, ce_type: bytes | None = None) -> e.Event | None:
    """The event in a record's value; None for a type this version does not know. Raises Poisonous
    with what is wrong; Newer where nothing is wrong but a word that this version does not know.
    """
    name = type_of(raw, ce_type)
    # An unknown type is not wrong: a newer Signalbox may have written it.
    kind = EVENTS.get(name)
    if kind is None:
        return None
    try:
        return kind.read(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{name} does not parse: {where or 'value'}: {first['msg']}"
        # Only words are unknown: a newer version would read it, so it is kept for that one.
        if all(each["type"] in _UNKNOWN_WORD for each in error.errors(include_url=False)):
            raise Newer(said) from error
        raise Poisonous(said) from error
