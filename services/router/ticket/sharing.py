"""Who else takes part, and what our staff may touch: links, asking people, leaving, access to the
app. Pure.

Seed 001: any registered user who opens the link is added. Here they confirm first
(docs/decisions/0003-share-confirms.md). Nobody is put on a ticket: whoever is asked sees nothing of
it, and gets one mail, until they say yes (docs/decisions/0056-nobody-is-put-on-a-ticket.md).

| who is asked | what follows |
|---|---|
| takes part already | refused `already-joined` |
| said no thanks before, or left | refused `said-no-thanks` |
| was asked, and can still answer | refused `ask-pending` |
| intake says why not (`not_asked`) | refused `not-asked` |
| the ticket's sender is not confirmed | refused `not-confirmed` |
| all asks of the ticket are used up | refused `too-many-asks` |
| too many people take part | refused `too-many-participants` |
| else | ParticipantAsked, good for as long as the policy says |
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, next_status, standing_of
from services.router.ticket.row import TicketRow
from shared.access import Standing
from shared.errors import Refused
from shared.events import (
    AccessEnded,
    AccessGranted,
    AnswerAsk,
    AskParticipant,
    Fact,
    GrantAccess,
    JoinTicket,
    ParticipantAsked,
    ParticipantDeclined,
    ParticipantJoined,
    ParticipantRemoved,
    RemoveParticipant,
    RevokeShare,
    ShareRevoked,
    ShareTicket,
    TicketShared,
)
from shared.lifecycle import Move
from shared.people.folding import fold_address, is_same_address

# Limits keep the row small: all links and people of a ticket stay in memory.
MOST_LINKS = 20
MOST_PARTICIPANTS = 100


def on_share(row: TicketRow, request: ShareTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.SHARE)
    if sum(until > request.at for until in row.shares.values()) >= MOST_LINKS:
        raise Refused(
            "too-many-links",
            f"There are {MOST_LINKS} links of this ticket already; use one of them, or end them "
            "all first.",
        )
    return [
        TicketShared(**about(request), token_hash=request.token_hash, expires_at=request.expires_at)
    ]


def on_revoke(row: TicketRow, request: RevokeShare, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.REVOKE_SHARE)
    good = sum(until > request.at for until in row.shares.values())
    if not good:
        raise Refused("not-shared", "There is no link of this ticket to end.")
    return [ShareRevoked(**about(request), links=good)]


def on_join(row: TicketRow, request: JoinTicket, policy_of: PolicyOf) -> list[Fact]:
    """What is checked first is the token: without a good one nobody learns anything about the
    ticket.
    """
    until = row.shares.get(request.token_hash)
    if until is None or until <= request.at:
        raise Refused(
            "share-gone",
            "This link is no longer good: it was ended or has expired. Ask whoever sent it for a "
            "new one.",
        )
    actor = request.actor
    if actor.is_staff or actor.provider is not None:
        raise Refused(
            "not-for-you",
            "Staff and providers see tickets by their work; a link is for the customer's "
            "colleagues.",
        )
    next_status(row, Move.JOIN)
    # People who take part already: a second joining would tell the requester again.
    if fold_address(actor.email) in _people_of(row):
        raise Refused("already-joined", "You take part in this ticket already.")
    return [_join(row, request)]


def _join(row: TicketRow, request: JoinTicket | AnswerAsk, asked_by: str = "") -> ParticipantJoined:
    """The asker takes part from now on. Raises Refused where too many do already."""
    if len(row.participants) >= MOST_PARTICIPANTS:
        raise Refused(
            "too-many-participants",
            f"{MOST_PARTICIPANTS} people take part already; nobody else can join.",
        )
    actor = request.actor
    return ParticipantJoined(
        **about(request),
        participant=actor.email,
        participant_name=actor.name,
        asked_by=asked_by,
        subject=row.subject,
        requester=row.requester,
        participants=(*row.participants, actor.email),
    )


def on_ask(row: TicketRow, request: AskParticipant, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.ASK)
    _check_askable(row, request)
    rules = policy_of(request.policy).asks
    # Every ask counts, also one that was answered or is over: each of them was a mail.
    if row.asks >= rules.on_ticket:
        raise Refused(
            "too-many-asks",
            f"{row.asks} people were asked for this ticket; more than {rules.on_ticket} are not. "
            "Share a link instead.",
        )
    if len(row.participants) >= MOST_PARTICIPANTS:
        raise Refused(
            "too-many-participants",
            f"{MOST_PARTICIPANTS} people take part already; nobody else can be asked.",
        )
    return [
        ParticipantAsked(
            **about(request),
            person=request.email,
            by_name=request.actor.name,
            asks=row.asks + 1,
            expires_at=request.at + rules.good_for,
            subject=row.subject if rules.names_subject else "",
            requester=row.requester,
        )
    ]


def _check_askable(row: TicketRow, request: AskParticipant) -> None:
    """Raises Refused where this person is not asked about this ticket."""
    person = fold_address(request.email)
    if person in _people_of(row):
        raise Refused("already-joined", f"{request.email} takes part in this ticket already.")
    if person in row.declined:
        raise Refused(
            "said-no-thanks",
            f"{request.email} said no thanks, or left. Nobody is asked twice about one ticket "
            "after that.",
        )
    pending = row.asked.get(person)
    if pending is not None and pending.until > request.at:
        raise Refused("ask-pending", f"{request.email} was asked and has not answered yet.")
    if request.not_asked:
        raise Refused("not-asked", request.not_asked)
    # A forger's ticket must not make us write to others.
    if not row.verified:
        raise Refused(
            "not-confirmed",
            "This ticket came by mail and its sender has not confirmed it yet; ask others then.",
        )


def on_answer(row: TicketRow, request: AnswerAsk, policy_of: PolicyOf) -> list[Fact]:
    """What is checked first is that they were asked: nobody else learns anything about the
    ticket.
    """
    actor = request.actor
    pending = row.asked.get(fold_address(actor.email))
    if pending is None:
        raise Refused(
            "not-asked-to-join",
            "You are not asked to take part in this ticket, or no longer: it was answered, taken "
            "back, or the ticket is closed.",
        )
    # No thanks is heard at any time, so that nobody is asked again.
    if not request.agree:
        next_status(row, Move.DECLINE)
        return [ParticipantDeclined(**about(request), person=actor.email)]
    if pending.until <= request.at:
        raise Refused("ask-expired", "This was asked too long ago. Have them ask you again.")
    if actor.is_staff or actor.provider is not None:
        raise Refused(
            "not-for-you",
            "Staff and providers see tickets by their work; only the customer's colleagues join.",
        )
    next_status(row, Move.JOIN)
    return [_join(row, request, asked_by=pending.by)]


def on_remove(row: TicketRow, request: RemoveParticipant, policy_of: PolicyOf) -> list[Fact]:
    """Staff and the requester remove anybody but the requester, everybody themselves, and whoever
    asked somebody takes that back.
    """
    next_status(row, Move.DECLINE)
    person = fold_address(request.email)
    if is_same_address(person, row.requester):
        raise Refused("not-allowed", "The ticket is the requester's: they stay on it.")
    pending = row.asked.get(person)
    if pending is None and person not in _people_of(row):
        raise Refused("not-on-it", f"{request.email} does not take part and is not asked.")
    actor = request.actor
    itself = is_same_address(actor.email, person)
    may_any = standing_of(row, request) is Standing.STAFF or is_same_address(
        actor.email, row.requester
    )
    is_own_ask = pending is not None and is_same_address(actor.email, pending.by)
    if not (itself or may_any or is_own_ask):
        raise Refused(
            "not-allowed", "Only the requester and support remove others; you can leave yourself."
        )
    left = tuple(each for each in row.participants if fold_address(each) != person)
    return [
        ParticipantRemoved(**about(request), person=request.email, left=itself, participants=left)
    ]


def _people_of(row: TicketRow) -> set[str]:
    return {fold_address(each) for each in (row.requester, *row.participants)}


def on_access(row: TicketRow, request: GrantAccess, policy_of: PolicyOf) -> list[Fact]:
    if not is_same_address(request.actor.email, row.requester):
        raise Refused("not-allowed", "Only the requester lets staff access the app.")
    next_status(row, Move.GRANT_ACCESS)
    if request.granted is row.access:
        raise Refused(
            "already-so",
            f"Our staff {'may' if row.access else 'may not'} access the app for this ticket "
            "already.",
        )
    if request.granted:
        return [AccessGranted(**about(request), app=row.app)]
    return [AccessEnded(**about(request), reason="the requester ended it")]
