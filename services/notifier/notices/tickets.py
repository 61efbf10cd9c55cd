"""Who is told what of a ticket: fact → the mails and webhooks it makes owed, and those left out on purpose. Pure.

| fact | told |
|---|---|
| PrioritySet | requester: `ticket-received` with its priority and why. One mail for TicketOpened and PrioritySet together |
| PrioritySet, not verified | requester: `confirm-sender`, once a day, with none of the mail's words |
| SenderConfirmed | requester: `ticket-received` |
| ReplyAdded | customers' side: `reply-added`; a customer's also the provider: `ticket.replied`; never its author |
| TicketAssigned | the provider: `ticket.assigned`; the one that had it before: `ticket.taken_back` |
| TicketReopened | the provider that has it: `ticket.reopened` |
| TicketSolved by staff or provider | customers' side: `ticket-solved`; the requester's has the one invitation to rate |
| PriorityReviewed | requester: `priority-reviewed`, with the reason; not where it carries out an AppealDecided |
| AppealDecided | requester: `appeal-decided`, with the reason |
| ScopeDecided | requester: `scope-decided`, with the reason and pointers; not where they insisted or are not confirmed |
| ParticipantJoined | requester: `participant-joined` |
| ClockWarned of the provider's answer | the provider: `ticket-reminder`, by mail only |

What is absent tells nobody: notes and appeals are for staff, who look at the desk; other clocks, pages and refusals are on the
screens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from services.notifier.notices.told import (
    AUTHOR,
    AUTOMATIC,
    MAIL_DESTINATION,
    NO_PROVIDER,
    OWN_ADDRESS,
    OWN_DOING,
    UNCONFIRMED,
    House,
    Lookup,
    Rule,
    Told,
    mail,
    provider_told,
    told,
)
from shared.events import (
    SYSTEM,
    AppealDecided,
    Audience,
    ClockName,
    ClockWarned,
    Fact,
    ParticipantJoined,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Scope,
    ScopeDecided,
    SenderConfirmed,
    TicketAssigned,
    TicketReopened,
    TicketSolved,
)

CONFIRM_WITHIN = timedelta(days=30)


def _customers(fact: ReplyAdded | TicketSolved) -> Iterator[str]:
    """Everybody on the customer's side, once; whoever did it (`fact.by`) knows."""
    people = dict.fromkeys(address.lower() for address in (fact.requester, *fact.participants))
    return (address for address in people if address != fact.by.lower())


def _received(fact: PrioritySet | SenderConfirmed, directory: Lookup, house: House) -> Iterator[Told]:
    if isinstance(fact, PrioritySet) and not fact.verified:
        # Anybody can be named in From: one mail a day, with a link and none of the words of whoever wrote it.
        url = house.confirm_url(fact.key, fact.requester.lower(), fact.at + CONFIRM_WITHIN)
        about = {"url": url, "link": "Confirm that it was you"}
        yield mail(fact, fact.requester, "confirm-sender", about, directory, house, once=fact.at.date().isoformat())
        return
    body = {
        "subject": fact.subject, "priority": fact.priority, "requested": fact.requested, "reason": fact.reason, "pages": fact.pages,
        "missing": list(fact.missing) if isinstance(fact, PrioritySet) else [],
    }  # fmt: skip
    yield mail(fact, fact.requester, "ticket-received", body, directory, house)


def _replied(fact: ReplyAdded, directory: Lookup, house: House) -> Iterator[Told]:
    # What we ask by ourselves (whether all is well after an incident) is no answer to anything, so it feeds no loop.
    because = AUTOMATIC if fact.automatic and fact.author != SYSTEM.email else ""
    reply = {"author": fact.author, "author_name": fact.author_name, "side": fact.side, "body": fact.body, "at": fact.at.isoformat()}
    if fact.audience is Audience.EVERYONE:
        body = {"subject": fact.subject, "reply": reply}
        for address in _customers(fact):
            yield mail(fact, address, "reply-added", body, directory, house, because)
    to_provider = {Audience.EVERYONE: fact.side == "customer", Audience.PROVIDER: fact.side != "provider", Audience.STAFF: False}
    if fact.provider and to_provider[fact.audience]:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        more = {"reply": {**reply, "audience": fact.audience}}
        yield from provider_told(fact, fact.provider, "ticket.replied", about, directory, house, more=more, because=because)


def _assigned(fact: TicketAssigned, directory: Lookup, house: House) -> Iterator[Told]:
    about = {"subject": fact.subject, "requester": fact.requester, "app": fact.app, "priority": fact.priority}
    if fact.previous and fact.previous != fact.provider:
        doer = (directory.get("accounts", fact.by.lower()) or {}).get("provider")
        itself = OWN_DOING if doer == fact.previous else ""
        yield from provider_told(
            fact, fact.previous, "ticket.taken_back", about, directory, house, more={"reason": fact.reason}, mail_because=itself
        )
    if fact.provider:
        about |= {"body": fact.body, "requester_name": fact.requester_name}
        yield from provider_told(fact, fact.provider, "ticket.assigned", about, directory, house, more={"reason": fact.reason})


def _reopened(fact: TicketReopened, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.provider:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        itself = OWN_DOING if fact.side == "provider" else ""
        yield from provider_told(
            fact, fact.provider, "ticket.reopened", about, directory, house, more={"reason": fact.reason}, mail_because=itself
        )


def _solved(fact: TicketSolved, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.side != "customer":
        for address in _customers(fact):
            rate_url = house.ticket_url(fact.key) + "#rate" if address == fact.requester.lower() else ""
            body = {"subject": fact.subject, "resolution": fact.resolution, "by": fact.by, "side": fact.side, "rate_url": rate_url}
            yield mail(fact, address, "ticket-solved", body, directory, house)


def _reviewed(fact: PriorityReviewed, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.final:
        return
    body = {"subject": fact.subject, "priority": fact.priority, "previous": fact.previous, "reason": fact.reason}
    because = AUTHOR if fact.by.lower() == fact.requester.lower() else ""
    yield mail(fact, fact.requester, "priority-reviewed", body, directory, house, because)


def _appeal_decided(fact: AppealDecided, directory: Lookup, house: House) -> Iterator[Told]:
    body = {"subject": fact.subject, "priority": fact.priority, "previous": fact.previous, "reason": fact.reason}
    yield mail(fact, fact.requester, "appeal-decided", body, directory, house)


def _scoped(fact: ScopeDecided, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.rule == "insisted":
        return
    body = {
        "subject": fact.subject, "reason": fact.reason, "pointers": list(fact.pointers), "not_covered": fact.scope is Scope.NOT_COVERED,
        "moved": fact.rule == "break_fix_sent_as_architecture",
    }  # fmt: skip
    yield mail(fact, fact.requester, "scope-decided", body, directory, house, "" if fact.verified else UNCONFIRMED)


def _joined(fact: ParticipantJoined, directory: Lookup, house: House) -> Iterator[Told]:
    """A link may end up where it was not sent: the requester hears of everybody who used it."""
    body = {"subject": fact.subject, "participant": fact.participant, "participant_name": fact.participant_name}
    yield mail(fact, fact.requester, "participant-joined", body, directory, house)


def _warned(fact: ClockWarned, directory: Lookup, house: House) -> Iterator[Told]:
    if fact.clock != ClockName.PROVIDER_ANSWER or not fact.provider:
        return
    provider = directory.get("providers", fact.provider)
    mailbox = str((provider or {}).get("agent_email", "")).lower()
    because = NO_PROVIDER if provider is None else OWN_ADDRESS if mailbox in house.own_addresses else ""
    name = (provider or {}).get("name", fact.provider)
    body = {"subject": fact.subject, "due_at": fact.due_at.isoformat(), "percent": fact.percent, "to_name": name}
    yield told(fact, "mail", mailbox or f"provider:{fact.provider}", "ticket-reminder", MAIL_DESTINATION, body, house, because)


TICKETS: Mapping[type[Fact], Rule] = {
    PrioritySet: _received,
    SenderConfirmed: _received,
    ReplyAdded: _replied,
    TicketAssigned: _assigned,
    TicketReopened: _reopened,
    TicketSolved: _solved,
    PriorityReviewed: _reviewed,
    AppealDecided: _appeal_decided,
    ScopeDecided: _scoped,
    ParticipantJoined: _joined,
}

CLOCKS: Mapping[type[Fact], Rule] = {ClockWarned: _warned}
