"""The language: every event, by topic. One module a topic; `shared/topics.py` says who writes and who reads them."""

from __future__ import annotations

from shared.events.clocks import ClockBreached, ClockFact, ClockMet, ClockRetargeted, ClockStarted, ClockWarned, WarningDue
from shared.events.envelope import (
    STAFF,
    Actor,
    Audience,
    Event,
    Fact,
    Instant,
    Kind,
    Plan,
    PolicyStamp,
    Priority,
    Role,
    RuleTried,
    Stage,
    Stamp,
    Status,
    Value,
    Via,
)
from shared.events.notices import NoticeAttempted, NoticeDelivered, NoticeFact, NoticeFailed, NoticeOwed, NoticeSuppressed
from shared.events.pages import (
    AckAsked,
    AttemptOutcome,
    DowngradeSeen,
    EscalateAsked,
    PageAccepted,
    PageAcknowledged,
    PageAttempted,
    PageCancelled,
    PageEscalated,
    PageFact,
    PageFailed,
    PageJoined,
    PageOpened,
    PageReachedNobody,
    PageRequestRefused,
    PageResolved,
    PageWanted,
    ResolveAsked,
    SolveSeen,
)
from shared.events.reference import DeadLetter, DirectoryRecorded, FigureComputed, PolicyPublished
from shared.events.requests import (
    Acknowledge,
    AddonKnown,
    AddReply,
    Admission,
    AssignTicket,
    DismissSuggestion,
    EscalatePage,
    HandBack,
    OpenTicket,
    Reopen,
    Request,
    ResolvePage,
    ReviewPriority,
    Solve,
    TakeBack,
    UrgentDetails,
)
from shared.events.tickets import (
    NoteAdded,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    ReplyAdded,
    RequestParked,
    RequestRefused,
    SuggestionDismissed,
    TicketAssigned,
    TicketFact,
    TicketOpened,
    TicketReopened,
    TicketRouted,
    TicketSolved,
)

__all__ = [name for name in dir() if name[0].isupper()]
