"""What people and machines ask for: imperative, written by intake only (topics `requests` and
`urgent`).
"""

from __future__ import annotations

import operator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import (
    Actor,
    Audience,
    Event,
    Instant,
    Kind,
    Plan,
    PolicyStamp,
    Priority,
    Stage,
    Status,
    Value,
)


# What every request has, and the parts they share.
class Request(Event):
    """Who asks (`actor`), under which policy versions (`policy`), with what body (`digest`: HMAC of
    its JSON as it came).

    The same id with another digest is a misuse of an Idempotency-Key and is refused.
    """

    actor: Actor
    policy: PolicyStamp
    digest: str = ""
    mail: str = ""
    """The message it came in, by its key on topic `mail`; empty where it came another way."""
    imported: str = ""
    """The system it was imported from, such as `zendesk`; `at` is then its time there. Empty: it is
    asked now.
    """


class UrgentDetails(Value):
    """The nine items of the urgent guide (seed 001), with the description being the ticket's body."""

    access_granted: bool | None = None
    users_affected: str | None = None
    business_impact: str | None = None
    steps_to_reproduce: str | None = None
    seen_in_staging: str | None = None
    staging_differences: str | None = None
    began_at: str | None = None
    logs: str | None = None
    configuration: str | None = None
    third_party_services: tuple[str, ...] | None = None


class TimeRead(Value):
    """A time as written in `field` (`began_at`, `logs`, `body`) and in UTC.

    `utc` None: it cannot be told, and `ambiguous_because` is what to ask. Both: a proposal for the
    writer to confirm.
    """

    field: str
    original: str
    utc: Instant | None = None
    ambiguous_because: str = ""


class AddonKnown(Value):
    """An add-on attached to the app at the time, with what its provider is recognised by."""

    slug: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class Load(Value):
    """How many live tickets a colleague has."""

    email: str
    tickets: int


class Admission(Value):
    """The outside facts a decision may use, as they were when intake accepted the request (DESIGN
    section 1, 3).
    """

    plan: Plan
    requester_name: str = ""
    app_owner: str | None = None
    app_stage: Stage | None = None
    app_collaborators: tuple[str, ...] = ()
    addons: tuple[AddonKnown, ...] = ()
    open_incidents: tuple[str, ...] = ()
    # Left out of the JSON where empty, here and below: requests from before the field keep their
    # bytes.
    loads: tuple[Load, ...] = Field((), exclude_if=operator.not_)
    """Where the policy gives a ticket to whoever has the fewest: empty where nobody could say."""


# Opening a ticket, and what is said on it.
class OpenTicket(Request):
    """Open ticket `key`. `lane` groups pages; `pages` says that the recorded facts entitle it to
    wake someone.

    `requester`: whom one of our staff (`actor`) opens it for; None: it is the asker's own. The
    admission is that of the requester. `follows`: the ticket that this one takes up again.
    """

    type: Literal["OpenTicket"] = "OpenTicket"
    requester: str | None = Field(None, exclude_if=operator.not_)
    follows: str | None = Field(None, exclude_if=operator.not_)
    subject: str
    body: str
    app: str | None = None
    addon: str | None = None
    priority: Priority | None = None
    kind: Kind = Kind.PROBLEM
    urgent: UrgentDetails | None = None
    attachments: tuple[str, ...] = ()
    # What intake knew; the router decides by this and looks nothing up.
    admission: Admission
    lane: str
    pages: bool = False
    times: tuple[TimeRead, ...] = ()
    verified: bool = True
    """False: it came by mail and nobody vouches for the sender. It wakes nobody until they confirm
    (ConfirmSender).
    """
    quoted: str = ""
    """What the mail quoted below its own text."""
    no_receipt: str = ""
    """Why no machine of ours confirms that it arrived; empty: one does."""
    quiet_until: Instant | None = Field(None, exclude_if=operator.not_)
    """Imported, and promised by us: its clocks run by its own times. Until then its history is
    still on its way, and they say nothing by themselves. None: an imported ticket has no clocks.
    """

    @property
    def for_whom(self) -> str:
        """The address of the requester: whose ticket it will be."""
        return self.requester or self.actor.email


class AddReply(Request):
    """`automatic` marks mail of a machine (RFC 3834): it never changes state or clocks.

    `automatic_because` says by what one knows. `doubtful`: only the subject line says so, and an
    agent should look.
    """

    type: Literal["AddReply"] = "AddReply"
    body: str
    audience: Audience = Audience.EVERYONE
    attachments: tuple[str, ...] = ()
    automatic: bool = False
    automatic_because: str = ""
    doubtful: bool = False
    quoted: str = ""
    """What the mail quoted below its own text."""
    mentions: tuple[str, ...] = Field((), exclude_if=operator.not_)
    """Colleagues whom a staff note names with `@`: addresses."""
    seen: int | None = Field(None, exclude_if=operator.not_)
    """The seq up to which the writer had read the ticket; null: not said. Refused where somebody
    else has answered since.
    """


class AsSeen(Value):
    """A ticket as the asker saw it; what is null may be as it is.

    `owner`: an address, empty for nobody. `queue`: such as `platform` or `provider:redisco`.
    `solved_at`: when it was solved last, by the fact of it.
    """

    owner: str | None = None
    queue: str | None = None
    priority: Priority | None = None
    solved_at: Instant | None = None


# For undoing: what a colleague did since must not be undone with it.
OnlyIf = Annotated[AsSeen | None, Field(exclude_if=operator.not_)]
"""Refused where the ticket is not so any more; null: it is done however the ticket is."""


# Who has the ticket.
class AssignTicket(Request):
    """To a provider's agent account (`provider`) or to a queue of ours (`platform`, `csa`): exactly
    one of them.

    `provider_known` is false where the directory had no such provider: the router refuses.
    """

    type: Literal["AssignTicket"] = "AssignTicket"
    provider: str | None = None
    queue: Literal["platform", "csa"] | None = None
    provider_known: bool = True
    only_if: OnlyIf = None


class HandBack(Request):
    """The provider gives the ticket back to the platform queue with a reason."""

    type: Literal["HandBack"] = "HandBack"
    reason: str


class TakeBack(Request):
    """Staff take the ticket from its provider with a reason.

    `missed`: the system does, because `provider` did not answer by then; void where it has, or
    another has the ticket.
    """

    type: Literal["TakeBack"] = "TakeBack"
    reason: str
    provider: str | None = None
    missed: Instant | None = None


class TakeTicket(Request):
    """The asker becomes the ticket's owner.

    `instead_of`: whom they saw as its owner, empty for nobody. It is refused where somebody else
    has it by then, so that two who take it at once do not take it from each other.
    """

    type: Literal["TakeTicket"] = "TakeTicket"
    instead_of: str = ""


class HandOverTicket(Request):
    """`to`, a colleague's address, becomes the ticket's owner.

    `to_is_staff` and `to_name`: what the directory says of them; False is refused.
    """

    type: Literal["HandOverTicket"] = "HandOverTicket"
    to: str
    to_name: str = ""
    to_is_staff: bool = True
    reason: str = ""
    only_if: OnlyIf = None


class ReleaseTicket(Request):
    """The ticket has no owner any more; its team sees it among what nobody has."""

    type: Literal["ReleaseTicket"] = "ReleaseTicket"
    reason: str = ""
    only_if: OnlyIf = None


class TagTicket(Request):
    """Tags to add and to remove; words as staff type them (`shared.tags.as_tag`)."""

    type: Literal["TagTicket"] = "TagTicket"
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class MergeTicket(Request):
    """The ticket ends, and what it is about goes on in ticket `into`.

    `into_status` and `into_people` (addresses of its customer's side): what intake saw of that
    ticket; a status of null: there is none, which is refused.
    """

    type: Literal["MergeTicket"] = "MergeTicket"
    into: str
    into_status: Status | None = None
    into_people: tuple[str, ...] = ()


class NoteMerge(Request):
    """Ticket `merged` goes on in this one: what intake asks because of its TicketMerged, in the
    name of whoever merged it. `waits`: its customer waits for an answer, and now does so here.
    """

    type: Literal["NoteMerge"] = "NoteMerge"
    merged: str
    waits: bool = False


# Disputes about what the rules decided: scope, suggestions, priority.
class InsistScope(Request):
    """The customer's side holds that support does cover it, and says why: a person will look."""

    type: Literal["InsistScope"] = "InsistScope"
    information: str


class DismissSuggestion(Request):
    """`queue`: the suggested queue is meant; null: the suggested provider, or the queue where no
    provider is suggested.
    """

    type: Literal["DismissSuggestion"] = "DismissSuggestion"
    reason: str = ""
    queue: Literal["csa"] | None = None


class AcceptSuggestion(Request):
    """The customer's side agrees that the ticket is for the queue that was suggested."""

    type: Literal["AcceptSuggestion"] = "AcceptSuggestion"
    queue: Literal["csa"] = "csa"


class ReviewPriority(Request):
    """Staff change the effective priority, with a reason.

    `any_stage`: urgent by a person's word pages for an app of any stage, where the plan pages at
    all. False in requests from before this rule.
    """

    type: Literal["ReviewPriority"] = "ReviewPriority"
    priority: Priority
    reason: str
    any_stage: bool = False
    only_if: OnlyIf = None


class AppealPriority(Request):
    """The customer's side disputes the last change of the priority, with what was not known."""

    type: Literal["AppealPriority"] = "AppealPriority"
    information: str


class DecideAppeal(Request):
    """A reviewer who did not make the change decides the appeal for good; `priority` may be what it
    is already. `any_stage`: as in ReviewPriority.
    """

    type: Literal["DecideAppeal"] = "DecideAppeal"
    priority: Priority
    reason: str
    any_stage: bool = False


# The end of a ticket.
class Solve(Request):
    type: Literal["Solve"] = "Solve"
    resolution: str


class Reopen(Request):
    type: Literal["Reopen"] = "Reopen"
    reason: str = ""
    only_if: OnlyIf = None


class CloseTicket(Request):
    """The system closes a solved ticket whose reopen window ended at `ended`; void where it was
    solved again since.
    """

    type: Literal["CloseTicket"] = "CloseTicket"
    ended: Instant


class RateTicket(Request):
    """The requester says how it went, after staff or a provider solved it."""

    type: Literal["RateTicket"] = "RateTicket"
    # Checked here too, so that no request outside the scale gets into the log.
    score: Annotated[int, Field(ge=1, le=5)]
    comment: str = ""


# Who takes part, and what staff may touch.
class ShareTicket(Request):
    """A link by which registered colleagues may join. `token_hash` is the SHA-256 of its token,
    which nobody keeps.
    """

    type: Literal["ShareTicket"] = "ShareTicket"
    token_hash: str
    expires_at: Instant


class RevokeShare(Request):
    """End every link of the ticket. Who joined by one stays."""

    type: Literal["RevokeShare"] = "RevokeShare"


class JoinTicket(Request):
    """The asker holds a link's token and wants to take part."""

    type: Literal["JoinTicket"] = "JoinTicket"
    token_hash: str


class AskParticipant(Request):
    """Ask the person `email` by mail whether they want to take part. `not_asked`: why intake asks
    nobody (our own address, staff, a stopped address, too many asks); the router refuses with it.
    """

    type: Literal["AskParticipant"] = "AskParticipant"
    email: str
    not_asked: str = Field("", exclude_if=operator.not_)


class AnswerAsk(Request):
    """The person who was asked says yes (`agree`) or no. `actor` is that person, signed in or by
    the link of the mail.
    """

    type: Literal["AnswerAsk"] = "AnswerAsk"
    agree: bool


class RemoveParticipant(Request):
    """The person `email` takes part no more, or is no longer asked. One's own address: to leave."""

    type: Literal["RemoveParticipant"] = "RemoveParticipant"
    email: str


class GrantAccess(Request):
    """The requester lets our staff access the app and its add-ons for this ticket, or ends that."""

    type: Literal["GrantAccess"] = "GrantAccess"
    granted: bool


# Incidents that it is about, and mail that opened it.
class LinkIncident(Request):
    """The ticket is about incident `incident_id`. `title` is empty where intake knows of no such
    public incident: refused.
    """

    type: Literal["LinkIncident"] = "LinkIncident"
    incident_id: str
    title: str = ""


class UnlinkIncident(Request):
    """The ticket is not about incident `incident_id` after all. `title`: the incident's, where
    intake knows it.
    """

    type: Literal["UnlinkIncident"] = "UnlinkIncident"
    incident_id: str
    title: str = ""


class ConfirmSender(Request):
    """The requester says, by the link only their mailbox got, that the mail which opened the ticket
    was theirs.
    """

    type: Literal["ConfirmSender"] = "ConfirmSender"


# Pages; the pager decides on these.
class Acknowledge(Request):
    """Acknowledge page `key` (a page id). `via_link` tells that a signed link was used."""

    type: Literal["Acknowledge"] = "Acknowledge"
    via_link: bool = False


class ResolvePage(Request):
    type: Literal["ResolvePage"] = "ResolvePage"


class EscalatePage(Request):
    type: Literal["EscalatePage"] = "EscalatePage"


class NotePage(Request):
    """A note on page `key`, for whoever handles it: what was seen, what was tried."""

    type: Literal["NotePage"] = "NotePage"
    body: str


class ReassignPage(Request):
    """Hand page `key` to `to`, a person of the on-call document: they are paged now."""

    type: Literal["ReassignPage"] = "ReassignPage"
    to: str


class VerifyContact(Request):
    """Send a code to contact method `method` of `person` (names of the on-call document). `key` is
    the lane `contact:<person>`.

    The code is derived from the method as the policy stamp has it and from `at`
    (shared/signed/contact_code.py); it stands nowhere.
    """

    type: Literal["VerifyContact"] = "VerifyContact"
    person: str
    method: str


class TestPage(Request):
    """Page `person`, of the on-call document, as a test. `key` is the lane of their test pages."""

    __test__ = False  # its name is no test's
    type: Literal["TestPage"] = "TestPage"
    person: str


# No requests of the router: each of these has a reader of its own.
class Heartbeat(Event):
    """Something that ought to run says that it does, again within `every`; null: it need not be
    expected any more.

    Nobody decides on it: the auditor misses it. `key` is derived from the account and `name`.
    """

    type: Literal["Heartbeat"] = "Heartbeat"
    name: str
    every: timedelta | None
    actor: Actor


class RedeliverNotice(Event):
    """Send notice `key` once more, under the same id: somebody has mended what it failed at, or
    lost what it had received.

    The courier sends it; the facts of the attempt tell of it. `actor`: staff, or the provider whose
    webhook it is.
    """

    type: Literal["RedeliverNotice"] = "RedeliverNotice"
    actor: Actor


class TestNotice(Event):
    """Send one notice as a test: a mail to whoever asks, or an event to the webhook of `provider`.
    The facts of its attempt tell what became of it. `key` is the notice.
    """

    __test__ = False  # its name is no test's
    type: Literal["TestNotice"] = "TestNotice"
    kind: Literal["mail", "webhook"]
    provider: str = ""
    actor: Actor
