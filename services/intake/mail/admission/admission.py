"""What becomes of a message: (what it says, who vouches for it, what we know of sender and ticket)
→ outcome. Pure.

`RULES` is the table, tried in order; the first rule that has something to say decides, so every
message has an outcome. docs/evidence.md says for each rule which evidence it acts on.

| rule | says |
|---|---|
| unreadable | quarantine `unreadable`, `too-large` |
| our_own | quarantine `loop`: our own mail came back |
| bounce | quarantine `bounce`; the report itself becomes a MailBounced |
| nobody | quarantine `no-sender` |
| to_a_page | acknowledges a page: from a mailbox of the person paged, vouched for by DMARC or by
the address made for them; else quarantine `automatic` (an out-of-office wakes nobody up, and calms
nobody), `wrong-reply-token`, `unverified-acknowledgement`, `unknown-page` |
| a_sites_code | quarantine `verification-code`, for staff only: from nobody we know |
| by_token | a reply where the address was made for this sender, or they are vouched for and take
part; else quarantine `wrong-reply-token`, `not-a-participant` |
| by_reference | a reply where the sender is vouched for and takes part; else `unverified-reply`,
`not-a-participant` |
| by_subject | a reply where the subject names a ticket in which a sender who is vouched for takes
part |
| a_machine | quarantine `automatic`: machines open no tickets |
| a_stranger | quarantine `unknown-sender` (seed 000, section 2: a registered account's address) |
| too_many | quarantine `too-many`; never what would page |
| new | a ticket; not `verified` where nobody vouches for the sender |

A registered sender who is vouched for and cannot reply on the ticket they name gets a ticket of
their own. An app that is named and not theirs is plain text (`naming.py`), so no mail is refused as
`not-a-collaborator` any more.

Staff who release a message vouch for it: then the rules marked `_HELD` are passed over, and the
others decide on the world as it is by now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.intake.mail.admission.answering import explanation_of, why_not_answered
from services.intake.mail.admission.evidence import MailCase, NamedTicket
from services.intake.mail.admission.page_answers import Asked, read_action
from services.intake.mail.reading.models import Unreadable
from shared.access import Standing
from shared.events import Cause, Status


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A new ticket. `no_receipt`: why its arrival is not confirmed by itself; empty: it is.
    `follows`: the closed ticket that the mail answers, which takes no replies any more.
    """

    verified: bool
    no_receipt: str = ""
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class TicketReply:
    """A reply on `ticket_id`. `automatic`: it moves nothing, and `because` says why; `doubtful`:
    only the subject says so, and an agent should look.
    """

    ticket_id: str
    automatic: bool
    because: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """An answer to page `page` by `person`, as the on-call document names them and their account's
    address.
    """

    page: str
    person: str
    email: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Kept under `cause`; `unanswerable` empty: the sender is told."""

    cause: Cause
    explanation: str
    unanswerable: str
    ticket_id: str | None = None


Outcome = NewTicket | TicketReply | PageAnswer | Quarantine
Rule = Callable[[MailCase], Outcome | None]


def decide(case: MailCase) -> Outcome:
    """The first rule's word; see the table above."""
    for rule in RULES:
        if case.released and rule in _HELD:
            continue
        found = rule(case)
        if found is not None:
            return found
    raise AssertionError("the last rule always decides")


def unreadable(case: MailCase) -> Outcome | None:
    why = case.reading.unreadable
    if why is None:
        return None
    # Too large is told apart: such a message was never read at all.
    return _make_quarantine(
        case, Cause.TOO_LARGE if why is Unreadable.TOO_LARGE else Cause.UNREADABLE
    )


def our_own(case: MailCase) -> Outcome | None:
    machine = case.reading.automatic
    looped = case.is_loop or case.sender.is_ours or (machine is not None and machine.kind == "loop")
    return _make_quarantine(case, Cause.LOOP) if looped else None


def bounce(case: MailCase) -> Outcome | None:
    """A real report, or what a mailer's words look like: the latter says nothing against a customer
    who is vouched for.
    """
    machine = case.reading.automatic
    report = case.reading.bounce
    # Words like a mailer's in a customer's mail: perhaps they ask us about a bounce.
    if report is not None and not report.standard and case.is_customers:
        return None
    is_one = report is not None or (machine is not None and machine.kind == "bounce")
    return _make_quarantine(case, Cause.BOUNCE) if is_one else None


def nobody(case: MailCase) -> Outcome | None:
    return None if case.sender.address else _make_quarantine(case, Cause.NO_SENDER)


def to_a_page(case: MailCase) -> Outcome | None:
    named = case.page
    if named is None:
        return None
    if case.machine or case.away_words:
        return _make_quarantine(case, Cause.AUTOMATIC)  # the page goes on: a guess calms nobody
    # The seal was made for somebody else: a mail that was passed on acknowledges nothing.
    if named.by_token and named.person and not named.genuine and not case.released:
        return _make_quarantine(case, Cause.WRONG_REPLY_TOKEN)
    if not named.person or not case.is_vouched_for:
        return _make_quarantine(case, Cause.UNVERIFIED_ACKNOWLEDGEMENT)
    # Who answered is known, but no page of theirs is open.
    if not named.page:
        return _make_quarantine(case, Cause.UNKNOWN_PAGE)
    return PageAnswer(named.page, named.person, named.email, read_action(case.reading.reply))


def a_sites_code(case: MailCase) -> Outcome | None:
    """Only from an address we do not know: a customer may well write about such a mail."""
    if not case.reading.verification_code or case.sender.actor is not None:
        return None
    return _make_quarantine(case, Cause.VERIFICATION_CODE)


def by_token(case: MailCase) -> Outcome | None:
    named = case.named
    if named is None or not named.by_token:
        return None
    if not named.genuine and not case.is_customers:
        # Nobody vouches, and the address was not made for them: it may be a guess.
        return _make_quarantine(case, Cause.WRONG_REPLY_TOKEN)
    if not named.genuine and named.standing is None:
        return None  # they answered a mail that was not theirs, and get a ticket of their own
    return _reply(case, named)


def by_reference(case: MailCase) -> Outcome | None:
    named = case.named
    if named is None or named.by_token or named.by_subject:
        return None
    if not case.is_vouched_for:
        return _make_quarantine(case, Cause.UNVERIFIED_REPLY)
    return _reply(case, named)


def by_subject(case: MailCase) -> Outcome | None:
    """Anybody can write an id into a subject: where it does not lead to a ticket of theirs it is
    plain text.
    """
    named = case.named
    if named is None or not named.by_subject or not case.is_vouched_for:
        return None
    # Staff see every ticket, so an id in their subject proves nothing about the mail.
    if named.standing not in (Standing.CUSTOMER, Standing.PROVIDER):
        return None
    return None if named.status == Status.CLOSED else _reply(case, named)


def a_machine(case: MailCase) -> Outcome | None:
    """What a customer's own machines generate is taken, with no answer by itself; their
    autoresponders answer what we sent, and open nothing.
    """
    # Weak marks decide nothing here, and an emergency is never dropped for a mark.
    machine = case.reading.automatic
    if machine is None or not machine.certain or case.is_emergency:
        return None
    # A customer's monitoring may open tickets; it is answered by no machine of ours.
    if machine.kind in ("auto-generated", "bounce") and case.is_customers:
        return None
    return _make_quarantine(case, Cause.AUTOMATIC)


def a_stranger(case: MailCase) -> Outcome | None:
    return _make_quarantine(case, Cause.UNKNOWN_SENDER) if not case.sender.registered else None


def too_many(case: MailCase) -> Outcome | None:
    """A ceiling, so that a loop ends; an emergency is never one mail too many."""
    full = case.tally.tickets >= case.tally.most_tickets
    return _make_quarantine(case, Cause.TOO_MANY) if full and not case.is_emergency else None


def new(case: MailCase) -> Outcome | None:
    return NewTicket(case.is_vouched_for, case.why_no_receipt, _find_followed_ticket(case))


def _find_followed_ticket(case: MailCase) -> str | None:
    """The closed ticket of the sender's own that the mail is about; who is not vouched for could
    name anybody's.
    """
    named = case.named
    if named is None or not case.is_vouched_for or named.standing is not Standing.CUSTOMER:
        return None
    return named.ticket_id if named.status == Status.CLOSED else None


# The order matters: what is certain about the mail itself comes before what is known of the sender.
RULES: tuple[Rule, ...] = (
    unreadable,
    our_own,
    bounce,
    nobody,
    to_a_page,
    a_sites_code,
    by_token,
    by_reference,
    by_subject,
    a_machine,
    a_stranger,
    too_many,
    new,
)

_HELD: frozenset[Rule] = frozenset({our_own, bounce, a_sites_code, a_machine, too_many})
"""What staff overrule by releasing. The others are about the world: they must have changed, or it
stays in quarantine.
"""


def _reply(case: MailCase, named: NamedTicket) -> Outcome | None:
    """The sender is who they say. Whether they may write on this ticket is the router's word in the
    end. None: not on this ticket, and they get one of their own.
    """
    # Not known to the view: the router knows the ticket, and decides.
    takes_part = case.sender.actor is not None and (not named.known or named.standing is not None)
    if not takes_part:
        return None if case.is_customers else _make_quarantine(case, Cause.NOT_A_PARTICIPANT)
    # Machines reply without moving the ticket, or two of them could talk for ever.
    if case.machine:
        return _automatic(case, named, case.machine, doubtful=False)
    if words := case.away_words:
        because = f'its subject looks like an automatic answer\'s: "{words[:100]}"'
        return _automatic(case, named, because, doubtful=True)
    # A closed ticket takes no more replies: the customer gets a new one that follows it.
    if named.status == Status.CLOSED and named.standing is Standing.CUSTOMER and case.is_customers:
        return None  # it takes no replies any more
    if _is_over(case):
        return _make_quarantine(case, Cause.TOO_MANY)
    return TicketReply(named.ticket_id, automatic=False)


def _automatic(case: MailCase, named: NamedTicket, because: str, *, doubtful: bool) -> Outcome:
    if _is_over(case):
        return _make_quarantine(case, Cause.TOO_MANY)
    return TicketReply(named.ticket_id, automatic=True, because=because, doubtful=doubtful)


def _is_over(case: MailCase) -> bool:
    # Staff who release a message have looked at it: no ceiling for them.
    return case.tally.replies >= case.tally.most_replies and not case.released


def _make_quarantine(case: MailCase, cause: Cause) -> Quarantine:
    why_not = why_not_answered(
        cause,
        case.reading,
        case.envelope,
        case.authentication,
        sender=case.sender.address,
        vouched=case.is_vouched_for,
        behind_list=case.sender.behind_list,
    )
    # However good the reasons, there is an end: an answer could be what triggers the next mail.
    if not why_not and case.tally.told >= case.tally.most_told:
        why_not = f"they were told {case.tally.told} times within a day; more could feed a loop"
    return Quarantine(
        cause, explanation_of(cause), why_not, case.named.ticket_id if case.named else None
    )
