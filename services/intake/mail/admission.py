"""What becomes of a message: (what it says, who vouches for it, what we know of sender and ticket) → outcome. Pure.

`RULES` is the table, tried in order; the first rule that has something to say decides, so every message has an outcome.

| rule | says |
|---|---|
| unreadable | quarantine `unreadable`, `too-large` |
| our_own | quarantine `loop`: our own mail came back |
| bounce | quarantine `bounce`; the report itself becomes a MailBounced |
| nobody | quarantine `no-sender` |
| to_a_page | acknowledges a page: from a mailbox of the person paged, vouched for by DMARC or by the address made for them; else quarantine
`automatic` (an out-of-office wakes nobody up, and calms nobody), `wrong-reply-token`, `unverified-acknowledgement`, `unknown-page` |
| a_sites_code | quarantine `verification-code`: for staff only (it may open somebody else's account) |
| by_token | a reply where the address was made for this sender; else quarantine `wrong-reply-token`, `not-a-participant` |
| by_reference | a reply where the sender is vouched for and takes part; else `unverified-reply`, `not-a-participant` |
| a_machine | quarantine `automatic`: machines open no tickets |
| a_stranger | quarantine `unknown-sender` (seed 000, section 2: a registered account's address) |
| no_access | quarantine `not-a-collaborator` (seed 000, section 2: collaborator access to the app named) |
| too_many | quarantine `too-many` |
| new | a ticket; not `verified` where nobody vouches for the sender |

Staff who release a message vouch for it: then the rules marked `_HELD` are passed over, and the others decide on the world as it
is by now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.intake.mail.answering import explanation_of, why_not_answered
from services.intake.mail.page_answers import Asked, PageNamed, asked_in
from services.intake.mail.reading.shape import Authentication, Envelope, Reading, Unreadable
from shared.access import Standing
from shared.events import Actor, Cause


@dataclass(frozen=True, slots=True)
class Sender:
    """The From address, in lower case, and whom it stands for: an account's actor, or a provider's by its designated address."""

    address: str
    actor: Actor | None
    registered: bool = False
    """It is an account's: only accounts open tickets."""
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """The ticket a message names. `genuine`: by a reply address made for this sender. `standing`: what the sender is to it.

    `known` false: the view does not know the ticket, or could not be asked: then the router decides.
    """

    ticket_id: str
    by_token: bool
    genuine: bool
    known: bool
    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What this sender has sent within the last hour, without this message, and how many may be."""

    tickets: int = 0
    replies: int = 0
    most_tickets: int = 20
    most_replies: int = 60


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known. `app_refused`: an app is named to which the sender has no access. `released`: staff vouch for it."""

    reading: Reading
    envelope: Envelope
    authentication: Authentication
    sender: Sender
    named: Named | None = None
    app_refused: bool = False
    is_loop: bool = False
    tally: Tally = Tally()
    released: bool = False
    page: PageNamed | None = None

    @property
    def is_vouched_for(self) -> bool:
        """By the From domain (DMARC), by the address only they were given, or by staff."""
        by_address = (self.named is not None and self.named.genuine) or (self.page is not None and self.page.genuine)
        return self.authentication.aligned or self.released or by_address


@dataclass(frozen=True, slots=True)
class Open:
    """A new ticket."""

    verified: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply on `ticket_id`; `automatic` moves nothing."""

    ticket_id: str
    automatic: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to page `page` by `person`, as the on-call document names them and their account's address."""

    page: str
    person: str
    email: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Kept under `cause`; `unanswerable` empty: the sender is told once."""

    cause: Cause
    explanation: str
    unanswerable: str
    ticket_id: str | None = None


Outcome = Open | Reply | Answer | Quarantine
Rule = Callable[[Case], Outcome | None]


def decide(case: Case) -> Outcome:
    """The first rule's word; see the table above."""
    for rule in RULES:
        if case.released and rule in _HELD:
            continue
        found = rule(case)
        if found is not None:
            return found
    raise AssertionError("the last rule always decides")


def unreadable(case: Case) -> Outcome | None:
    why = case.reading.unreadable
    if why is None:
        return None
    return _kept(case, Cause.TOO_LARGE if why is Unreadable.TOO_LARGE else Cause.UNREADABLE)


def our_own(case: Case) -> Outcome | None:
    machine = case.reading.automatic
    looped = case.is_loop or case.sender.is_ours or (machine is not None and machine.kind == "loop")
    return _kept(case, Cause.LOOP) if looped else None


def bounce(case: Case) -> Outcome | None:
    machine = case.reading.automatic
    is_one = case.reading.bounce is not None or (machine is not None and machine.kind == "bounce")
    return _kept(case, Cause.BOUNCE) if is_one else None


def nobody(case: Case) -> Outcome | None:
    return None if case.sender.address else _kept(case, Cause.NO_SENDER)


def to_a_page(case: Case) -> Outcome | None:
    named = case.page
    if named is None:
        return None
    if case.reading.automatic is not None:
        return _kept(case, Cause.AUTOMATIC)
    if named.by_token and named.person and not named.genuine and not case.released:
        return _kept(case, Cause.WRONG_REPLY_TOKEN)
    if not named.person or not case.is_vouched_for:
        return _kept(case, Cause.UNVERIFIED_ACKNOWLEDGEMENT)
    if not named.page:
        return _kept(case, Cause.UNKNOWN_PAGE)
    return Answer(named.page, named.person, named.email, asked_in(case.reading.reply))


def a_sites_code(case: Case) -> Outcome | None:
    """A customer who is known to be one may write of such a mail."""
    known = case.sender.actor is not None and case.is_vouched_for
    return _kept(case, Cause.VERIFICATION_CODE) if case.reading.verification_code and not known else None


def by_token(case: Case) -> Outcome | None:
    named = case.named
    if named is None or not named.by_token:
        return None
    if not named.genuine and not case.released:
        return _kept(case, Cause.WRONG_REPLY_TOKEN)
    return _reply(case, named)


def by_reference(case: Case) -> Outcome | None:
    named = case.named
    if named is None or named.by_token:
        return None
    if not case.is_vouched_for:
        return _kept(case, Cause.UNVERIFIED_REPLY)
    return _reply(case, named)


def a_machine(case: Case) -> Outcome | None:
    machine = case.reading.automatic
    return _kept(case, Cause.AUTOMATIC) if machine is not None and machine.certain else None


def a_stranger(case: Case) -> Outcome | None:
    return _kept(case, Cause.UNKNOWN_SENDER) if not case.sender.registered else None


def no_access(case: Case) -> Outcome | None:
    return _kept(case, Cause.NOT_A_COLLABORATOR) if case.app_refused else None


def too_many(case: Case) -> Outcome | None:
    return _kept(case, Cause.TOO_MANY) if case.tally.tickets >= case.tally.most_tickets else None


def new(case: Case) -> Outcome | None:
    return Open(case.is_vouched_for)


RULES: tuple[Rule, ...] = (
    unreadable, our_own, bounce, nobody, to_a_page, a_sites_code, by_token, by_reference, a_machine, a_stranger, no_access, too_many,
    new,
)  # fmt: skip

_HELD: frozenset[Rule] = frozenset({our_own, bounce, a_sites_code, a_machine, too_many})
"""What staff overrule by releasing. The others are about the world: they must have changed, or it stays in quarantine."""


def _reply(case: Case, named: Named) -> Outcome:
    """The sender is who they say. Whether they may write on this ticket is the router's word in the end."""
    if case.sender.actor is None or (named.known and named.standing is None):
        return _kept(case, Cause.NOT_A_PARTICIPANT)
    if case.tally.replies >= case.tally.most_replies and not case.released:
        return _kept(case, Cause.TOO_MANY)
    machine = case.reading.automatic
    return Reply(named.ticket_id, machine is not None and machine.kind != "list")


def _kept(case: Case, cause: Cause) -> Quarantine:
    why_not = why_not_answered(
        cause, case.reading, case.envelope, case.authentication, sender=case.sender.address, vouched=case.is_vouched_for
    )
    return Quarantine(cause, explanation_of(cause), why_not, case.named.ticket_id if case.named else None)
