"""What became of tickets: past tense, written by the router only (topic `tickets`)."""

from __future__ import annotations

from typing import Any, Literal

from shared.events.envelope import Audience, Fact, Instant, Kind, Plan, PolicyStamp, Priority, RuleTried, Scope, Stage, Via
from shared.events.requests import TimeRead, UrgentDetails


class TicketFact(Fact):
    """A fact about ticket `key`. `by` is who asked (an e-mail address, or `system`).

    `imported` names the system it was imported from: it is history, so it pages nobody, tells nobody and starts no clock.
    """

    by: str
    policy: PolicyStamp
    imported: str = ""


class TicketOpened(TicketFact):
    type: Literal["TicketOpened"] = "TicketOpened"
    subject: str
    body: str
    requester: str
    requester_name: str = ""
    plan: Plan
    app: str | None = None
    stage: Stage | None = None
    addon: str | None = None
    kind: Kind = Kind.PROBLEM
    scope: Scope = Scope.COVERED
    urgent: UrgentDetails | None = None
    attachments: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    via: Via = Via.API
    lane: str
    verified: bool = True
    """False: it came by mail and nobody vouches for the sender, until SenderConfirmed."""
    quoted: str = ""
    """What the mail quoted below its own text: shown folded."""
    first: bool = False
    """Enterprise, legacy-enterprise and premier customers stand on top of the queue (seed 001)."""
    times: tuple[TimeRead, ...] = ()


class PrioritySet(TicketFact):
    """The effective priority at opening. `pages`: it wakes someone; `obligation` is then the promise's id.

    Of an urgent one: `missing` is what to ask for (seed 001), one question an item; `began` when it began, in words.
    """

    type: Literal["PrioritySet"] = "PrioritySet"
    requested: Priority | None
    priority: Priority
    reason: str = ""
    trail: tuple[RuleTried, ...] = ()
    plan: Plan
    opened_at: Instant
    lane: str
    missing: tuple[str, ...] = ()
    began: str = ""
    pages: bool = False
    obligation: str | None = None
    subject: str = ""
    requester: str = ""
    verified: bool = True


class TicketRouted(TicketFact):
    """Where the ticket goes first. `queue` is `platform`, `csa` or `provider:<slug>`."""

    type: Literal["TicketRouted"] = "TicketRouted"
    queue: str
    trail: tuple[RuleTried, ...] = ()


class ScopeDecided(TicketFact):
    """What the requester is told about the scope or kind of the ticket: why, and where help is to be had (`pointers`).

    `rule` is the exclusion (`general_debugging`, …), `architecture_for_plans`, `break_fix_sent_as_architecture`, or
    `insisted`: then `information` is what the customer's side says, and a person looks. The ticket stays open.
    """

    type: Literal["ScopeDecided"] = "ScopeDecided"
    scope: Scope
    rule: str
    reason: str
    pointers: tuple[str, ...] = ()
    information: str = ""
    trail: tuple[RuleTried, ...] = ()
    subject: str
    requester: str
    verified: bool = True


class ProviderSuggested(TicketFact):
    """Evidence too weak to assign on: an agent confirms with one click or dismisses it."""

    type: Literal["ProviderSuggested"] = "ProviderSuggested"
    provider: str
    because: tuple[str, ...]
    confidence: float | None = None
    """0 to 1: what the evidence adds up to; null in facts from before it was kept."""


class SuggestionDismissed(TicketFact):
    type: Literal["SuggestionDismissed"] = "SuggestionDismissed"
    provider: str
    reason: str = ""


class TicketAssigned(TicketFact):
    """Given to a provider's agent account (`provider`) or taken to a queue of ours (`provider` is null).

    Carries what its notices need; `previous` is the provider that had it. `lane` and `obligations`: what it owes of pages, where one
    of ours did this, so that a page somebody acknowledged knows of the work (as in ReplyAdded and NoteAdded).
    """

    type: Literal["TicketAssigned"] = "TicketAssigned"
    queue: str
    provider: str | None
    previous: str | None = None
    reason: str = ""
    subject: str
    body: str = ""
    requester: str
    requester_name: str = ""
    participants: tuple[str, ...] = ()
    app: str | None = None
    priority: Priority
    lane: str = ""
    obligations: tuple[str, ...] = ()


class PriorityReviewed(TicketFact):
    """`priority` replaces `previous`. A raise to urgent that pages has a new `obligation`."""

    type: Literal["PriorityReviewed"] = "PriorityReviewed"
    previous: Priority
    priority: Priority
    reason: str
    plan: Plan
    lane: str
    pages: bool = False
    obligation: str | None = None
    cancels: tuple[str, ...] = ()
    """Obligations to page that the change takes back."""
    final: bool = False
    """It carries out an AppealDecided, which tells the customer."""
    subject: str = ""
    requester: str = ""
    participants: tuple[str, ...] = ()


class PriorityAppealed(TicketFact):
    """The customer's side disputes the change that `changed_by` made (`system`: a rule did), once per change."""

    type: Literal["PriorityAppealed"] = "PriorityAppealed"
    information: str
    priority: Priority
    changed_by: str
    subject: str = ""
    requester: str = ""


class AppealDecided(TicketFact):
    """Final: the priority changes no more. Where it differs from `previous`, a PriorityReviewed follows and carries it out."""

    type: Literal["AppealDecided"] = "AppealDecided"
    previous: Priority
    priority: Priority
    reason: str
    subject: str = ""
    requester: str = ""


class ReplyAdded(TicketFact):
    """A reply. `side`: whose it is; `participants` (customer side, requester included) and `provider` are who may be told."""

    type: Literal["ReplyAdded"] = "ReplyAdded"
    author: str
    author_name: str = ""
    side: Literal["customer", "staff", "provider"]
    audience: Audience
    via: Via
    body: str
    attachments: tuple[str, ...] = ()
    automatic: bool = False
    quoted: str = ""
    """What the mail quoted below its own text: shown folded."""
    status: str
    subject: str
    requester: str
    participants: tuple[str, ...] = ()
    provider: str | None = None
    priority: Priority
    lane: str = ""
    obligations: tuple[str, ...] = ()


class NoteAdded(TicketFact):
    """A staff note: seen by staff only, told to nobody."""

    type: Literal["NoteAdded"] = "NoteAdded"
    author: str
    author_name: str = ""
    attachments: tuple[str, ...] = ()
    via: Via
    body: str
    lane: str = ""
    obligations: tuple[str, ...] = ()


class TicketSolved(TicketFact):
    type: Literal["TicketSolved"] = "TicketSolved"
    resolution: str
    side: Literal["customer", "staff", "provider"]
    subject: str
    requester: str
    participants: tuple[str, ...] = ()
    provider: str | None = None
    lane: str
    obligations: tuple[str, ...] = ()


class TicketReopened(TicketFact):
    """`status` is what it is now: `open`. To the provider's queue if a provider had it."""

    type: Literal["TicketReopened"] = "TicketReopened"
    reason: str = ""
    side: Literal["customer", "staff", "provider"]
    subject: str
    requester: str
    participants: tuple[str, ...] = ()
    provider: str | None = None
    priority: Priority


class TicketClosed(TicketFact):
    """The reopen window is over: whoever has more to say opens a new ticket."""

    type: Literal["TicketClosed"] = "TicketClosed"
    reason: str = ""


class TicketRated(TicketFact):
    """1 (bad) to 5, for one solving; `previous` is the score that this one replaces."""

    type: Literal["TicketRated"] = "TicketRated"
    score: int
    comment: str = ""
    previous: int | None = None
    provider: str | None = None


class TicketShared(TicketFact):
    """A link exists until `expires_at` by which registered accounts may join."""

    type: Literal["TicketShared"] = "TicketShared"
    token_hash: str
    expires_at: Instant


class ShareRevoked(TicketFact):
    """None of the ticket's links works any more; `links` of them were still good."""

    type: Literal["ShareRevoked"] = "ShareRevoked"
    links: int


class ParticipantJoined(TicketFact):
    """`participant` (`by`) holds a link of the ticket and confirmed; `participants` are all of the customer's side now."""

    type: Literal["ParticipantJoined"] = "ParticipantJoined"
    participant: str
    participant_name: str = ""
    subject: str
    requester: str
    participants: tuple[str, ...]


class AccessGranted(TicketFact):
    """Our staff may access the app and its add-ons to work on this ticket."""

    type: Literal["AccessGranted"] = "AccessGranted"
    app: str | None = None


class AccessEnded(TicketFact):
    type: Literal["AccessEnded"] = "AccessEnded"
    reason: str = ""


class TicketLinked(TicketFact):
    """The ticket is about this incident; with those of TicketOpened, `incidents` are all it is linked to now."""

    type: Literal["TicketLinked"] = "TicketLinked"
    incident: str
    title: str
    incidents: tuple[str, ...]
    subject: str
    requester: str
    participants: tuple[str, ...] = ()


class TicketUnlinked(TicketFact):
    """The ticket is not about this incident after all; `incidents` are those it is still linked to."""

    type: Literal["TicketUnlinked"] = "TicketUnlinked"
    incident: str
    title: str = ""
    incidents: tuple[str, ...]


class SenderConfirmed(TicketFact):
    """The requester confirmed that the mail was theirs. `pages`: what it asked for, and was entitled to, wakes someone now."""

    type: Literal["SenderConfirmed"] = "SenderConfirmed"
    requested: Priority | None = None
    priority: Priority
    reason: str = ""
    plan: Plan
    lane: str
    pages: bool = False
    obligation: str | None = None
    subject: str = ""
    requester: str = ""


class RequestRefused(TicketFact):
    """A request the router refused for good. `code` is a machine word, `reason` a sentence for the asker."""

    type: Literal["RequestRefused"] = "RequestRefused"
    request_type: str
    code: str
    reason: str
    mail: str = ""
    """The message the request came in, by its key on topic `mail`."""


class RequestParked(TicketFact):
    """A request for a ticket that is not open yet: kept, decided when the ticket opens, refused after a minute."""

    type: Literal["RequestParked"] = "RequestParked"
    request: dict[str, Any]
    until: Instant
