"""What became of tickets: past tense, written by the router only (topic `tickets`)."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.events.envelope import (
    Audience,
    Fact,
    Instant,
    Kind,
    Plan,
    PolicyStamp,
    Priority,
    RuleTried,
    Scope,
    Stage,
    Status,
    Via,
)
from shared.events.requests import TimeRead, UrgentDetails


class TicketFact(Fact):
    """A fact about ticket `key`. `by` is who asked (an e-mail address, or `system`).

    `imported` names the system it was imported from: it is history, so it pages nobody, tells
    nobody and starts no clock, unless its PrioritySet says `quiet_until`.
    """

    # On every fact, so that a reader needs no look-up to say who did it and under which policy.
    by: str
    policy: PolicyStamp
    imported: str = ""


# Opening: what it is, how urgent, where it goes.
class TicketOpened(TicketFact):
    """`author` and `author_name`: who of our staff opened it for the requester, and wrote its text;
    empty where the requester did. `follows`: as in OpenTicket.
    """

    type: Literal["TicketOpened"] = "TicketOpened"
    subject: str
    body: str
    # Left out of the JSON where empty, here and below, so that facts from before the field keep
    # their bytes.
    author: str = Field("", exclude_if=operator.not_)
    author_name: str = Field("", exclude_if=operator.not_)
    follows: str | None = Field(None, exclude_if=operator.not_)
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
    # Only tickets that came by mail.
    verified: bool = True
    """False: it came by mail and nobody vouches for the sender, until SenderConfirmed."""
    quoted: str = ""
    """What the mail quoted below its own text: shown folded."""
    first: bool = False
    """Enterprise, legacy-enterprise and premier customers stand on top of the queue (seed 001)."""
    times: tuple[TimeRead, ...] = ()


class PrioritySet(TicketFact):
    """The effective priority at opening. `pages`: it wakes someone; `obligation` is then the
    promise's id.

    Of an urgent one: `missing` is what to ask for (seed 001), one question an item; `began` when it
    began, in words.
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
    # The page it is owed; the notifier reads these, and the clocks of the ticket the rest.
    pages: bool = False
    obligation: str | None = None
    # What its notices need.
    subject: str = ""
    requester: str = ""
    verified: bool = True
    no_receipt: str = Field("", exclude_if=operator.not_)
    """Why no machine of ours confirms that the ticket arrived; empty: one does."""
    quiet_until: Instant | None = Field(None, exclude_if=operator.not_)
    """As in OpenTicket: the clocks of an imported ticket run, and are silent until then."""


class TicketRouted(TicketFact):
    """Where the ticket goes first. `queue` is `platform`, `csa` or `provider:<slug>`."""

    type: Literal["TicketRouted"] = "TicketRouted"
    queue: str
    trail: tuple[RuleTried, ...] = ()


class ScopeDecided(TicketFact):
    """What the requester is told about the scope or kind of the ticket: why, and where help is to
    be had (`pointers`).

    `rule` is the exclusion (`general_debugging`, …), `architecture_for_plans`,
    `break_fix_sent_as_architecture`, or `insisted`: then `information` is what the customer's side
    says, and a person looks. The ticket stays open.
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


# Suggestions, and who has it.
class ProviderSuggested(TicketFact):
    """Evidence too weak to assign on: an agent confirms with one click or dismisses it."""

    type: Literal["ProviderSuggested"] = "ProviderSuggested"
    provider: str
    because: tuple[str, ...]
    confidence: float | None = None
    """0 to 1: what the evidence adds up to; null in facts from before it was kept."""


class QueueSuggested(TicketFact):
    """The text reads like something for another queue of ours (`csa`). The ticket stays where it is
    until an agent or its customer says yes. `confidence` is 0 to 1.
    """

    type: Literal["QueueSuggested"] = "QueueSuggested"
    queue: str
    because: tuple[str, ...]
    confidence: float


class QueueSuggestionDismissed(TicketFact):
    type: Literal["QueueSuggestionDismissed"] = "QueueSuggestionDismissed"
    queue: str
    reason: str = ""


class SuggestionDismissed(TicketFact):
    type: Literal["SuggestionDismissed"] = "SuggestionDismissed"
    provider: str
    reason: str = ""


class TicketAssigned(TicketFact):
    """Given to a provider's agent account (`provider`) or taken to a queue of ours (`provider` is
    null).

    Carries what its notices need; `previous` is the provider that had it. `lane` and `obligations`:
    what it owes of pages, where one of ours did this, so that a page somebody acknowledged knows of
    the work (as in ReplyAdded and NoteAdded).
    """

    type: Literal["TicketAssigned"] = "TicketAssigned"
    queue: str
    provider: str | None
    previous: str | None = None
    reason: str = ""
    # What its notices need, so that nobody must look the ticket up.
    subject: str
    body: str = ""
    requester: str
    requester_name: str = ""
    participants: tuple[str, ...] = ()
    app: str | None = None
    priority: Priority
    lane: str = ""
    obligations: tuple[str, ...] = ()


class OwnerChanged(TicketFact):
    """Who of our staff has the ticket now: `owner`, an address; null: nobody. `previous` had it.

    `how`: `taken` by themselves, `handed-over` by a colleague, `released`, `moved` to another team
    of ours, `replied` (the policy says that who answers first has it), or `assigned` by the policy;
    then `trail` says by which rule.
    """

    type: Literal["OwnerChanged"] = "OwnerChanged"
    owner: str | None
    owner_name: str = ""
    previous: str | None = None
    how: Literal["taken", "handed-over", "released", "moved", "replied", "assigned"]
    reason: str = ""
    trail: tuple[RuleTried, ...] = Field((), exclude_if=operator.not_)
    subject: str = ""
    priority: Priority


class TicketTagged(TicketFact):
    """`tags`: all that the ticket has now, sorted. `added` and `removed`: what this changed; both
    are empty where all was so already.
    """

    type: Literal["TicketTagged"] = "TicketTagged"
    tags: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class TicketMerged(TicketFact):
    """The ticket ended here and goes on in ticket `into`; a TicketClosed follows.

    `is_shared`: its requester is on that ticket, too, and is told where it goes on; else only staff
    learn it. `waits`: its customer waits for an answer there. `obligations`: pages that end.
    """

    type: Literal["TicketMerged"] = "TicketMerged"
    into: str
    is_shared: bool
    waits: bool
    subject: str
    requester: str
    lane: str
    obligations: tuple[str, ...] = ()


class MergeNoted(TicketFact):
    """Ticket `merged` goes on in this one. `status` is what this one is now. `waits`: as in
    NoteMerge.
    """

    type: Literal["MergeNoted"] = "MergeNoted"
    merged: str
    status: Status
    waits: bool = False
    priority: Priority


# Priority after opening.
class PriorityReviewed(TicketFact):
    """`priority` replaces `previous`. A raise to urgent that pages has a new `obligation`.

    `trail`: why urgent pages or pages nobody. Left out of the JSON where it is empty, so that facts
    from before it are decided again to the same bytes.
    """

    type: Literal["PriorityReviewed"] = "PriorityReviewed"
    previous: Priority
    priority: Priority
    reason: str
    trail: Annotated[tuple[RuleTried, ...], Field(exclude_if=operator.not_)] = ()
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
    """The customer's side disputes the change that `changed_by` made (`system`: a rule did), once
    per change.
    """

    type: Literal["PriorityAppealed"] = "PriorityAppealed"
    information: str
    priority: Priority
    changed_by: str
    subject: str = ""
    requester: str = ""


class AppealDecided(TicketFact):
    """Final: the priority changes no more. Where it differs from `previous`, a PriorityReviewed
    follows and carries it out.
    """

    type: Literal["AppealDecided"] = "AppealDecided"
    previous: Priority
    priority: Priority
    reason: str
    subject: str = ""
    requester: str = ""


# What is said on it.
class ReplyAdded(TicketFact):
    """A reply. `side`: whose it is; `participants` (customer side, requester included) and
    `provider` are who may be told.

    `automatic`: it looks like a machine's and moved nothing, `automatic_because` of what.
    `doubtful`: only the subject line says so, and an agent should look.
    """

    type: Literal["ReplyAdded"] = "ReplyAdded"
    author: str
    author_name: str = ""
    side: Literal["customer", "staff", "provider"]
    audience: Audience
    via: Via
    body: str
    attachments: tuple[str, ...] = ()
    automatic: bool = False
    automatic_because: str = Field("", exclude_if=operator.not_)
    doubtful: bool = Field(False, exclude_if=operator.not_)
    quoted: str = ""
    """What the mail quoted below its own text: shown folded."""
    # The status after this reply.
    status: str
    # What its notices and clocks need.
    subject: str
    requester: str
    participants: tuple[str, ...] = ()
    provider: str | None = None
    priority: Priority
    lane: str = ""
    obligations: tuple[str, ...] = ()


class NoteAdded(TicketFact):
    """A staff note: seen by staff only, told to the colleagues it mentions. `subject` is there
    where it mentions somebody.
    """

    type: Literal["NoteAdded"] = "NoteAdded"
    author: str
    author_name: str = ""
    attachments: tuple[str, ...] = ()
    via: Via
    body: str
    mentions: tuple[str, ...] = Field((), exclude_if=operator.not_)
    subject: str = Field("", exclude_if=operator.not_)
    lane: str = ""
    obligations: tuple[str, ...] = ()


# Its end.
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
    """The reopen window is over, or it was merged: whoever has more to say opens a new ticket."""

    type: Literal["TicketClosed"] = "TicketClosed"
    reason: str = ""


class TicketRated(TicketFact):
    """1 (bad) to 5, for one solving; `previous` is the score that this one replaces."""

    type: Literal["TicketRated"] = "TicketRated"
    score: int
    comment: str = ""
    previous: int | None = None
    provider: str | None = None


# Who else takes part, and what staff may touch.
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
    """`participant` (`by`) holds a link of the ticket and confirmed, or was asked and agreed;
    `participants` are all of the customer's side now.
    """

    type: Literal["ParticipantJoined"] = "ParticipantJoined"
    participant: str
    participant_name: str = ""
    asked_by: str = Field("", exclude_if=operator.not_)
    """Who had asked them; empty where they came by a link."""
    subject: str
    requester: str
    participants: tuple[str, ...]


class ParticipantAsked(TicketFact):
    """`person` is asked by one mail whether they want to take part; until `expires_at` they can
    say yes. They are nothing to the ticket before. `subject` is empty where the mail must not name
    it. `asks`: how many there were on this ticket, with this one.
    """

    type: Literal["ParticipantAsked"] = "ParticipantAsked"
    person: str
    by_name: str = ""
    asks: int
    expires_at: Instant
    subject: str = ""
    requester: str


class ParticipantDeclined(TicketFact):
    """`person` said no thanks. They are not asked again about this ticket."""

    type: Literal["ParticipantDeclined"] = "ParticipantDeclined"
    person: str


class ParticipantRemoved(TicketFact):
    """`person` takes part no more, or is no longer asked; `participants` are those who are left.
    `left`: they left by themselves, which counts as no thanks.
    """

    type: Literal["ParticipantRemoved"] = "ParticipantRemoved"
    person: str
    left: bool
    participants: tuple[str, ...]


class AccessGranted(TicketFact):
    """Our staff may access the app and its add-ons to work on this ticket."""

    type: Literal["AccessGranted"] = "AccessGranted"
    app: str | None = None


class AccessEnded(TicketFact):
    type: Literal["AccessEnded"] = "AccessEnded"
    reason: str = ""


# Incidents it is about.
class TicketLinked(TicketFact):
    """The ticket is about this incident; with those of TicketOpened, `incidents` are all it is
    linked to now.
    """

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


# Mail that opened it.
class SenderConfirmed(TicketFact):
    """The requester confirmed that the mail was theirs. `pages`: what it asked for, and was
    entitled to, wakes someone now.
    """

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


# Requests that changed nothing.
class RequestRefused(TicketFact):
    """A request the router refused for good. `code` is a machine word, `reason` a sentence for the
    asker.
    """

    type: Literal["RequestRefused"] = "RequestRefused"
    request_type: str
    code: str
    reason: str
    mail: str = ""
    """The message the request came in, by its key on topic `mail`."""


class RequestParked(TicketFact):
    """A request for a ticket that is not open yet: kept, decided when the ticket opens, refused
    after a minute.
    """

    type: Literal["RequestParked"] = "RequestParked"
    # The whole request as it came: it is decided on when the ticket opens.
    request: dict[str, Any]
    until: Instant
