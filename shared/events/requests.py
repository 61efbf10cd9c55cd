"""What people and machines ask for: imperative, written by intake only (topics `requests` and `urgent`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import Actor, Audience, Event, Instant, Kind, Plan, PolicyStamp, Priority, Stage, Value


class Request(Event):
    """Who asks (`actor`), under which policy versions (`policy`), with what body (`digest`: HMAC of its JSON as it came).

    The same id with another digest is a misuse of an Idempotency-Key and is refused.
    """

    actor: Actor
    policy: PolicyStamp
    digest: str = ""
    mail: str = ""
    """The message it came in, by its key on topic `mail`; empty where it came another way."""
    imported: str = ""
    """The system it was imported from, such as `zendesk`; `at` is then its time there. Empty: it is asked now."""


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

    `utc` None: it cannot be told, and `ambiguous_because` is what to ask. Both: a proposal for the writer to confirm.
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


class Admission(Value):
    """The outside facts a decision may use, as they were when intake accepted the request (DESIGN section 1, 3)."""

    plan: Plan
    requester_name: str = ""
    app_owner: str | None = None
    app_stage: Stage | None = None
    app_collaborators: tuple[str, ...] = ()
    addons: tuple[AddonKnown, ...] = ()
    open_incidents: tuple[str, ...] = ()


class OpenTicket(Request):
    """Open ticket `key`. `lane` groups pages; `pages` says that the recorded facts entitle it to wake someone."""

    type: Literal["OpenTicket"] = "OpenTicket"
    subject: str
    body: str
    app: str | None = None
    addon: str | None = None
    priority: Priority | None = None
    kind: Kind = Kind.PROBLEM
    urgent: UrgentDetails | None = None
    attachments: tuple[str, ...] = ()
    admission: Admission
    lane: str
    pages: bool = False
    times: tuple[TimeRead, ...] = ()
    verified: bool = True
    """False: it came by mail and nobody vouches for the sender. It wakes nobody until they confirm (ConfirmSender)."""
    quoted: str = ""
    """What the mail quoted below its own text."""


class AddReply(Request):
    """`automatic` marks mail of a machine (RFC 3834): it never changes state or clocks."""

    type: Literal["AddReply"] = "AddReply"
    body: str
    audience: Audience = Audience.EVERYONE
    attachments: tuple[str, ...] = ()
    automatic: bool = False
    quoted: str = ""
    """What the mail quoted below its own text."""


class AssignTicket(Request):
    """To a provider's agent account (`provider`) or to a queue of ours (`platform`, `csa`): exactly one of them.

    `provider_known` is false where the directory had no such provider: the router refuses.
    """

    type: Literal["AssignTicket"] = "AssignTicket"
    provider: str | None = None
    queue: Literal["platform", "csa"] | None = None
    provider_known: bool = True


class HandBack(Request):
    """The provider gives the ticket back to the platform queue with a reason."""

    type: Literal["HandBack"] = "HandBack"
    reason: str


class TakeBack(Request):
    """Staff take the ticket from its provider with a reason.

    `missed`: the system does, because `provider` did not answer by then; void where it has, or another has the ticket.
    """

    type: Literal["TakeBack"] = "TakeBack"
    reason: str
    provider: str | None = None
    missed: Instant | None = None


class InsistScope(Request):
    """The customer's side holds that support does cover it, and says why: a person will look."""

    type: Literal["InsistScope"] = "InsistScope"
    information: str


class DismissSuggestion(Request):
    type: Literal["DismissSuggestion"] = "DismissSuggestion"
    reason: str = ""


class ReviewPriority(Request):
    """Staff change the effective priority, with a reason. `pages`: the new one entitles to wake someone."""

    type: Literal["ReviewPriority"] = "ReviewPriority"
    priority: Priority
    reason: str


class AppealPriority(Request):
    """The customer's side disputes the last change of the priority, with what was not known."""

    type: Literal["AppealPriority"] = "AppealPriority"
    information: str


class DecideAppeal(Request):
    """A reviewer who did not make the change decides the appeal for good; `priority` may be what it is already."""

    type: Literal["DecideAppeal"] = "DecideAppeal"
    priority: Priority
    reason: str


class Solve(Request):
    type: Literal["Solve"] = "Solve"
    resolution: str


class Reopen(Request):
    type: Literal["Reopen"] = "Reopen"
    reason: str = ""


class CloseTicket(Request):
    """The system closes a solved ticket whose reopen window ended at `ended`; void where it was solved again since."""

    type: Literal["CloseTicket"] = "CloseTicket"
    ended: Instant


class RateTicket(Request):
    """The requester says how it went, after staff or a provider solved it."""

    type: Literal["RateTicket"] = "RateTicket"
    score: Annotated[int, Field(ge=1, le=5)]
    comment: str = ""


class ShareTicket(Request):
    """A link by which registered colleagues may join. `token_hash` is the SHA-256 of its token, which nobody keeps."""

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


class GrantAccess(Request):
    """The requester lets our staff access the app and its add-ons for this ticket, or ends that."""

    type: Literal["GrantAccess"] = "GrantAccess"
    granted: bool


class LinkIncident(Request):
    """The ticket is about incident `incident_id`. `title` is empty where intake knows of no such public incident: refused."""

    type: Literal["LinkIncident"] = "LinkIncident"
    incident_id: str
    title: str = ""


class UnlinkIncident(Request):
    """The ticket is not about incident `incident_id` after all. `title`: the incident's, where intake knows it."""

    type: Literal["UnlinkIncident"] = "UnlinkIncident"
    incident_id: str
    title: str = ""


class ConfirmSender(Request):
    """The requester says, by the link only their mailbox got, that the mail which opened the ticket was theirs."""

    type: Literal["ConfirmSender"] = "ConfirmSender"


class Acknowledge(Request):
    """Acknowledge page `key` (a page id). `via_link` tells that a signed link was used."""

    type: Literal["Acknowledge"] = "Acknowledge"
    via_link: bool = False


class ResolvePage(Request):
    type: Literal["ResolvePage"] = "ResolvePage"


class EscalatePage(Request):
    type: Literal["EscalatePage"] = "EscalatePage"


class VerifyContact(Request):
    """Send a code to contact method `method` of `person` (names of the on-call document). `key` is the lane `contact:<person>`.

    The code is derived from the method as the policy stamp has it and from `at` (shared/contact_code.py); it stands nowhere.
    """

    type: Literal["VerifyContact"] = "VerifyContact"
    person: str
    method: str


class Heartbeat(Event):
    """Something that ought to run says that it does, again within `every`; null: it need not be expected any more.

    Nobody decides on it: the auditor misses it. `key` is derived from the account and `name`.
    """

    type: Literal["Heartbeat"] = "Heartbeat"
    name: str
    every: timedelta | None
    actor: Actor


class RedeliverNotice(Event):
    """Send notice `key` once more, under the same id: somebody has mended what it failed at, or lost what it had received.

    The courier sends it; the facts of the attempt tell of it. `actor`: staff, or the provider whose webhook it is.
    """

    type: Literal["RedeliverNotice"] = "RedeliverNotice"
    actor: Actor
