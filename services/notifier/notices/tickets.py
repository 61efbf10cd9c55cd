"""Who is told what of a ticket: fact → the mails and webhooks it makes owed, and those left out on
purpose. Pure.

| fact | told |
|---|---|
| PrioritySet | requester: `ticket-received` with its priority and why, and who of our staff
  opened it for them; left out where the mail it came by asks machines for no answer. One mail for
  TicketOpened and PrioritySet together |
| PrioritySet, not verified | requester: `confirm-sender`, once a day, with none of the mail's
  words |
| SenderConfirmed | requester: `ticket-received` |
| ReplyAdded | customers' side: `reply-added`; a customer's also the provider: `ticket.replied`;
  never its author |
| NoteAdded | the colleagues it mentions: `mentioned` |
| OwnerChanged, handed over | the new owner: `handed-over` |
| TicketAssigned | the provider: `ticket.assigned`; the one that had it before:
  `ticket.taken_back` |
| TicketReopened | the provider that has it: `ticket.reopened` |
| TicketSolved by staff or provider | customers' side: `ticket-solved`; the requester's has the one
  invitation to rate |
| TicketMerged | requester: `ticket-merged`, where they are on the other ticket, too; not where they
  merged it |
| PriorityReviewed | requester: `priority-reviewed`, with the reason; not where it carries out an
  AppealDecided |
| AppealDecided | requester: `appeal-decided`, with the reason |
| ScopeDecided | requester: `scope-decided`, with the reason and pointers; not where they insisted
  or are not confirmed |
| ParticipantJoined | requester: `participant-joined` |
| ParticipantAsked | whoever is asked, registered or not: `asked-to-join`, without a word of what was
  written |
| ClockWarned of the provider's answer | the provider: `ticket-reminder`, by mail only |

What is absent tells nobody: other notes and appeals are for staff, who look at the desk; other
clocks, pages and refusals are on the screens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from services.notifier.notices.told import (
    AUTHOR,
    AUTOMATIC,
    MAIL_DESTINATION,
    NO_ADDRESS,
    NO_PROVIDER,
    OWN_ADDRESS,
    OWN_DOING,
    UNCONFIRMED,
    DirectoryIndex,
    Rule,
    SenderIdentity,
    Told,
    mail,
    make_notice,
    provider_told,
)
from shared.events import (
    SYSTEM,
    AppealDecided,
    Audience,
    ClockName,
    ClockWarned,
    Fact,
    NoteAdded,
    OwnerChanged,
    ParticipantAsked,
    ParticipantJoined,
    PriorityReviewed,
    PrioritySet,
    ReplyAdded,
    Scope,
    ScopeDecided,
    SenderConfirmed,
    TicketAssigned,
    TicketMerged,
    TicketReopened,
    TicketSolved,
)
from shared.people.folding import fold_address, is_same_address

# Long, because somebody may read this mail weeks later and their ticket waits.
CONFIRM_WITHIN = timedelta(days=30)


def _customers(fact: ReplyAdded | TicketSolved) -> Iterator[str]:
    """Everybody on the customer's side, once; whoever did it (`fact.by`) knows."""
    people = dict.fromkeys(
        fold_address(address) for address in (fact.requester, *fact.participants)
    )
    return (address for address in people if address != fold_address(fact.by))


def _on_received(
    fact: PrioritySet | SenderConfirmed, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    if isinstance(fact, PrioritySet) and not fact.verified:
        # Anybody can be named in From: one mail a day, with a link and none of the words of whoever
        # wrote it.
        url = house.confirm_url(fact.key, fold_address(fact.requester), fact.at + CONFIRM_WITHIN)
        about = {"url": url, "link": "Confirm that it was you"}
        yield mail(
            fact,
            fact.requester,
            "confirm-sender",
            about,
            directory,
            house,
            once=fact.at.date().isoformat(),
        )
        return
    # One receipt for the opening and its priority together.
    body = {
        "subject": fact.subject,
        "priority": fact.priority,
        "requested": fact.requested,
        "reason": fact.reason,
        "pages": fact.pages,
        "missing": list(fact.missing) if isinstance(fact, PrioritySet) else [],
        "answer_by": at.isoformat() if (at := house.promised(fact)) else "",
    }
    # They did not write it themselves, so the mail says who did.
    if isinstance(fact, PrioritySet) and _is_opened_for_them(fact):
        opener = directory.get("accounts", fold_address(fact.by)) or {}
        body |= {"is_for_you": True, "opened_by": opener.get("name") or ""}
    # Recorded by intake: some mails ask machines not to answer.
    because = fact.no_receipt if isinstance(fact, PrioritySet) else ""
    yield mail(fact, fact.requester, "ticket-received", body, directory, house, because)


def _is_opened_for_them(fact: PrioritySet) -> bool:
    """One of our staff opened the ticket, not its requester."""
    return fact.by != SYSTEM.email and not is_same_address(fact.by, fact.requester)


def _on_replied(
    fact: ReplyAdded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    # What we ask by ourselves (whether all is well after an incident) is no answer to anything, so
    # it feeds no loop.
    because = AUTOMATIC if fact.automatic and fact.author != SYSTEM.email else ""
    reply = {
        "author": fact.author,
        "author_name": fact.author_name,
        "side": fact.side,
        "body": fact.body,
        "via": fact.via,
        "at": fact.at.isoformat(),
    }
    # The customers' side reads only what is for everybody.
    if fact.audience is Audience.EVERYONE:
        body = {"subject": fact.subject, "reply": reply}
        for address in _customers(fact):
            yield mail(fact, address, "reply-added", body, directory, house, because)
    # A provider hears of customers by public replies, of staff by replies to the provider alone.
    to_provider = {
        Audience.EVERYONE: fact.side == "customer",
        Audience.PROVIDER: fact.side != "provider",
        Audience.STAFF: False,
    }
    if fact.provider and to_provider[fact.audience]:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        more = {"reply": {**reply, "audience": fact.audience, "quoted": fact.quoted}}
        yield from provider_told(
            fact,
            fact.provider,
            "ticket.replied",
            about,
            directory,
            house,
            more=more,
            because=because,
        )


def _on_noted(fact: NoteAdded, directory: DirectoryIndex, house: SenderIdentity) -> Iterator[Told]:
    body = {
        "subject": fact.subject,
        "author_name": fact.author_name or fact.author,
        "body": fact.body,
    }
    # Who mentions themselves is left out, with a record.
    for address in fact.mentions:
        because = AUTHOR if is_same_address(address, fact.author) else ""
        yield mail(fact, address, "mentioned", body, directory, house, because)


def _on_owner_changed(
    fact: OwnerChanged, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Only what somebody else gave them: who takes a ticket knows, and a policy's choice is on the
    desk.
    """
    if fact.how != "handed-over" or not fact.owner:
        return
    by = (directory.get("accounts", fold_address(fact.by)) or {}).get("name") or fact.by
    body = {
        "subject": fact.subject,
        "by_name": by,
        "reason": fact.reason,
        "priority": fact.priority,
    }
    because = AUTHOR if is_same_address(fact.owner, fact.by) else ""
    yield mail(fact, fact.owner, "handed-over", body, directory, house, because)


def _on_assigned(
    fact: TicketAssigned, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    about = {
        "subject": fact.subject,
        "requester": fact.requester,
        "app": fact.app,
        "priority": fact.priority,
    }
    # Whoever had it keeps it where the same provider is named again.
    if fact.previous and fact.previous != fact.provider:
        doer = (directory.get("accounts", fold_address(fact.by)) or {}).get("provider")
        itself = OWN_DOING if doer == fact.previous else ""
        yield from provider_told(
            fact,
            fact.previous,
            "ticket.taken_back",
            about,
            directory,
            house,
            more={"reason": fact.reason},
            mail_because=itself,
        )
    # The new one has seen nothing of the ticket, so it gets the text.
    if fact.provider:
        about |= {"body": fact.body, "requester_name": fact.requester_name}
        yield from provider_told(
            fact,
            fact.provider,
            "ticket.assigned",
            about,
            directory,
            house,
            more={"reason": fact.reason},
        )


def _on_reopened(
    fact: TicketReopened, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    if fact.provider:
        about = {"subject": fact.subject, "requester": fact.requester, "priority": fact.priority}
        # Only the mail is left out: their machines want every event.
        itself = OWN_DOING if fact.side == "provider" else ""
        yield from provider_told(
            fact,
            fact.provider,
            "ticket.reopened",
            about,
            directory,
            house,
            more={"reason": fact.reason},
            mail_because=itself,
        )


def _on_solved(
    fact: TicketSolved, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    # Customers who solved their own ticket know.
    if fact.side != "customer":
        for address in _customers(fact):
            # Only the requester rates, so only they get the link.
            rate_url = (
                house.ticket_url(fact.key) + "#rate"
                if address == fold_address(fact.requester)
                else ""
            )
            body = {
                "subject": fact.subject,
                "resolution": fact.resolution,
                "by": fact.by,
                "side": fact.side,
                "rate_url": rate_url,
            }
            yield mail(fact, address, "ticket-solved", body, directory, house)


def _merged(fact: TicketMerged, directory: DirectoryIndex, house: SenderIdentity) -> Iterator[Told]:
    """Who is not on the other ticket does not learn that there is one."""
    if not fact.is_shared:
        return
    body = {
        "subject": fact.subject,
        "url": house.ticket_url(fact.into),
        "link": "Open the other ticket",
    }
    because = AUTHOR if is_same_address(fact.by, fact.requester) else ""
    yield mail(fact, fact.requester, "ticket-merged", body, directory, house, because)


def _on_reviewed(
    fact: PriorityReviewed, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    # Part of a decided appeal, which is told by its own mail.
    if fact.final:
        return
    body = {
        "subject": fact.subject,
        "priority": fact.priority,
        "previous": fact.previous,
        "reason": fact.reason,
    }
    because = AUTHOR if is_same_address(fact.by, fact.requester) else ""
    yield mail(fact, fact.requester, "priority-reviewed", body, directory, house, because)


def _on_appeal_decided(
    fact: AppealDecided, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    body = {
        "subject": fact.subject,
        "priority": fact.priority,
        "previous": fact.previous,
        "reason": fact.reason,
    }
    yield mail(fact, fact.requester, "appeal-decided", body, directory, house)


def _on_scope_decided(
    fact: ScopeDecided, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    # They insisted themselves; nothing is new to them.
    if fact.rule == "insisted":
        return
    body = {
        "subject": fact.subject,
        "reason": fact.reason,
        "pointers": list(fact.pointers),
        "not_covered": fact.scope is Scope.NOT_COVERED,
        "moved": fact.rule == "break_fix_sent_as_architecture",
    }
    yield mail(
        fact,
        fact.requester,
        "scope-decided",
        body,
        directory,
        house,
        "" if fact.verified else UNCONFIRMED,
    )


def _on_joined(
    fact: ParticipantJoined, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """A link may end up where it was not sent: the requester hears of everybody who used it."""
    body = {
        "subject": fact.subject,
        "participant": fact.participant,
        "participant_name": fact.participant_name,
    }
    yield mail(fact, fact.requester, "participant-joined", body, directory, house)


def _on_asked(
    fact: ParticipantAsked, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """The one mail about a ticket that goes to people we do not know: it has two links, and no word
    of the ticket but its subject.
    """
    to = fold_address(fact.person)
    account = directory.get("accounts", to) or {}
    asker = directory.get("accounts", fold_address(fact.by)) or {}
    url = house.take_part_url(fact.key, to, fact.expires_at)
    body = {
        "subject": fact.subject,
        "by_name": fact.by_name or asker.get("name") or fact.by,
        "url": url,
        "link": "Take part",
        "leave": "No thanks",
        "leave_url": f"{url}&answer=no",
        "until": f"{fact.expires_at:%d %B %Y}",
        "to_name": account.get("name", ""),
    }
    because = OWN_ADDRESS if to in house.own_addresses else ""
    if to.endswith(".invalid"):
        because = because or NO_ADDRESS
    yield make_notice(fact, "mail", to, "asked-to-join", MAIL_DESTINATION, body, house, because)


def _on_warned(
    fact: ClockWarned, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    # Other clocks warn our staff, on the desk.
    if fact.clock != ClockName.PROVIDER_ANSWER or not fact.provider:
        return
    provider = directory.get("providers", fact.provider)
    mailbox = fold_address(str((provider or {}).get("agent_email", "")))
    because = (
        NO_PROVIDER if provider is None else OWN_ADDRESS if mailbox in house.own_addresses else ""
    )
    name = (provider or {}).get("name", fact.provider)
    body = {
        "subject": fact.subject,
        "due_at": fact.due_at.isoformat(),
        "percent": fact.percent,
        "to_name": name,
    }
    yield make_notice(
        fact,
        "mail",
        mailbox or f"provider:{fact.provider}",
        "ticket-reminder",
        MAIL_DESTINATION,
        body,
        house,
        because,
    )


TICKETS: Mapping[type[Fact], Rule] = {
    # Opened, and what was decided of it at once.
    PrioritySet: _on_received,
    SenderConfirmed: _on_received,
    # What is said on it, and who has it.
    ReplyAdded: _on_replied,
    NoteAdded: _on_noted,
    OwnerChanged: _on_owner_changed,
    TicketAssigned: _on_assigned,
    TicketReopened: _on_reopened,
    TicketSolved: _on_solved,
    TicketMerged: _merged,
    # Later decisions on priority and scope.
    PriorityReviewed: _on_reviewed,
    AppealDecided: _on_appeal_decided,
    ScopeDecided: _on_scope_decided,
    # Who else takes part.
    ParticipantJoined: _on_joined,
    ParticipantAsked: _on_asked,
}

CLOCKS: Mapping[type[Fact], Rule] = {ClockWarned: _on_warned}
